import assert from 'node:assert/strict';
import test from 'node:test';
import type { PathModifiers } from '../../../src/rule/terms.ts';
import { TableBuilder } from '../../../src/table/builder.ts';
import { HEADER, SECTION, SECTION_COUNT } from '../../../src/table/layout.ts';
import { RoutingTable } from '../../../src/table/reader.ts';
import { validateTable, validateTables } from '../../../src/table/validate.ts';
import { writeTable } from '../../../src/table/writer.ts';
import { backend, frontend, input, server } from './inputs.ts';

const modifiers: PathModifiers = {
  stripTemplates: ['^/a/([^/]+)', '^/b'],
  stripPrefixes: ['/lang', '/c'],
  addPrefix: '/ä',
  replacePathRegex: { pattern: 'x+', replacement: '$0-' },
  replacePath: '/z',
};

const everything = input(
  [
    frontend('shop', [{ kind: 'host', hosts: ['shop.example.com'] }], { backend: 1, passHostHeader: false }),
    frontend(
      'templates',
      [
        { kind: 'hostTemplate', templates: [{ pattern: '([a-z]+)\\.bücher', prefix: '', suffix: '.example' }] },
        { kind: 'pathTemplate', templates: [{ pattern: '/([^/]+)', prefix: '/', suffix: '' }] },
        { kind: 'header', name: 'x-a', value: '1' },
        { kind: 'queryTemplate', name: 'q', pattern: 'q=.*' },
      ],
      { rank: 3 },
    ),
    frontend('modified', [{ kind: 'path', paths: ['/modified'] }], { modifiers, rank: 2 }),
    frontend('rest', [], { entryPoints: 0x80000001 | 0, rank: 0 }),
  ],
  {
    generation: 2 ** 40 + 2 ** 31 + 5,
    backends: [
      backend({ name: 'leer', slot: 9, servers: [] }),
      backend({
        name: 'bücher',
        slot: 7,
        servers: [
          server({ name: 'a', slot: 262_143, weight: 3 }),
          server({
            name: 'b',
            slot: 4,
            url: 'https://[::1]:8443/x',
            scheme: 'https',
            host: '::1',
            port: 8443,
            hostHeader: '[::1]:8443',
          }),
          server({ name: 'c', slot: 5, url: 'h2c://c.example:65535', scheme: 'h2c', port: 65535, weight: 0 }),
        ],
      }),
      backend({ name: 'idle', slot: 8, servers: [server({ weight: 0 })], otherBackends: ['bücher', 'gone', 'leer'] }),
    ],
  },
);

test('every field of frontends, backends and servers comes back as it was given', () => {
  const buffer = writeTable(everything);
  validateTable(buffer);
  const table = new RoutingTable(buffer, false);
  assert.equal(table.generation, everything.generation);
  const shop = table.route(0, 'GET', 'shop.example.com', '/');
  assert.ok(shop);
  assert.equal(shop.name, 'shop');
  assert.equal(shop.passHostHeader, false);
  const given = everything.backends[1];
  assert.equal(shop.backend.name, given.name);
  assert.equal(shop.backend.slot, given.slot);
  assert.deepEqual(
    shop.backend.servers.map((view) => ({ ...view })),
    given.servers.map((each, i) => {
      const address = ['10.0.0.1:80', '[::1]:8443', '10.0.0.1:65535'][i];
      return { ...each, address, backendSlot: given.slot, options: null, histogram: null, isGone: false };
    }),
  );
  assert.deepEqual([...shop.backend.schedule], [0, 0, 0, 1]);
  assert.equal(shop.backend.scheduleLength, 4);
  assert.equal(shop.backend.allWeightsZero, false);
  const rest = table.route(31, 'GET', 'other', '/');
  assert.equal(rest?.passHostHeader, true);
  assert.equal(rest?.backend.scheduleLength, 0);
  assert.equal(rest?.backend.allWeightsZero, false);
  assert.equal(table.route(1, 'GET', 'other', '/'), null);
  const idle = new RoutingTable(writeTable({ ...everything, frontends: [frontend('f', [], { backend: 2 })] }), false);
  const others = ['bücher', 'leer', 'gone', 'idle'].map(
    (name) => idle.route(0, 'GET', '', '/')?.backend.other(name)?.name,
  );
  assert.deepEqual(others, ['bücher', 'leer', undefined, undefined]);
});

test('a backend whose servers all have weight 0 has no turn and says why', () => {
  const zero = backend({ servers: [server({ weight: 0 }), server({ weight: 0 })] });
  const table = new RoutingTable(writeTable(input([frontend('f', [])], { backends: [zero] })), false);
  const view = table.route(0, 'GET', '', '/');
  assert.equal(view?.backend.allWeightsZero, true);
  assert.equal(view?.backend.scheduleLength, 0);
  assert.equal(view?.backend.servers.length, 2);
});

