import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { Constant, LineBytes } from '../../../src/access-log/line-bytes.ts';
import { SPARE_BYTES } from '../../../src/shared/access-log.ts';

function written(write: (out: LineBytes) => void, mostBytes = 100): string {
  const at = 3;
  const bytes = Buffer.alloc(200, '#');
  const out = new LineBytes(bytes);
  out.begin(at, mostBytes);
  write(out);
  assert.equal(bytes.toString('latin1', 0, at), '###');
  assert.match(bytes.toString('latin1', at + mostBytes + SPARE_BYTES), /^#*$/);
  return out.isTooLong ? 'too long' : out.bytes.toString('utf8', at, out.at);
}

test('numbers are written as JSON has them', () => {
  const numbers = fc.oneof(fc.nat(), fc.maxSafeNat(), fc.double({ noNaN: true, noDefaultInfinity: true }));
  const edges = [0, 9, 10, 999_999_999, 1e9, 1e9 + 1, 1e10, 2 ** 31, 2 ** 53 - 1, 2 ** 60, 0.25, -1];
  for (const edge of edges)
    assert.equal(
      written((out) => out.number(edge)),
      String(edge),
    );
  fc.assert(
    fc.property(numbers, (number) =>
      assert.equal(
        written((out) => out.number(number)),
        String(number),
      ),
    ),
  );
});

test('what finds no room makes the line too long, and no more than a word is written beyond its end', () => {
  const whole = (out: LineBytes): void => {
    out.constant(new Constant('{"a":"'));
    out.json('é"€', false);
    out.ascii('","b":"');
    out.utf8('é€');
    out.ascii('"}');
  };
  const text = '{"a":"é\\"€","b":"é€"}';
  const bytes = Buffer.byteLength(text);
  assert.equal(written(whole, bytes), text);
  for (let most = 0; most < bytes; most++) assert.equal(written(whole, most), 'too long', `${most} bytes`);
});
