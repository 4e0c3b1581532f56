/**
 * The hash of the table's indexes: FNV-1a, byte by byte so that every prefix of a path has its hash on the way, and at
 * the end the finalizer of MurmurHash3, because FNV alone leaves the low bits of short texts close together.
 */

export const HASH_START = 0x811c9dc5 | 0;

/** What is hashed, so that a path and a prefix of the same text fall into different cells. */
export const HASH_HOST = 0;
export const HASH_PATH = 1;
export const HASH_PREFIX = 2;
/** From its last byte to its first, so that every suffix of a host has its hash on the way. */
export const HASH_SUFFIX = 3;
/** Of a frontend or backend. */
export const HASH_NAME = 4;

export function hashByte(hash: number, byte: number): number {
  return Math.imul(hash ^ byte, 0x01000193);
}

/** The finished hash, a signed 32-bit number. */
export function hashEnd(hash: number, what: number): number {
  let mixed = hash ^ what;
  mixed ^= mixed >>> 16;
  mixed = Math.imul(mixed, 0x85ebca6b);
  mixed ^= mixed >>> 13;
  mixed = Math.imul(mixed, 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}

export function hashOf(bytes: Uint8Array, offset: number, length: number, what: number): number {
  let hash = HASH_START;
  for (let i = offset; i < offset + length; i++) hash = hashByte(hash, bytes[i]);
  return hashEnd(hash, what);
}

/** Cells of an open-addressing table for so many keys: a power of two, at most half full. */
export function cellsFor(keys: number): number {
  let cells = 2;
  while (cells < keys * 2) cells *= 2;
  return cells;
}