test('the modifiers of a frontend come back with their patterns compiled', () => {
  const table = new RoutingTable(writeTable(everything), false);
  const view = table.route(0, 'GET', 'a', '/modified')?.modifiers;
  assert.ok(view);
  assert.deepEqual(
    view.stripTemplates?.map((regex) => [regex.matchAtStart('/a/x/y'), regex.matchAtStart('/bb')]),
    [
      ['/a/x', null],
      [null, '/b'],
    ],
  );
  assert.deepEqual(view.stripPrefixes, modifiers.stripPrefixes);
  assert.equal(view.addPrefix, modifiers.addPrefix);
  assert.equal(view.replacePathRegex?.replaceAll('axx', view.replacement), 'axx-');
  assert.equal(view.replacePath, modifiers.replacePath);
  assert.equal(table.route(0, 'GET', 'shop.example.com', '/')?.modifiers, null);
  // A list of nothing is something else than no list: nothing can be stripped, so that every request gets 404.
  const none = { ...modifiers, stripTemplates: [], stripPrefixes: null, addPrefix: '', replacePathRegex: null };
  const bare = new RoutingTable(writeTable(input([frontend('f', [], { modifiers: none })])), false);
  const empty = bare.route(0, 'GET', 'a', '/')?.modifiers;
  assert.deepEqual([empty?.stripTemplates, empty?.stripPrefixes, empty?.replacePathRegex], [[], null, null]);
});

test('a view is made once per table', () => {
  const table = new RoutingTable(writeTable(everything), false);
  const first = table.route(0, 'GET', 'shop.example.com', '/');
  assert.equal(table.route(0, 'GET', 'SHOP.example.com:80', '/x'), first);
});

test('the slots of all servers are told, also of backends that no request has used', () => {
  const slots: number[] = [];
  new RoutingTable(writeTable(everything), false).forEachServerSlot((slot) => slots.push(slot));
  assert.deepEqual(slots, [262_143, 4, 5, 0]);
});

test('an empty table routes nothing', () => {
  const buffer = writeTable(input([], { backends: [] }));
  validateTable(buffer);
  assert.equal(new RoutingTable(buffer, false).route(0, 'GET', 'a', '/'), null);
});

test('memory that is no table is refused with the reason', () => {
  const corrupt = { code: 'TABLE_CORRUPT' };
  assert.throws(() => new RoutingTable(new SharedArrayBuffer(8), false), corrupt);
  assert.throws(() => new RoutingTable(new SharedArrayBuffer(4096), false), /holds no routing table/);
  const rows: [number, number, RegExp][] = [
    [HEADER.formatVersion, 77, /has format 77/],
    [HEADER.totalBytes, 77, /says it has 77 bytes/],
    [HEADER.sections + 2 * SECTION.servers, 201, /section 1 .* not made of whole words/],
    [HEADER.sections + 2 * SECTION.strings + 1, 1 << 30, /section 7 .* outside/],
  ];
  for (const [word, value, reason] of rows) {
    const buffer = writeTable(everything);
    new Int32Array(buffer)[word] = value;
    assert.throws(() => validateTable(buffer), { ...corrupt, message: reason });
  }
});

/** Spoils each word of a table that is no text; `check` may refuse it, and what it lets pass `use` must stand. */
function spoilEach(
  table: SharedArrayBuffer,
  check: (spoilt: SharedArrayBuffer) => void,
  use: (spoilt: SharedArrayBuffer) => void,
) {
  const places = new Int32Array(table).subarray(HEADER.sections, HEADER.sections + 2 * SECTION_COUNT);
  const firstText = places[2 * SECTION.strings] >> 2;
  const endOfTexts = Math.ceil((places[2 * SECTION.strings] + places[2 * SECTION.strings + 1]) / 4);
  let tried = 0;
  let found = 0;
  for (let word = HEADER.sections + 2 * SECTION_COUNT; word < table.byteLength / 4; word++) {
    if (word >= firstText && word < endOfTexts) continue;
    const spoilt = table.slice(0);
    new Int32Array(spoilt)[word] = 0x7ffffff0;
    tried += 1;
    try {
      check(spoilt);
    } catch (thrown) {
      assert.equal((thrown as { code?: string }).code, 'TABLE_CORRUPT', `word ${word}: ${thrown}`);
      found += 1;
      continue;
    }
    use(spoilt);
  }
  assert.ok(found > tried / 4, `only ${found} of ${tried} words are checked`);
}

test('the check finds every number that would lead a reader out of its section', () => {
  const paths = Array.from({ length: 12 }, (_, i) =>
    frontend(`p${i}`, [{ kind: 'pathPrefix', prefixes: [`/p${i}/`] }]),
  );
  const whole = writeTable({ ...everything, frontends: [...everything.frontends, ...paths] });
  // What it lets pass must be harmless: a wrong route at most, never an error or an endless loop.
  const routeBy = (table: RoutingTable): void => {
    for (const host of ['shop.example.com', 'a.example']) table.route(0, 'GET', host, '/p3/x');
  };
  spoilEach(whole, validateTable, (spoilt) => routeBy(new RoutingTable(spoilt, false)));
  const builder = new TableBuilder(whole);
  const named = paths.slice(3, 9).map(({ otherBackends: _, ...each }) => ({ ...each, backend: 'b\u00fccher' }));
  const change = { generation: 2 ** 42, frontends: [{ ...named[0], name: 'new' }, ...named], goneFrontends: ['p2'] };
  const backends = everything.backends.slice(0, 2);
  const { overlay } = builder.apply({ ...change, backends, goneBackends: ['idle'] });
  spoilEach(
    overlay!,
    (spoilt) => validateTables({ base: whole, overlay: spoilt }),
    (spoilt) => routeBy(new RoutingTable(whole, false, spoilt)),
  );
});
