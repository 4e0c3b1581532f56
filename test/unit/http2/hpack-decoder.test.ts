/** Header blocks of HTTP/2 (RFC 7541): what other encoders write, and whatever else comes. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import test from 'node:test';
import fc from 'fast-check';
import type { Field } from '../../../src/http2/field.ts';
import { HpackDecoder } from '../../../src/http2/hpack-decoder.ts';
import { hpackField, hpackIndexed } from '../../harness/http2-frames.ts';
import { stepsOf } from '../../harness/steps.ts';

const VECTORS = new URL('../../data/hpack/', import.meta.url);
const DEFAULT_TABLE = 4_096;

type Story = {
  readonly cases: readonly {
    readonly wire: string;
    readonly headers: readonly Record<string, string>[];
    readonly header_table_size?: number;
  }[];
};

/** Takes all fields, or `most` of them. */
class Taker {
  readonly fields: Field[] = [];
  private readonly most: number;

  constructor(most = Number.POSITIVE_INFINITY) {
    this.most = most;
  }

  field(field: Field): boolean {
    this.fields.push(field);
    return this.fields.length < this.most;
  }

  get pairs(): string[][] {
    return this.fields.map(({ name, value }) => [name, value]);
  }
}

/** The fields of a block, or why it cannot be read. */
function decode(block: Buffer, decoder = new HpackDecoder()): string[][] | string {
  const taker = new Taker();
  const problem = decoder.decode(block, 0, block.length, taker);
  return problem === '' ? taker.pairs : problem;
}

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');

for (const encoder of readdirSync(VECTORS, { withFileTypes: true }).filter((entry) => entry.isDirectory())) {
  const folder = new URL(`${encoder.name}/`, VECTORS);
  const stories = readdirSync(folder).map((file) => JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as Story);

  test(`blocks of ${encoder.name} say what was written`, () => {
    for (const { cases } of stories) {
      const sizes = cases.map((each) => each.header_table_size ?? DEFAULT_TABLE);
      const decoder = new HpackDecoder(Math.max(...sizes));
      for (const { wire, headers } of cases) {
        const expected = headers.map((field) => Object.entries(field)[0]);
        assert.deepEqual(decode(hex(wire), decoder), expected);
      }
    }
  });

  test(`blocks of ${encoder.name} that are cut at any byte are read or refused, never more than they say`, () => {
    for (const { wire, headers } of stories[0].cases.slice(0, 1)) {
      const block = hex(wire);
      const expected = headers.map((field) => Object.entries(field)[0]);
      for (let length = 0; length < block.length; length++) {
        const taker = new Taker();
        new HpackDecoder(16_384).decode(block, 0, length, taker);
        assert.deepEqual(taker.pairs, expected.slice(0, taker.fields.length));
        assert.ok(taker.fields.length < expected.length);
      }
    }
  });
}

test('a block lies anywhere in what has come', () => {
  const taker = new Taker();
  assert.equal(new HpackDecoder().decode(hex('ffff 82 84 ffff'), 2, 4, taker), '');
  assert.deepEqual(taker.pairs, [
    [':method', 'GET'],
    [':path', '/'],
  ]);
});

const REFUSED: Record<string, [block: string, problem: RegExp]> = {
  'the index 0': ['80', /index beyond/],
  'an index beyond the static table': ['be', /index beyond/],
  'a name beyond the static table': ['7e 01 61', /index beyond/],
  'an index of four bytes': ['ff ff ff ff 7f', /index beyond/],
  'an index of five bytes': ['ff ff ff ff ff 00', /more than four bytes/],
  'an index that ends within': ['ff ff', /ends within/],
  'an index without its rest': ['ff', /ends within/],
  'a name without its value': ['40 01 61', /ends within/],
  'a name that ends within': ['40 03 61', /ends within/],
  'no name': ['40', /ends within/],
  'a value that ends within': ['00 01 61 05 61', /ends within/],
  'a value of 2^28 bytes': ['00 01 61 7f ff ff ff 7f 61', /ends within/],
  'a table of 4097 bytes': ['3f e2 1f', /larger than was agreed/],
  'a change of the table behind a field': ['82 20', /within a header block/],
  'a change of the table between fields': ['82 20 84', /within a header block/],
  'the mark of the end in Huffman code': ['00 01 61 84 ff ff ff ff', /Huffman/],
  'a whole byte of filling': ['00 01 61 82 1f ff', /Huffman/],
  'filling with zeros': ['00 01 61 81 18', /Huffman/],
};

for (const [what, [block, problem]] of Object.entries(REFUSED)) {
  test(`${what} is refused, whether somebody wants the field or not`, () => {
    assert.match(decode(hex(block)) as string, problem);
    const taker = new Taker(1);
    const all = Buffer.concat([hpackField('a', 'b'), hex(block)]);
    if (!/agreed/.test(String(problem))) assert.match(new HpackDecoder().decode(all, 0, all.length, taker), problem);
    assert.equal(taker.fields.length, /agreed/.test(String(problem)) ? 0 : 1);
  });
}

