import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import fc from 'fast-check';
import { CODE_FILE, codeText } from '../../../scripts/assemble.ts';
import { Constant, LineBytes, Runs } from '../../../src/access-log/line-bytes.ts';
import { LineComposer, PieceText } from '../../../src/access-log/line-composer.ts';
import { createLineMemory, MOST_LINE_BYTES, SPARE_BYTES } from '../../../src/shared/access-log.ts';
import { RingWriter } from '../../../src/shared/byte-ring.ts';

const memory = createLineMemory(1);
const { bytes } = new RingWriter(memory.buffer);
const AT = 5;

/** The line, '' where it is longer than `most` bytes. */
function composed(composer: LineComposer, most = MOST_LINE_BYTES): string {
  bytes.fill('#', 0, AT + most + SPARE_BYTES + 1);
  const out = new LineBytes(bytes);
  out.begin(AT, most);
  composer.writeTo(out);
  assert.equal(bytes.toString('latin1', 0, AT), '#'.repeat(AT));
  assert.equal(bytes.toString('latin1', AT + most + SPARE_BYTES, AT + most + SPARE_BYTES + 1), '#');
  return out.isTooLong ? '' : bytes.toString('latin1', AT, out.at);
}

function lineOf(texts: readonly string[], numbers: readonly number[]): LineComposer {
  const composer = new LineComposer(memory);
  const pieces = texts.map((_, i) => composer.add(i + 1));
  composer.putRuns(pieces, composer.room(), new Runs(texts));
  composer.numbers.set(numbers, 1);
  return composer;
}

test('the code is that of its source', async () => {
  assert.equal(readFileSync(CODE_FILE, 'utf8'), await codeText(), 'npm run assemble');
});

test('texts of any length stand in their order, with their numbers behind them', () => {
  const text = fc.string({ unit: 'grapheme-ascii', maxLength: 200 });
  const number = fc.oneof(fc.nat(), fc.maxSafeNat(), fc.constantFrom(-1, Number.NaN));
  fc.assert(
    fc.property(fc.array(fc.tuple(text, number), { minLength: 1, maxLength: 20 }), (pieces) => {
      const composer = lineOf(
        pieces.map(([of]) => of),
        pieces.map(([, behind]) => behind),
      );
      assert.equal(composed(composer), pieces.map(([of, behind]) => `${of}${behind >= 0 ? behind : ''}`).join(''));
    }),
    { numRuns: 300 },
  );
});

test('numbers of every length are written whole', () => {
  const composer = lineOf([''], [0]);
  for (let power = 1; power <= 1e15; power *= 10) {
    for (const number of [power - 1, power, power + 1, 9 * power, 5 * power + 3]) {
      composer.numbers[1] = number;
      assert.equal(composed(composer), String(number));
    }
  }
  composer.numbers[1] = Number.MAX_SAFE_INTEGER;
  assert.equal(composed(composer), String(Number.MAX_SAFE_INTEGER));
});

test('a line that is longer than it may be is none, and nothing is written far beyond its end', () => {
  const composer = lineOf(
    ['{"a":', ',"text of more than four words of eight bytes each":', '}\n'],
    [123_456_789, 7, -1],
  );
  const whole = composed(composer);
  assert.equal(whole, '{"a":123456789,"text of more than four words of eight bytes each":7}\n');
  for (let most = 0; most < whole.length; most++) assert.equal(composed(composer, most), '', `${most} bytes`);
  assert.equal(composed(composer, whole.length), whole);
});

test('a text may be put as it is, be written, and be in several places', () => {
  const composer = new LineComposer(memory);
  const text = new PieceText(composer);
  text.add();
  const between = composer.add();
  text.add();
  composer.putRuns([between], composer.room(), new Runs([' and ']));
  assert.equal(composed(composer), ' and ');
  text.put(new Constant('this one is longer than four words'));
  assert.equal(composed(composer), 'this one is longer than four words and this one is longer than four words');
  text.begin().json('"', false);
  text.ended();
  assert.equal(composed(composer), '\\" and \\"');
  assert.deepEqual(text.constant(), new Constant('\\"'));
});

test('a text that is longer than a line makes it too long, however it comes, until another one is there', () => {
  const long = 'x'.repeat(MOST_LINE_BYTES + 1);
  const composer = new LineComposer(memory);
  const text = new PieceText(composer);
  text.add();
  const piece = composer.add();
  const room = composer.room();
  const puts = [
    () => text.put(new Constant(long)),
    () => {
      text.begin().utf8(long);
      text.ended();
    },
    () => composer.putRuns([piece], room, new Runs([long])),
  ];
  for (const put of puts) {
    text.put(new Constant('a'));
    composer.putRuns([piece], room, new Runs(['b']));
    assert.equal(composed(composer), 'ab');
    put();
    assert.equal(composed(composer), '');
  }
});

test('texts that come again and again are shown from where they stand, however many there are', () => {
  const composer = new LineComposer(memory);
  const [steady, other] = [new PieceText(composer), new PieceText(composer)];
  steady.add();
  other.add();
  const piece = composer.add();
  const same = new Constant('the same in all lines: ');
  const others = Array.from({ length: 700 }, (_, i) => new Constant(`${i} `.repeat(500).slice(0, 2_000)));
  const runs = Array.from({ length: 50 }, (_, i) => new Runs([`run ${i}\n`]));
  let round = 0;
  let rounds = 0;
  for (let i = 0; i < 5_000; i++) {
    const chosen = (i * 7_919) % others.length;
    if (composer.round !== round) {
      round = composer.round;
      rounds++;
      steady.show(same);
    }
    other.show(others[chosen]);
    composer.showRuns([piece], runs[i % runs.length]);
    const expected = `the same in all lines: ${`${chosen} `.repeat(500).slice(0, 2_000)}run ${i % runs.length}\n`;
    assert.equal(composed(composer), expected);
  }
  assert.ok(rounds > 3, `${rounds} rounds`);
});
