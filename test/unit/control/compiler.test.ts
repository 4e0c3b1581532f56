import assert from 'node:assert/strict';
import test from 'node:test';
import { TableCompiler } from '../../../src/control/compiler.ts';
import { toTableInput } from '../../../src/control/table-input.ts';
import type { Backend, Frontend, Model, Server } from '../../../src/model/model.ts';
import { SlotRegistry } from '../../../src/shared/slots.ts';
import type { TableInput } from '../../../src/table/input.ts';
import { RoutingTable } from '../../../src/table/reader.ts';

function server(name: string, port: number): Server {
  const hostHeader = `127.0.0.1:${port}`;
  return { name, url: `http://${hostHeader}`, scheme: 'http', host: '127.0.0.1', port, hostHeader, weight: 1 };
}

function frontend(name: string, backend: string, entryPoints: string[]): Frontend {
  const route = { name: 'r', rule: `Host:${name}.example` };
  const terms = [{ kind: 'host' as const, hosts: [`${name}.example`] }];
  return { name, backend, entryPoints, routes: [route], priority: 0, rank: 9, passHostHeader: true, terms };
}

function model(backends: Backend[], frontends: Frontend[]): Model {
  return {
    backends: new Map(backends.map((backend) => [backend.name, backend])),
    frontends: new Map(frontends.map((each) => [each.name, each])),
    certificates: new Map(),
    problems: new Map(),
  };
}

const small = model(
  [
    { name: 'b1', method: 'wrr', pipelining: 0, servers: [server('s1', 1), server('s2', 2)] },
    { name: 'b2', method: 'wrr', pipelining: 0, servers: [server('s1', 1)] },
  ],
  [frontend('f1', 'b2', ['https', 'http']), frontend('f2', 'b1', ['https'])],
);

function registries(capacity = 100): [SlotRegistry, SlotRegistry] {
  return [
    new SlotRegistry({ kind: 'backend', reuse: false, capacity }),
    new SlotRegistry({ kind: 'server', reuse: true, capacity }),
  ];
}

test('a model becomes a table in another thread, and its routes work', async (t) => {
  const compiler = new TableCompiler();
  t.after(() => compiler.close());
  const table = new RoutingTable(
    await compiler.compile(toTableInput(small, ['http', 'https'], ...registries(), 4)),
    false,
  );
  assert.equal(table.generation, 4);
  assert.equal(table.route(0, 'GET', 'f1.example', '/')?.backend.name, 'b2');
  assert.equal(table.route(1, 'GET', 'f1.example', '/')?.backend.name, 'b2');
  assert.equal(table.route(0, 'GET', 'f2.example', '/'), null);
  const view = table.route(1, 'GET', 'f2.example', '/');
  assert.deepEqual(
    view?.backend.servers.map(({ name, slot }) => [name, slot]),
    [
      ['s1', 0],
      ['s2', 1],
    ],
  );
  assert.equal(table.route(0, 'GET', 'f1.example', '/')?.backend.servers[0].slot, 2);
});

test('tables come out in the order they were asked for, and one that fails costs only itself', async (t) => {
  const compiler = new TableCompiler();
  t.after(() => compiler.close());
  const slots = registries();
  const inputs = [1, 2, 3].map((generation) => toTableInput(small, ['http'], ...slots, generation));
  const broken = { ...inputs[1], backends: [null] } as unknown as TableInput;
  const made: number[] = [];
  const results = await Promise.allSettled(
    [inputs[0], broken, inputs[2]].map(async (each) => {
      await compiler.compile(each);
      made.push(each.generation);
    }),
  );
  assert.deepEqual(made, [1, 3]);
  assert.deepEqual(
    results.map((result) => result.status),
    ['fulfilled', 'rejected', 'fulfilled'],
  );
  const { reason } = results[1] as PromiseRejectedResult;
  assert.equal(reason.code, 'COMPILE_FAILED');
  assert.match(reason.message, /^the routing table of generation 2 was not made: /);
});

test('a table that its reader would get lost in is not handed out', async (t) => {
  const compiler = new TableCompiler();
  t.after(() => compiler.close());
  const good = toTableInput(small, ['http'], ...registries(), 1);
  const lost = { ...good, frontends: good.frontends.map((each) => ({ ...each, backend: 7 })) };
  await assert.rejects(compiler.compile(lost), /a frontend has no backend/);
});

test('slots survive generations, and entrypoints are bits in their given order', () => {
  const slots = registries();
  toTableInput(small, ['http'], ...slots, 1);
  const reversed = model([...small.backends.values()].reverse(), [...small.frontends.values()]);
  const input = toTableInput(reversed, ['admin', 'http', 'https'], ...slots, 2);
  assert.deepEqual(
    input.backends.map(({ name, slot }) => [name, slot]),
    [
      ['b2', 1],
      ['b1', 0],
    ],
  );
  assert.deepEqual(
    input.frontends.map(({ entryPoints, backend }) => [entryPoints, backend]),
    [
      [0b110, 0],
      [0b100, 1],
    ],
  );
  assert.equal(slots[0].nameOf(1), 'b2');
});

test('more entrypoints or backends than there is room for are refused with the reason', () => {
  const names = Array.from({ length: 33 }, (_, i) => `e${i}`);
  assert.throws(() => toTableInput(small, names, ...registries(), 1), { code: 'TOO_MANY_ENTRY_POINTS' });
  assert.throws(() => toTableInput(small, ['http'], ...registries(1), 1), { code: 'SLOTS_FULL' });
});