test('the table may be made smaller and larger in front of a block, and forgets what does not fit', () => {
  const decoder = new HpackDecoder();
  decode(Buffer.concat([hpackField('a', '1', true), hpackField('b', '2', true)]), decoder);
  assert.equal(decoder.tableBytes, 68);
  assert.deepEqual(decode(Buffer.concat([hex('3f 09'), hex('be')]), decoder), [['b', '2']]);
  assert.equal(decoder.tableBytes, 34);
  assert.deepEqual(decode(hex('20 3f e1 1f 82'), decoder), [[':method', 'GET']]);
  assert.equal(decoder.tableBytes, 0);
  assert.match(decode(hex('be'), decoder) as string, /index beyond/);
});

test('a field that is larger than the table empties it, and is told all the same', () => {
  const decoder = new HpackDecoder();
  decode(hpackField('a', '1', true), decoder);
  const value = 'x'.repeat(DEFAULT_TABLE);
  assert.deepEqual(decode(hpackField('b', value, true), decoder), [['b', value]]);
  assert.equal(decoder.tableBytes, 0);
});

test('a name may be that of the entry which its own field drives out', () => {
  const decoder = new HpackDecoder(80);
  decode(hpackField('first', '1', true), decoder);
  const value = 'y'.repeat(40);
  const block = Buffer.concat([hex('7e'), Buffer.from([value.length]), Buffer.from(value)]);
  assert.deepEqual(decode(block, decoder), [['first', value]]);
});

test('the mark that a field is for no table is told', () => {
  const taker = new Taker();
  const block = Buffer.concat([
    hex('10 01 61 01 31'),
    hex('1f 08 01 32'),
    hpackField('c', '3'),
    hpackField('d', '4', true),
  ]);
  assert.equal(new HpackDecoder().decode(block, 0, block.length, taker), '');
  assert.deepEqual(
    taker.fields.map(({ name, neverIndexed }) => [name, neverIndexed]),
    [
      ['a', true],
      ['authorization', true],
      ['c', false],
      ['d', false],
    ],
  );
});

test('behind the last field that is wanted the table goes on', () => {
  const decoder = new HpackDecoder();
  const taker = new Taker(1);
  const block = Buffer.concat([hex('82'), hpackField('a', '1'), hpackField('b', '2', true), hex('be')]);
  assert.equal(decoder.decode(block, 0, block.length, taker), '');
  assert.deepEqual(taker.pairs, [[':method', 'GET']]);
  assert.deepEqual(decode(hex('be'), decoder), [['b', '2']]);
});

test('any bytes are read or refused, and the table never holds more than it may', () => {
  const byte = fc.oneof(
    fc.integer({ min: 0, max: 255 }),
    fc.constantFrom(0x00, 0x01, 0x10, 0x40, 0x7f, 0x82, 0xbe, 0xff),
  );
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes))),
      fc.array(byte),
      (blocks, odd) => {
        const decoder = new HpackDecoder(256);
        for (const block of [...blocks, Buffer.from(odd)]) {
          const taker = new Taker();
          const problem = decoder.decode(block, 0, block.length, taker);
          assert.ok(decoder.tableBytes <= 256);
          assert.ok(taker.fields.length <= block.length);
          if (problem !== '') return;
        }
      },
    ),
  );
});

test('a block costs in proportion to its length, however little of it says however much', () => {
  const entry = hpackField('x', 'y'.repeat(4_000), true);
  const kinds: Record<string, (n: number) => Buffer> = {
    references: (n) => Buffer.alloc(n, hpackIndexed(62)),
    'small entries': (n) => Buffer.concat(new Array<Buffer>(n / 4).fill(hpackField('', '', true))),
    'large entries': (n) => Buffer.concat(new Array<Buffer>(n / 1_000).fill(hpackField('x', 'y'.repeat(1_000), true))),
    'changes of size': (n) => Buffer.alloc(n, 0x20),
    'Huffman code': (n) => Buffer.concat([hex('00 01 61 ff'), hex('81 7e'), Buffer.alloc(n)]),
  };
  for (const [what, make] of Object.entries(kinds)) {
    for (const wanted of [1, Number.POSITIVE_INFINITY]) {
      const steps = (n: number): number => {
        const block = make(n);
        const decoder = new HpackDecoder();
        decode(entry, decoder);
        return stepsOf(() => decoder.decode(block, 0, block.length, new Taker(wanted))).count;
      };
      const [small, large] = [steps(8_000), steps(16_000)];
      assert.ok(large < 2.2 * small + 1_000, `${what}: ${small} and ${large} steps`);
    }
  }
});
