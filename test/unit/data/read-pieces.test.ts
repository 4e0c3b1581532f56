import assert from 'node:assert/strict';
import test from 'node:test';
import { ReadPieces } from '../../../src/data/read-pieces.ts';

type Stream = { readonly name: string };
const A: Stream = { name: 'a' };
const B: Stream = { name: 'b' };

/** What was given, and whether it was where it had been read. */
class Reader {
  readonly given: string[] = [];
  readonly bytes = Buffer.alloc(40_000, 'x');
  readonly pieces = new ReadPieces<Stream>(({ name }, bytes, start, end, last) => {
    this.given.push(`${name} ${end - start}${last ? ' last' : ''}${bytes === this.bytes ? ' in place' : ''}`);
  });

  read(stream: Stream, length: number): void {
    this.pieces.add(stream, this.bytes, 0, length);
  }
}

test('short pieces of one stream are one at the end of the read, and one that stands alone is not copied', () => {
  const reader = new Reader();
  reader.read(A, 1);
  reader.read(A, 2);
  reader.read(B, 3);
  assert.deepEqual(reader.given, ['a 3']);
  reader.pieces.passOn();
  assert.deepEqual(reader.given, ['a 3', 'b 3 in place']);
  reader.pieces.passOn();
  assert.equal(reader.given.length, 2);
});

test('a long piece is passed on at once, behind what waits', () => {
  const reader = new Reader();
  reader.read(B, 1);
  reader.read(A, 20_000);
  assert.deepEqual(reader.given, ['b 1 in place', 'a 20000 in place']);
  reader.read(A, 1_000);
  for (let i = 0; i < 40; i++) reader.read(A, 1_000);
  reader.pieces.passOn();
  assert.deepEqual(reader.given.slice(2), ['a 16000', 'a 16000', 'a 9000']);
});

test('the end of a body goes with what waits of it, and of what is forgotten nothing is heard', () => {
  const reader = new Reader();
  reader.read(A, 1);
  reader.pieces.finish(A);
  reader.read(A, 1);
  reader.pieces.finish(B);
  reader.read(A, 5);
  reader.pieces.clear();
  reader.pieces.passOn();
  assert.deepEqual(reader.given, ['a 1 last in place', 'a 1 in place', 'b 0 last']);
});
