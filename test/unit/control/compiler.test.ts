import assert from 'node:assert/strict';
import test from 'node:test';
import { MOST_ANEW, MOST_OVERLAID, TableCompiler } from '../../../src/control/routing/compiler.ts';
import { TableFeed, type Told } from '../../../src/control/routing/table-feed.ts';
import { atOnce } from '../../../src/kernel/steps.ts';
import type { Backend, Frontend, Model, Server } from '../../../src/model/model.ts';
import { SlotRegistry } from '../../../src/shared/slots.ts';
import type { TableChange, Tables } from '../../../src/table/input.ts';
import { RoutingTable } from '../../../src/table/reader.ts';

function server(name: string, port: number): Server {
  const hostHeader = `127.0.0.1:${port}`;
  return { name, url: `http://${hostHeader}`, scheme: 'http', host: '127.0.0.1', port, hostHeader, weight: 1 };
}

function frontend(name: string, backend: string, entryPoints: string[]): Frontend {
  const route = { name: 'r', rule: `Host:${name}.example` };
  const terms = [{ kind: 'host' as const, hosts: [`${name}.example`] }];
  return {
    name,
    backend,
    entryPoints,
    routes: [route],
    priority: 0,
    rank: 9,
    passHostHeader: true,
    terms,
    options: {},
  };
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
  return [new SlotRegistry({ kind: 'backend', capacity }), new SlotRegistry({ kind: 'server', capacity })];
}

/** New, as far as anybody looks. */
function named(...names: string[]): Map<string, null> {
  return new Map(names.map((name) => [name, null]));
}

/** Everything as one step. */
function touchAll(feed: TableFeed, of: Model): void {
  feed.touch({ backends: new Map(of.backends), frontends: new Map(of.frontends) });
}

function toldAll(feed: TableFeed, of: Model, generation: number): Told {
  touchAll(feed, of);
  return feed.next(of, generation);
}

function allOf(of: Model, entryPoints: string[], slots: [SlotRegistry, SlotRegistry], generation: number): TableChange {
  return toldAll(new TableFeed(entryPoints, ...slots), of, generation).change;
}

function readerOf({ base, overlay }: Tables): RoutingTable {
  return new RoutingTable(base, false, overlay);
}

test('a model becomes a table, and its routes work', async (t) => {
  const compiler = new TableCompiler();
  t.after(() => compiler.close());
  const { tables } = await compiler.compile(allOf(small, ['http', 'https'], registries(), 4));
  const table = readerOf(tables);
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
  const inputs = [1, 2, 3].map((generation) => allOf(small, ['http'], slots, generation));
  const broken = { ...inputs[1], backends: [null] } as unknown as TableChange;
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

test('a frontend that the reader would get lost in is left out, with the reason', async (t) => {
  const compiler = new TableCompiler();
  t.after(() => compiler.close());
  const good = allOf(small, ['http'], registries(), 1);
  const lost = { ...good, frontends: good.frontends.map((each) => ({ ...each, backend: 'b7' })) };
  const { tables, refused } = await compiler.compile(lost);
  assert.deepEqual(
    refused.map(({ name, reason }) => `${name}: ${reason}`),
    ['f1: frontend f1 has no backend b7', 'f2: frontend f2 has no backend b7'],
  );
  assert.equal(readerOf(tables).route(0, 'GET', 'f1.example', '/'), null);
});

test('slots survive generations, and entrypoints are bits in their given order', () => {
  const slots = registries();
  allOf(small, ['http'], slots, 1);
  const reversed = model([...small.backends.values()].reverse(), [...small.frontends.values()]);
  const input = allOf(reversed, ['admin', 'http', 'https'], slots, 2);
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
      [0b110, 'b2'],
      [0b100, 'b1'],
    ],
  );
  assert.equal(slots[0].nameOf(1), 'b2');
});

test('more entrypoints or backends than there is room for are refused with the reason', () => {
  const names = Array.from({ length: 33 }, (_, i) => `e${i}`);
  assert.throws(() => allOf(small, names, registries(), 1), { code: 'TOO_MANY_ENTRY_POINTS' });
  const { change, refused } = toldAll(new TableFeed(['http'], ...registries(1)), small, 1);
  assert.deepEqual(
    refused.map(({ kind, name }) => `${kind}/${name}`),
    ['backends/b1', 'backends/b2'],
  );
  assert.match(refused[0].reason, /all 1 slots are taken/);
  assert.deepEqual([change.backends, change.frontends, change.goneFrontends], [[], [], ['f1', 'f2']]);
});

/** `count` backends with a frontend each. */
function many(count: number): Model {
  const numbers = Array.from({ length: count }, (_, i) => i);
  return model(
    numbers.map((i) => ({ name: `b${i}`, method: 'wrr', pipelining: 0, servers: [server('s', i + 1)] })),
    numbers.map((i) => frontend(`f${i}`, `b${i}`, ['http'])),
  );
}

test('what has changed of more than a few objects lies over them, and of a few it is told with the rest', async (t) => {
  for (const [frontends, isOverlaid] of [
    [MOST_ANEW / 2, false],
    [MOST_ANEW / 2 + 1, true],
  ] as const) {
    const compiler = new TableCompiler();
    t.after(() => compiler.close());
    const of = many(frontends);
    const feed = new TableFeed(['http'], ...registries(1_000));
    const { tables: first } = await compiler.compile(toldAll(feed, of, 1).change);
    assert.equal(first.overlay, null);
    feed.made();
    const moved = { ...of.backends.get('b1')!, servers: [server('s', 9_000)] };
    (of.backends as Map<string, Backend>).set('b1', moved);
    feed.touch({ backends: named('b1'), frontends: named() });
    const { tables } = await compiler.compile(feed.next(of, 2).change);
    assert.deepEqual([tables.overlay !== null, tables.base === first.base], [isOverlaid, isOverlaid]);
    const table = readerOf(tables);
    const ports = ['f0', 'f1'].map((name) => table.route(0, 'GET', `${name}.example`, '/')?.backend.servers[0].port);
    assert.deepEqual(ports, [1, 9_000]);
  }
});

