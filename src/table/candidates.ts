/**
 * The writer's half of finding a frontend: which frontends to try for a host (layout.ts: host index, candidate lists,
 * path indexes). It outlives tables: a change moves a few entries between lists, and what is written for a table is
 * nothing but words, with no text looked at again.
 */
import { type StringHeap, WordBuffer } from './build-buffers.ts';
import type { FindKeys, HashKey } from './find-keys.ts';
import { cellsFor, HASH_HOST, hashOf } from './hash.ts';
import { HOST_CELL, MAX_WALKED_CANDIDATES, PATH_CELL } from './layout.ts';

/** A frontend as it is filed. */
export type Candidate = {
  /** Its place in the global order of the table that is being written. */
  index: number;
  readonly keys: FindKeys;
};

/** Candidates, to be written in ascending order. */
class CandidateRun {
  readonly items: Candidate[] = [];
  private sorted = true;

  /** False when it is there: two of its alternatives have one hash. */
  add(candidate: Candidate): boolean {
    if (this.items.at(-1) === candidate) return false;
    this.items.push(candidate);
    this.sorted = this.items.length === 1;
    return true;
  }

  delete(candidate: Candidate): void {
    const at = this.items.indexOf(candidate);
    if (at >= 0) this.items.splice(at, 1);
  }

  /** Places in the order shift from table to table, but two that stay never change sides. */
  inOrder(): readonly Candidate[] {
    if (!this.sorted) this.items.sort((a, b) => a.index - b.index);
    this.sorted = true;
    return this.items;
  }
}

/** How often each length occurs. */
class Lengths {
  readonly counts = new Map<number, number>();

  add(length: number, count: number): void {
    const now = (this.counts.get(length) ?? 0) + count;
    if (now === 0) this.counts.delete(length);
    else this.counts.set(length, now);
  }

  ascending(): number[] {
    return [...this.counts.keys()].sort((a, b) => a - b);
  }
}

/** The frontends of a long list by what is known of their paths. */
class PathRuns {
  /** Those that are tried for every path. */
  readonly walked = new CandidateRun();
  private readonly byHash = new Map<number, CandidateRun>();
  private readonly lengths = new Lengths();

  add(candidate: Candidate): void {
    const { paths } = candidate.keys;
    if (paths === null) this.walked.add(candidate);
    for (const { hash, length } of paths ?? []) {
      let run = this.byHash.get(hash);
      if (run === undefined) {
        run = new CandidateRun();
        this.byHash.set(hash, run);
      }
      run.add(candidate);
      if (length > 0) this.lengths.add(length, 1);
    }
  }

  delete(candidate: Candidate): void {
    const { paths } = candidate.keys;
    if (paths === null) this.walked.delete(candidate);
    for (const { hash, length } of paths ?? []) {
      const run = this.byHash.get(hash);
      run?.delete(candidate);
      if (run?.items.length === 0) this.byHash.delete(hash);
      if (length > 0) this.lengths.add(length, -1);
    }
  }

  /** Returns the reference to the path index, 0 for none. */
  write(words: WordBuffer): number {
    if (this.byHash.size === 0) return 0;
    const codes: number[] = [];
    for (const [hash, run] of this.byHash) codes.push(hash, writeRun(words, run.inOrder()));
    return writeHashIndex(words, codes, this.lengths.ascending());
  }
}

/** The frontends to be tried for one host, or for one end of hosts. */
class CandidateList {
  private readonly all = new CandidateRun();
  /** Only while it is long. */
  private runs: PathRuns | null = null;

  get size(): number {
    return this.all.items.length;
  }

  add(candidate: Candidate): void {
    if (!this.all.add(candidate)) return;
    if (this.runs !== null) this.runs.add(candidate);
    else if (this.size > MAX_WALKED_CANDIDATES) {
      this.runs = new PathRuns();
      for (const each of this.all.items) this.runs.add(each);
    }
  }

  delete(candidate: Candidate): void {
    this.all.delete(candidate);
    if (this.size > MAX_WALKED_CANDIDATES) this.runs?.delete(candidate);
    else this.runs = null;
  }

  /** Returns its code as in HOST_CELL.candidates. */
  write(words: WordBuffer): number {
    if (this.size === 0) return 0;
    if (this.size === 1) return ~this.all.items[0].index;
    const pathIndex = this.runs?.write(words) ?? 0;
    const list = words.length;
    words.push(pathIndex);
    pushCandidates(words, (this.runs?.walked ?? this.all).inOrder());
    return list;
  }
}

function pushCandidates(words: WordBuffer, candidates: readonly Candidate[]): void {
  words.push(candidates.length);
  for (const { index } of candidates) words.push(index);
}

/** Returns its code as in PATH_CELL.run. */
function writeRun(words: WordBuffer, candidates: readonly Candidate[]): number {
  if (candidates.length === 1) return ~candidates[0].index;
  const run = words.length;
  pushCandidates(words, candidates);
  return run;
}

