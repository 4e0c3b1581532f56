/** Header blocks as lists of fields, for tests. */
import assert from 'node:assert/strict';
import { HpackDecoder } from '../../src/http2/hpack-decoder.ts';
import { ByteOutput } from '../../src/kernel/byte-output.ts';

export type Pair = [name: string, value: string];

/** What `write` has written. */
export function bytesOf(write: (out: ByteOutput) => void): Buffer {
  const out = new ByteOutput();
  write(out);
  const pieces: Uint8Array[] = [];
  out.takePieces(pieces);
  return Buffer.concat(pieces);
}

/** The fields of a block that can be read. */
export function decodeBlock(block: Buffer, decoder = new HpackDecoder()): Pair[] {
  const pairs: Pair[] = [];
  const field = ({ name, value }: { name: string; value: string }): boolean => pairs.push([name, value]) > 0;
  assert.equal(decoder.decode(block, 0, block.length, { field }), '');
  return pairs;
}

export function linesOf(fields: readonly Pair[]): string {
  return fields.map(([name, value]) => `${name}: ${value}\r\n`).join('');
}
