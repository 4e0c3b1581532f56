/** A table that was made of many steps routes as one that is made at once. */
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { TableBuilder } from '../../../src/table/builder.ts';
import type { NamedFrontend, TableBackend, TableChange } from '../../../src/table/input.ts';
import { RoutingTable } from '../../../src/table/reader.ts';
import { validateTable } from '../../../src/table/validate.ts';
import { backend, frontend, server } from './inputs.ts';
import { naiveRoute, PROPERTY_RUNS, request, tableRoute, term } from './routing-cases.ts';

const NOTHING = { backends: [], frontends: [], goneBackends: [], goneFrontends: [] };

function named(name: string, backendName: string, part: Partial<NamedFrontend> = {}): NamedFrontend {
  const { otherBackends: _, ...plain } = frontend(name, [{ kind: 'host', hosts: [`${name}.example`] }]);
  return { ...plain, ...part, backend: backendName };
}

function tableAfter(builder: TableBuilder, change: Partial<TableChange>): RoutingTable {
  const { base } = builder.apply({ ...NOTHING, generation: 1, ...change });
  validateTable(base);
  return new RoutingTable(base, false);
}

const BACKENDS = ['b0', 'b1', 'b2'].map((name, slot) =>
  backend({ name, slot, servers: [server({ name: `${name}s`, slot })] }),
);

const step = fc.record({
  put: fc.array(
    fc.record({
      name: fc.nat({ max: 29 }).map((i) => `f${i}`),
      terms: fc.array(term, { maxLength: 3 }),
      rank: fc.nat({ max: 4 }),
      entryPoints: fc.constantFrom(1, 2, 3),
      backend: fc.nat({ max: 2 }),
    }),
    { maxLength: 25 },
  ),
  drop: fc.array(
    fc.nat({ max: 29 }).map((i) => `f${i}`),
    { maxLength: 10 },
  ),
});

test('after any steps the table routes as a walk over the frontends that are left, to their backends', () => {
  const cases = fc.tuple(fc.array(step, { maxLength: 6 }), fc.array(request, { minLength: 15, maxLength: 30 }));
  fc.assert(
    fc.property(cases, ([steps, requests]) => {
      const builder = new TableBuilder();
      const all = new Map<string, NamedFrontend>();
      tableAfter(builder, { backends: BACKENDS });
      let generation = 1;
      for (const { put, drop } of steps) {
        const frontends = new Map(
          put.map((part) => [
            part.name,
            named(part.name, `b${part.backend}`, { ...part, backend: `b${part.backend}` }),
          ]),
        );
        const goneFrontends = drop.filter((name) => !frontends.has(name));
        for (const name of goneFrontends) all.delete(name);
        for (const [name, each] of frontends) all.set(name, each);
        const change = {
          generation: generation + 1,
          frontends: [...frontends.values()],
          goneFrontends,
        };
        const table = tableAfter(builder, change);
        generation += 1;
        const walk = [...all.values()].map(({ otherBackends: _, ...each }) => ({ ...each, backend: 0 }));
        for (const each of requests) {
          const expected = naiveRoute(walk, each, false);
          assert.equal(tableRoute(table, each), expected, JSON.stringify(each));
          const { entryPoint, method, host, path } = each;
          const found = table.route(entryPoint, method, host, path);
          if (found !== null) assert.equal(found.backend.name, all.get(found.name)?.backend);
        }
      }
    }),
    { numRuns: PROPERTY_RUNS },
  );
});