/** `codes`: hash, code, hash, code, …; returns the reference. */
function writeHashIndex(words: WordBuffer, codes: readonly number[], lengths: readonly number[]): number {
  const cells = cellsFor(codes.length / 2);
  const index = words.length;
  words.push(cells - 1);
  words.push(lengths.length);
  words.pushAll(lengths);
  const first = words.reserve(cells * PATH_CELL.words);
  for (let i = 0; i < codes.length; i += 2) {
    let cell = codes[i] & (cells - 1);
    while (words.get(first + cell * PATH_CELL.words + PATH_CELL.run) !== 0) cell = (cell + 1) & (cells - 1);
    words.set(first + cell * PATH_CELL.words + PATH_CELL.hash, codes[i]);
    words.set(first + cell * PATH_CELL.words + PATH_CELL.run, codes[i + 1]);
  }
  return index;
}

/** Where a text stands in the heap. */
export type TextPlace = { readonly offset: number; readonly byteLength: number };

type HostEntry = TextPlace & { readonly hash: number; readonly list: CandidateList };

export interface HostTexts {
  /** Of the host of a candidate. */
  hostText(host: string): TextPlace;
}

export type WrittenCandidates = {
  readonly words: WordBuffer;
  readonly hostIndex: WordBuffer;
  /** Code as in HOST_CELL.candidates. */
  readonly anyHost: number;
  /** Reference, 0 for none. */
  readonly suffixIndex: number;
};

export class CandidateIndex implements HostTexts {
  private readonly heap: StringHeap;
  private readonly byHost = new Map<string, HostEntry>();
  private readonly bySuffix = new Map<number, CandidateList>();
  private readonly suffixLengths = new Lengths();
  private readonly anyHost = new CandidateList();

  /** `heap`: where the hosts are written, once each. */
  constructor(heap: StringHeap) {
    this.heap = heap;
  }

  add(candidate: Candidate): void {
    const { hosts, suffixes } = candidate.keys;
    if (hosts !== null) for (const host of hosts) this.hostEntry(host).list.add(candidate);
    else if (suffixes === null) this.anyHost.add(candidate);
    else for (const key of suffixes) this.addSuffix(key, candidate);
  }

  /** One that was added. */
  delete(candidate: Candidate): void {
    const { hosts, suffixes } = candidate.keys;
    if (hosts !== null) {
      for (const host of hosts) {
        const entry = this.byHost.get(host)!;
        entry.list.delete(candidate);
        if (entry.list.size === 0) this.byHost.delete(host);
      }
    } else if (suffixes === null) this.anyHost.delete(candidate);
    else {
      for (const { hash, length } of suffixes) {
        this.suffixLengths.add(length, -1);
        const list = this.bySuffix.get(hash);
        list?.delete(candidate);
        if (list?.size === 0) this.bySuffix.delete(hash);
      }
    }
  }

  /** Everything anew, for the places that the candidates have in the order now. */
  write(): WrittenCandidates {
    const words = new WordBuffer();
    // Reference 0 means none.
    words.push(0);
    const anyHost = this.anyHost.write(words);
    const hostIndex = this.writeHostIndex(words);
    let suffixIndex = 0;
    if (this.bySuffix.size > 0) {
      const codes: number[] = [];
      for (const [hash, list] of this.bySuffix) codes.push(hash, list.write(words));
      suffixIndex = writeHashIndex(words, codes, this.suffixLengths.ascending());
    }
    return { words, hostIndex, anyHost, suffixIndex };
  }

  hostText(host: string): TextPlace {
    return this.hostEntry(host);
  }

  private hostEntry(host: string): HostEntry {
    let entry = this.byHost.get(host);
    if (entry === undefined) {
      const offset = this.heap.length;
      const byteLength = this.heap.add(host);
      const hash = hashOf(this.heap.bytes, offset, byteLength, HASH_HOST);
      entry = { hash, offset, byteLength, list: new CandidateList() };
      this.byHost.set(host, entry);
    }
    return entry;
  }

  private addSuffix({ hash, length }: HashKey, candidate: Candidate): void {
    this.suffixLengths.add(length, 1);
    let list = this.bySuffix.get(hash);
    if (list === undefined) {
      list = new CandidateList();
      this.bySuffix.set(hash, list);
    }
    list.add(candidate);
  }

  private writeHostIndex(words: WordBuffer): WordBuffer {
    const index = new WordBuffer();
    const cells = cellsFor(this.byHost.size);
    index.reserve(cells * HOST_CELL.words);
    for (const { hash, offset, byteLength, list } of this.byHost.values()) {
      let cell = hash & (cells - 1);
      while (index.get(cell * HOST_CELL.words + HOST_CELL.candidates) !== 0) cell = (cell + 1) & (cells - 1);
      const word = cell * HOST_CELL.words;
      index.set(word + HOST_CELL.hash, hash);
      index.set(word + HOST_CELL.candidates, list.write(words));
      index.set(word + HOST_CELL.host, offset);
      index.set(word + HOST_CELL.host + 1, byteLength);
    }
    return index;
  }
}
