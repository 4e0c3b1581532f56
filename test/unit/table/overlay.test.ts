/** A base with its overlay routes as one table of everything does, whatever came and went, also after bases were merged. */
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { TableBuilder } from '../../../src/table/builder.ts';
import type { NamedFrontend, TableBackend, TableChange, Tables } from '../../../src/table/input.ts';
import { mergeTables } from '../../../src/table/merge.ts';
import { RoutingTable } from '../../../src/table/reader.ts';
import { validateTable, validateTables } from '../../../src/table/validate.ts';
import type { BackendView, FrontendView } from '../../../src/table/views.ts';
import { backend, frontend, server } from './inputs.ts';
import { PROPERTY_RUNS, type Request, request, term } from './routing-cases.ts';

const NOTHING = { backends: [], frontends: [], goneBackends: [], goneFrontends: [] };

function named(name: string, backendName: string, part: Partial<NamedFrontend> = {}): NamedFrontend {
  const { otherBackends: _, ...plain } = frontend(name, [{ kind: 'host', hosts: [`${name}.example`] }]);
  return { ...plain, ...part, backend: backendName };
}

function numbered(prefix: string, most: number) {
  return fc.nat({ max: most }).map((i) => `${prefix}${i}`);
}

/** A few steps touch most of them, so that all that may happen to one does. */
const step = fc.record({
  frontends: fc.array(
    fc.record({
      name: numbered('f', 29),
      terms: fc.array(term, { maxLength: 3 }),
      rank: fc.oneof(fc.nat({ max: 3 }), fc.constant(2 ** 40)),
      entryPoints: fc.constantFrom(1, 2, 3),
      backend: numbered('b', 5),
      other: fc.option(numbered('b', 5), { nil: null, freq: 2 }),
    }),
    { maxLength: 15 },
  ),
  backends: fc.array(
    fc.record({
      name: numbered('b', 5),
      weights: fc.array(fc.nat({ max: 3 }), { maxLength: 3 }),
      other: fc.option(numbered('b', 5), { nil: null, freq: 2 }),
    }),
    { maxLength: 3 },
  ),
  goneFrontends: fc.array(numbered('f', 29), { maxLength: 8 }),
  goneBackends: fc.array(numbered('b', 5), { maxLength: 1 }),
  /** What becomes of the base behind it. */
  next: fc.constantFrom('nothing', 'nothing', 'begins merge', 'merges'),
  /** A worker may not have seen it. */
  isSeen: fc.boolean(),
});
type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;

/** What there is, and the steps that lead there, as the control plane keeps and tells them. */
class Everything {
  readonly backends = new Map<string, TableBackend>();
  readonly frontends = new Map<string, NamedFrontend>();

  change({ frontends, backends, goneFrontends, goneBackends }: Step, generation: number): TableChange {
    const told = { backends: new Set<string>(), frontends: new Set<string>() };
    for (const name of goneBackends) if (this.backends.delete(name)) told.backends.add(name);
    for (const { name, weights, other } of backends) {
      const slot = Number(name.slice(1));
      const servers = weights.map((weight, i) => server({ name: `s${i}`, slot: slot * 10 + i, weight }));
      const others = other === null ? {} : { otherBackends: [other] };
      this.backends.set(name, backend({ name, slot, servers, ...others }));
      told.backends.add(name);
    }
    for (const name of goneFrontends) if (this.frontends.delete(name)) told.frontends.add(name);
    for (const { name, backend: to, other, ...part } of frontends) {
      const options = other === null ? {} : { options: { errors: { to: other } }, otherBackends: [other] };
      this.frontends.set(name, named(name, to, { ...part, ...options }));
      told.frontends.add(name);
    }
    // Without a backend that it names there is no frontend, and a backend is told again when one that it names comes or goes.
    for (const [name, { backend: to, otherBackends = [] }] of this.frontends) {
      if ([to, ...otherBackends].every((each) => this.backends.has(each))) continue;
      this.frontends.delete(name);
      told.frontends.add(name);
    }
    for (const { name, otherBackends = [] } of this.backends.values()) {
      if (otherBackends.some((other) => told.backends.has(other))) told.backends.add(name);
    }
    return {
      generation,
      backends: [...told.backends].flatMap((name) => this.backends.get(name) ?? []),
      frontends: [...told.frontends].flatMap((name) => this.frontends.get(name) ?? []),
      goneBackends: [...told.backends].filter((name) => !this.backends.has(name)),
      goneFrontends: [...told.frontends].filter((name) => !this.frontends.has(name)),
    };
  }