test('a very large step becomes a base in another thread, and small ones lie over it until they are part of the next', async (t) => {
  const compiler = new TableCompiler();
  t.after(() => compiler.close());
  const of = many(MOST_OVERLAID);
  const feed = new TableFeed(['http'], ...registries(10_000));
  touchAll(feed, of);
  const base = compiler.begin(feed.size)!;
  let parts = 0;
  const told = feed.telling(of, 1, (part) => {
    base.add(part);
    parts++;
  });
  const first = await compiler.compile(atOnce(told).change, base);
  assert.equal(first.tables.overlay, null);
  assert.ok(parts > 2, 'the thread has had most of it before all was told');
  let table = readerOf(first.tables);
  const serverOf = (name: string) => table.route(0, 'GET', `${name}.example`, '/')?.backend.servers[0].port;
  assert.deepEqual([serverOf('f0'), serverOf('f2047'), serverOf('f2048')], [1, 2048, undefined]);
  feed.made();
  let generation = 1;
  let tables = first.tables;
  /** A change per step, until there is another base. */
  while (tables.base === first.tables.base && generation < 20_000) {
    generation++;
    const name = `b${generation % MOST_OVERLAID}`;
    (of.backends as Map<string, Backend>).set(name, {
      ...of.backends.get(name)!,
      servers: [server('s', 10_000 + generation)],
    });
    const step = { backends: named(name), frontends: named() };
    if (generation === 2) {
      (of.frontends as Map<string, Frontend>).delete('f1');
      step.frontends.set('f1', null);
    }
    feed.touch(step);
    ({ tables } = await compiler.compile(feed.next(of, generation).change));
    feed.made();
    // So that the thread can answer.
    if (generation > MOST_OVERLAID) await new Promise((resolve) => setImmediate(resolve));
  }
  assert.notEqual(tables.base, first.tables.base);
  table = readerOf(tables);
  assert.equal(serverOf('f1'), undefined);
  assert.deepEqual([serverOf('f0'), serverOf('f5'), serverOf('f2047')].includes(undefined), false);
  for (const [name, { servers }] of of.backends) {
    if (name !== 'b1') assert.equal(serverOf(name.replace('b', 'f')), servers[0].port);
  }
});

test('of a step that could not be made all is told once more', () => {
  const feed = new TableFeed(['http'], ...registries());
  toldAll(feed, small, 1);
  feed.made();
  const renamed = { ...small, frontends: new Map([['f1', frontend('f1', 'b1', ['http'])]]) };
  feed.touch({ backends: named(), frontends: named('f1', 'f2') });
  const step = feed.next(renamed, 2).change;
  assert.deepEqual([step.frontends.length, step.goneFrontends, step.backends], [1, ['f2'], []]);
  feed.failed();
  assert.deepEqual(feed.next(renamed, 3).change, { ...step, generation: 3 });
  feed.made();
  assert.deepEqual(feed.next(renamed, 4).change.goneFrontends, []);
});

test('the slot of a server is free for others once its server is gone from every table, and not before', () => {
  const [backends, servers] = registries(2);
  const feed = new TableFeed(['http'], backends, servers);
  const of = (...ports: number[]): Model =>
    model([{ name: 'b', method: 'wrr', pipelining: 0, servers: ports.map((port) => server(`s${port}`, port)) }], []);
  const touched = { backends: named('b'), frontends: named() };
  const slotsOf = ({ change }: Told): number[] => change.backends[0].servers.map(({ slot }) => slot);
  feed.touch(touched);
  assert.deepEqual(slotsOf(feed.next(of(1, 2), 1)), [0, 1]);
  feed.made();
  // A server that no step names for a long time still has its slot.
  servers.retire(50);
  feed.touch(touched);
  const { change, refused } = feed.next(of(1, 2, 3), 51);
  assert.deepEqual([change.goneBackends, refused.map(({ name }) => name)], [['b'], ['b']]);
  feed.failed();
  feed.touch(touched);
  assert.deepEqual(slotsOf(feed.next(of(2), 52)), [1]);
  feed.made();
  servers.retire(52);
  feed.touch(touched);
  assert.deepEqual(slotsOf(feed.next(of(2, 3), 53)), [1, 0]);
});

test('the slot of a backend is free for others once every worker routes without it', () => {
  const [backends, servers] = registries(1);
  const feed = new TableFeed(['http'], backends, servers);
  const of = (name: string): Model => model([{ name, method: 'wrr', pipelining: 0, servers: [] }], []);
  const step = (name: string, generation: number): Told => {
    feed.touch({ backends: named('b1', 'b2'), frontends: named() });
    const told = feed.next(of(name), generation);
    feed.made();
    return told;
  };
  assert.deepEqual(step('b1', 1).refused, []);
  assert.deepEqual(
    step('b2', 2).refused.map(({ name }) => name),
    ['b2'],
  );
  backends.retire(2);
  const told = step('b2', 3);
  assert.deepEqual([told.refused, told.change.backends.map(({ slot }) => slot)], [[], [0]]);
});
