/** The hash tables of a base that find frontends and backends by their names (layout.ts: frontendNames, backendNames). */
import { WordBuffer } from './build-buffers.ts';
import { cellsFor, HASH_NAME, hashOf } from './hash.ts';
import { BACKEND, FRONTEND } from './layout.ts';
import type { TableSections } from './sections.ts';

/** `hashes`: of the names, by index. A cell is 0, or an index + 1: the record has the name. */
export function writeNames(hashes: ArrayLike<number>): WordBuffer {
  const words = new WordBuffer();
  const cells = cellsFor(hashes.length);
  words.reserve(cells);
  for (let index = 0; index < hashes.length; index++) {
    let cell = hashes[index] & (cells - 1);
    while (words.get(cell) !== 0) cell = (cell + 1) & (cells - 1);
    words.set(cell, index + 1);
  }
  return words;
}

export function nameHash(bytes: Uint8Array, offset: number, length: number): number {
  return hashOf(bytes, offset, length, HASH_NAME);
}

/** -1 for none. */
export function frontendNamed(sections: TableSections, name: string): number {
  return find(sections, sections.frontendNames, sections.frontends, FRONTEND.words, FRONTEND.name, name);
}

/** -1 for none, also for one that is gone. */
export function backendNamed(sections: TableSections, name: string): number {
  const { backends, backendNames } = sections;
  const index = find(sections, backendNames, backends, BACKEND.words, BACKEND.name, name);
  return index >= 0 && sections.isLive(index) ? index : -1;
}

function find(
  { strings }: TableSections,
  cells: Int32Array,
  records: Int32Array,
  recordWords: number,
  nameWord: number,
  name: string,
): number {
  if (cells.length === 0) return -1;
  const wanted = Buffer.from(name);
  const mask = cells.length - 1;
  for (let cell = nameHash(wanted, 0, wanted.length) & mask; cells[cell] !== 0; cell = (cell + 1) & mask) {
    const index = cells[cell] - 1;
    const word = index * recordWords + nameWord;
    if (records[word + 1] !== wanted.length) continue;
    const offset = records[word];
    let i = 0;
    while (i < wanted.length && strings[offset + i] === wanted[i]) i++;
    if (i === wanted.length) return index;
  }
  return -1;
}