  table(): RoutingTable {
    const all = { ...NOTHING, generation: 1, backends: [...this.backends.values()] };
    const { base } = new TableBuilder().apply({ ...all, frontends: [...this.frontends.values()] });
    return new RoutingTable(base, false);
  }
}

function shownBackend(view: BackendView, depth = 2): object {
  const { name, slot, schedule, servers } = view;
  const others = depth === 0 ? [] : Array.from({ length: 6 }, (_, i) => view.other(`b${i}`));
  const shown = others.map((other) => (other === null ? null : shownBackend(other, depth - 1)));
  return { name, slot, schedule: [...schedule], servers: servers.map((each) => ({ ...each })), others: shown };
}

function shown(view: FrontendView | null): object | null {
  if (view === null) return null;
  const { name, passHostHeader, options, otherBackends } = view;
  const others = [...(otherBackends ?? [])].map(([key, other]) => [key, shownBackend(other)]);
  return { name, passHostHeader, options, backend: shownBackend(view.backend), others };
}

function routed(table: RoutingTable, { entryPoint, method, host, path }: Request): unknown {
  return [shown(table.route(entryPoint, method, host, path)), table.redirectSlash];
}

function slotsIn(table: RoutingTable): number[] {
  const slots: number[] = [];
  table.forEachServerSlot((slot) => slots.push(slot));
  return slots.sort((a, b) => a - b);
}

/** As a very large step is, each object of which is a part here. */
function appliedInParts(before: Tables | null, change: TableChange): RoutingTable {
  const { generation, backends, frontends } = change;
  const builder = new TableBuilder(before === null ? null : mergeTables(before));
  builder.take({ ...change, backends: [], frontends: [] });
  for (const each of backends) builder.take({ ...NOTHING, generation, backends: [each] });
  for (const each of frontends) builder.take({ ...NOTHING, generation, frontends: [each] });
  const { base, overlay } = builder.apply({ ...NOTHING, generation });
  validateTables({ base, overlay });
  return new RoutingTable(base, false, overlay);
}

test('after any steps and merges a base with its overlay routes as one table of everything', () => {
  const cases = fc.tuple(fc.array(step, { maxLength: 8 }), fc.array(request, { minLength: 10, maxLength: 20 }));
  fc.assert(
    fc.property(cases, ([steps, requests]) => {
      const everything = new Everything();
      const builder = new TableBuilder();
      let merging: Tables | null = null;
      let before: Tables | null = null;
      let worker: RoutingTable | null = null;
      let generation = 0;
      for (const each of steps) {
        const change = everything.change(each, ++generation);
        const parted: RoutingTable | null = each.isSeen ? appliedInParts(before, change) : null;
        const tables = builder.apply(change);
        before = tables;
        validateTables(tables);
        const fresh = everything.table();
        const late = new RoutingTable(tables.base, false, tables.overlay);
        // As another thread gets them: with objects of its own for the same memory.
        if (each.isSeen) {
          const { base, overlay } = structuredClone(tables);
          worker = new RoutingTable(base, false, overlay, worker);
          assert.deepEqual(slotsIn(worker), slotsIn(fresh));
        }
        for (const one of requests) {
          const expected = routed(fresh, one);
          assert.deepEqual(routed(late, one), expected, JSON.stringify(one));
          if (each.isSeen) assert.deepEqual(routed(worker!, one), expected, JSON.stringify(one));
          if (parted !== null) assert.deepEqual(routed(parted, one), expected, JSON.stringify(one));
        }
        if (each.next === 'begins merge') merging = tables;
        if (each.next !== 'merges') continue;
        const next = mergeTables(merging ?? tables);
        validateTable(next);
        merging = null;
        builder.rebase(next);
      }
    }),
    { numRuns: PROPERTY_RUNS },
  );
});

const BACKENDS = ['b0', 'b1', 'b2'].map((name, slot) =>
  backend({ name, slot, servers: [server({ name: `${name}s`, slot })] }),
);

/** A base of three backends with a frontend each, the third of which names the second in its options, and a reader of it. */
function threeRoutes(): { readonly builder: TableBuilder; readonly table: RoutingTable } {
  const builder = new TableBuilder();
  const options = { options: { errors: {} }, otherBackends: ['b1'] };
  const frontends = [named('f0', 'b0'), named('f1', 'b1'), named('f2', 'b2', options)];
  const { base } = builder.apply({ ...NOTHING, generation: 1, backends: BACKENDS, frontends });
  builder.rebase(base);
  return { builder, table: new RoutingTable(base, false) };
}