test('a changed backend has its new servers, one that is gone has none, and one that returns is found again', () => {
  const builder = new TableBuilder();
  const frontends = BACKENDS.map(({ name }) => named(`f-${name}`, name));
  tableAfter(builder, { backends: BACKENDS, frontends });
  const serversOf = (table: RoutingTable, name: string) =>
    table.route(0, 'GET', `f-${name}.example`, '/')?.backend.servers.map((each) => each.slot);
  const slotsIn = (table: RoutingTable): number[] => {
    const slots: number[] = [];
    table.forEachServerSlot((slot) => slots.push(slot));
    return slots.sort((a, b) => a - b);
  };
  const two: TableBackend = { ...BACKENDS[1], servers: [server({ slot: 7 }), server({ name: 's2', slot: 8 })] };
  const changed = tableAfter(builder, { generation: 2, backends: [two] });
  assert.deepEqual([serversOf(changed, 'b0'), serversOf(changed, 'b1'), serversOf(changed, 'b2')], [[0], [7, 8], [2]]);
  assert.deepEqual(slotsIn(changed), [0, 2, 7, 8]);
  const gone = tableAfter(builder, { generation: 3, goneBackends: ['b1'], goneFrontends: ['f-b1'] });
  assert.deepEqual([serversOf(gone, 'b1'), serversOf(gone, 'b2'), slotsIn(gone)], [undefined, [2], [0, 2]]);
  const back = tableAfter(builder, { generation: 4, backends: [BACKENDS[1]], frontends: [frontends[1]] });
  assert.deepEqual([serversOf(back, 'b1'), slotsIn(back)], [[1], [0, 1, 2]]);
});

test('options bring the backends that they name, by name, as long as the frontend is there', () => {
  const builder = new TableBuilder();
  const errors = { options: { errors: { page: 'b2' } }, otherBackends: ['b2', 'b1'] };
  const first = tableAfter(builder, { backends: BACKENDS, frontends: [named('f', 'b0', errors), named('g', 'b0')] });
  const found = first.route(0, 'GET', 'f.example', '/')!;
  assert.deepEqual(found.options, errors.options);
  assert.deepEqual([...found.otherBackends!.keys()], ['b2', 'b1']);
  assert.equal(found.otherBackends!.get('b2')?.servers[0].slot, 2);
  assert.equal(first.route(0, 'GET', 'g.example', '/')?.otherBackends, null);
  const two: TableBackend = { ...BACKENDS[2], servers: [server({ slot: 9 })] };
  const second = tableAfter(builder, { generation: 2, backends: [two] });
  assert.equal(second.route(0, 'GET', 'f.example', '/')!.otherBackends!.get('b2')?.servers[0].slot, 9);
  const lost = { generation: 3, frontends: [named('f', 'b0', { ...errors, otherBackends: ['nobody'] })] };
  assert.throws(() => builder.apply({ ...NOTHING, ...lost }), { code: 'UNKNOWN_BACKEND' });
});

test('ten thousand changes leave a table that is no larger than it must be', () => {
  const builder = new TableBuilder();
  const { base: first } = builder.apply({
    ...NOTHING,
    generation: 1,
    backends: BACKENDS,
    frontends: [named('f', 'b0')],
  });
  let last = first;
  for (let i = 1; i <= 10_000; i++) {
    const change = { ...NOTHING, generation: i + 1 };
    const rule = { terms: [{ kind: 'host' as const, hosts: [`h${i}.example`] }] };
    last = builder.apply({ ...change, backends: [BACKENDS[i % 3]], frontends: [named('f', 'b0', rule)] }).base;
  }
  assert.ok(last.byteLength < first.byteLength + 600_000, `${last.byteLength} bytes`);
  const table = new RoutingTable(last, false);
  assert.equal(table.route(0, 'GET', 'h10000.example', '/')?.name, 'f');
  assert.equal(table.route(0, 'GET', 'h9999.example', '/'), null);
});

test('after a step that failed the next one has what was told with it', () => {
  const builder = new TableBuilder();
  tableAfter(builder, { generation: 5, backends: BACKENDS });
  const lost = { ...NOTHING, generation: 6, frontends: [named('f', 'nobody'), named('g', 'b1')] };
  assert.throws(() => builder.apply(lost), { code: 'UNKNOWN_BACKEND', message: 'frontend f has no backend nobody' });
  assert.throws(() => builder.apply({ ...NOTHING, generation: 7 }), { code: 'UNKNOWN_BACKEND' });
  const mended = tableAfter(builder, { generation: 8, goneFrontends: ['f'] });
  assert.equal(mended.generation, 8);
  assert.equal(mended.route(0, 'GET', 'g.example', '/')?.backend.name, 'b1');
});
