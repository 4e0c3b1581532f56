import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { acceptedCodings, namesGzip } from '../../../src/http/accept-encoding.ts';
import { CODINGS, type Coding } from '../../../src/kernel/codings.ts';

/** shared/spec frontend-options §4.4, and what follows from RFC 9110 §12.5.3. */
const VECTORS: readonly (readonly [string, string])[] = [
  ['', ''],
  ['gzip;q=0', ''],
  ['gzip, deflate, br, zstd', 'gzip br zstd'],
  ['*', 'gzip br zstd'],
  ['br;q=1.0, gzip;q=0.8', 'br gzip'],
  ['*;q=0.5, gzip;q=0', 'br zstd'],
  ['GZIP', 'gzip'],
  ['x-gzip', 'gzip'],
  ['identity, gzip;q=0.5', ''],
  ['gzip;q=abc', ''],
  ['identity;q=0', ''],
  ['gzip;q=0.5, identity;q=0.5', 'gzip'],
  ['br;q=0.001', 'br'],
  ['zstd ; Q=0.7 ,\tbr;q=0.70', 'br zstd'],
  ['gzip;q=1.001, br;q=0.0001, zstd;q=.5', ''],
  ['gzip;q=, br;q=-1, zstd;q=1.0000', ''],
  ['gzip;q=0, *', 'br zstd'],
  ['*;q=0', ''],
  ['*;q=0.2, identity;q=0.5, br', 'br'],
  ['gzip;level=9;q=0.3', 'gzip'],
  [',,;q=1,gzip', 'gzip'],
  ['deflate, compress', ''],
];

for (const [value, expected] of VECTORS) {
  test(`Accept-Encoding: ${value}`, () => {
    assert.equal(acceptedCodings([value], CODINGS).join(' '), expected);
  });
}

test('several fields are one list, and the order of what is offered settles ties', () => {
  assert.deepEqual(acceptedCodings(['gzip;q=0.5', 'zstd, br'], CODINGS), ['br', 'zstd', 'gzip']);
  assert.deepEqual(acceptedCodings(['gzip, zstd'], ['zstd', 'gzip']), ['zstd', 'gzip']);
  assert.deepEqual(acceptedCodings(['gzip, zstd'], ['br']), []);
});

test('whatever a client sends, only codings come of it that are offered, the gladly taken first', () => {
  const member = fc.tuple(
    fc.constantFrom('gzip', 'br', 'zstd', 'identity', '*', 'x-gzip', 'foo', ''),
    fc.constantFrom('', ';q=0', ';q=0.3', ';q=1', ';q=0.999', ';q=x', ' ; q=0.5'),
  );
  const list = fc
    .array(
      fc.oneof(
        member.map((parts) => parts.join('')),
        fc.string({ maxLength: 8 }),
      ),
    )
    .map((all) => all.join(','));
  fc.assert(
    fc.property(list, fc.shuffledSubarray([...CODINGS]), (value, offered: Coding[]) => {
      const codings = acceptedCodings([value], offered);
      assert.equal(new Set(codings).size, codings.length);
      assert.ok(codings.every((coding) => offered.includes(coding)));
    }),
  );
});

const NAMES_GZIP: readonly (readonly [string[], boolean])[] = [
  [[], false],
  [['gzip'], true],
  [['deflate, GZIP;q=0.5'], true],
  [['br', 'gzip ; q=1'], true],
  [['gzip;q=0'], false],
  [['gzip;q=0.0, deflate'], false],
  [['*'], false],
  [['x-gzip, gzipped'], false],
  [['gzip;q=x'], false],
];

for (const [values, expected] of NAMES_GZIP) {
  test(`on an entrypoint ${JSON.stringify(values)} ${expected ? 'takes' : 'does not take'} gzip`, () => {
    assert.equal(namesGzip(values), expected);
  });
}