function viewsOf(table: RoutingTable): (FrontendView | null)[] {
  return ['f0', 'f1', 'f2'].map((name) => table.route(0, 'GET', `${name}.example`, '/'));
}

test('what a change does not touch keeps its views, and so all that a worker has made of it', () => {
  const { builder, table } = threeRoutes();
  const before = viewsOf(table);
  const twice: TableBackend = { ...BACKENDS[1], servers: [server({ slot: 1 }), server({ name: 'x', slot: 9 })] };
  let tables = builder.apply({ ...NOTHING, generation: 2, backends: [twice] });
  const second = new RoutingTable(tables.base, false, tables.overlay, table);
  const after = viewsOf(second);
  assert.equal(after[0], before[0]);
  assert.notEqual(after[1], before[1]);
  assert.notEqual(after[2], before[2]);
  assert.equal(after[2]!.backend, before[2]!.backend);
  assert.equal(after[2]!.otherBackends!.get('b1'), after[1]!.backend);
  assert.deepEqual(second.leftServers, []);

  builder.rebase(mergeTables(tables));
  tables = builder.apply({ ...NOTHING, generation: 3, frontends: [named('new', 'b1')] });
  const merged = new RoutingTable(tables.base, false, tables.overlay, second);
  assert.deepEqual(
    viewsOf(merged).map((view, i) => view === after[i]),
    [true, true, true],
  );
  assert.equal(merged.route(0, 'GET', 'new.example', '/')!.backend, after[1]!.backend);
});

test('servers that leave a backend which was used are told once, also when the whole backend goes', () => {
  const { builder, table } = threeRoutes();
  viewsOf(table);
  const other: TableBackend = { ...BACKENDS[0], servers: [server({ name: 'y', slot: 7 })] };
  let tables = builder.apply({ ...NOTHING, generation: 2, backends: [other] });
  const second = new RoutingTable(tables.base, false, tables.overlay, table);
  assert.deepEqual(second.leftServers, [0]);
  viewsOf(second);
  tables = builder.apply({ ...NOTHING, generation: 3, goneFrontends: ['f0'], goneBackends: ['b0'] });
  const third = new RoutingTable(tables.base, false, tables.overlay, second);
  assert.deepEqual(third.leftServers, [7]);
  assert.deepEqual(slotsIn(third), [1, 2]);
  tables = builder.apply({ ...NOTHING, generation: 4, frontends: [named('f3', 'b1')] });
  assert.deepEqual(new RoutingTable(tables.base, false, tables.overlay, third).leftServers, []);
});

test('a backend whose stand-in has changed is another one too, however they name each other', () => {
  const builder = new TableBuilder();
  const ring = BACKENDS.map((each, i) => ({ ...each, otherBackends: [`b${(i + 1) % 3}`] }));
  const { base } = builder.apply({ ...NOTHING, generation: 1, backends: ring, frontends: [named('f0', 'b0')] });
  const table = new RoutingTable(base, false);
  const first = table.route(0, 'GET', 'f0.example', '/')!.backend;
  builder.rebase(base);
  const changed = { ...ring[2], servers: [] };
  const { overlay } = builder.apply({ ...NOTHING, generation: 2, backends: [changed] });
  const second = new RoutingTable(base, false, overlay, table).route(0, 'GET', 'f0.example', '/')!.backend;
  assert.notEqual(second, first);
  assert.deepEqual(second.other('b1')!.other('b2')!.servers, []);
  assert.equal(second.other('b1')!.other('b2')!.other('b0'), second);
});

test('what an overlay costs is a matter of what is in it, not of its base', () => {
  const builder = new TableBuilder();
  const frontends = Array.from({ length: 5_000 }, (_, i) => named(`f${i}`, 'b0'));
  const { base } = builder.apply({ ...NOTHING, generation: 1, backends: BACKENDS, frontends });
  builder.rebase(base);
  const tables = builder.apply({ ...NOTHING, generation: 2, frontends: [named('f7', 'b1')], goneFrontends: ['f8'] });
  assert.ok(base.byteLength > 500_000, `${base.byteLength} bytes`);
  assert.ok(tables.overlay!.byteLength < 2_500, `${tables.overlay!.byteLength} bytes`);
  assert.equal(builder.size, 2);
  const table = new RoutingTable(tables.base, false, tables.overlay);
  assert.equal(table.route(0, 'GET', 'f7.example', '/')?.backend.name, 'b1');
  assert.equal(table.route(0, 'GET', 'f8.example', '/'), null);
  assert.equal(table.route(0, 'GET', 'f9.example', '/')?.name, 'f9');
});
