/**
 * The writer's half of finding a frontend: which frontends to try for a host (layout.ts: host index, candidate lists,
 * path indexes). Frontends are added in global order, so that every list comes out ascending.
 */
import type { MatchTerm } from '../rule/terms.ts';
import { type StringHeap, WordBuffer } from './build-buffers.ts';
import { cellsFor, HASH_HOST, HASH_PATH, HASH_PREFIX, HASH_SUFFIX, hashOf } from './hash.ts';
import { HOST_CELL, MAX_WALKED_CANDIDATES, PATH_CELL } from './layout.ts';

/** What a frontend is found by in a path index: alternatives of one of its terms. Null: it must be walked. */
type PathKey = { readonly what: number; readonly texts: readonly string[] };

/** Alternatives that can match at all: the spec lets a path without a leading slash stand, but it never matches. */
export function liveAlternatives(texts: readonly string[]): readonly string[] {
  return texts.filter((text) => text.startsWith('/'));
}

/** Hosts that satisfy every host term; null when there is no such term. */
function hostsOf(terms: readonly MatchTerm[]): readonly string[] | null {
  const named = terms.filter((term) => term.kind === 'host');
  if (named.length === 0) return null;
  const [{ hosts }, ...others] = named;
  return others.length === 0 ? hosts : hosts.filter((host) => others.every((other) => other.hosts.includes(host)));
}

function shortest(texts: readonly string[]): number {
  let length = Number.POSITIVE_INFINITY;
  for (const text of texts) length = Math.min(length, text.length);
  return length;
}

/**
 * Suffixes, in lower case, one of which every host has that satisfies some host template; null when there is no such
 * term. Beyond ASCII, letters may be equal in other ways than by lower case.
 */
function suffixesOf(terms: readonly MatchTerm[]): readonly string[] | null {
  for (const term of terms) {
    if (term.kind !== 'hostTemplate') continue;
    const suffixes = term.templates.map(({ suffix }) => suffix.toLowerCase());
    if (suffixes.every((suffix) => /^[\x21-\x7e]+$/.test(suffix))) return suffixes;
  }
  return null;
}

/** Prefixes, one of which every path has that satisfies the term; null when it is no condition on the path. */
function prefixesOf(term: MatchTerm): readonly string[] | null {
  if (term.kind === 'pathPrefix') return liveAlternatives(term.prefixes);
  if (term.kind === 'pathTemplate' || term.kind === 'pathPrefixTemplate') {
    return term.templates.map(({ prefix }) => prefix);
  }
  return null;
}

/** A whole path tells most, else the term whose shortest prefix is the longest. */
function pathKeyOf(terms: readonly MatchTerm[]): PathKey | null {
  let best: PathKey | null = null;
  for (const term of terms) {
    if (term.kind === 'path') return { what: HASH_PATH, texts: liveAlternatives(term.paths) };
    const texts = prefixesOf(term);
    if (texts === null) continue;
    if (best === null || shortest(texts) > shortest(best.texts)) best = { what: HASH_PREFIX, texts };
  }
  return best;
}

function addTo<Key>(lists: Map<Key, number[]>, key: Key, frontend: number): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [frontend]);
  else if (list[list.length - 1] !== frontend) list.push(frontend);
}

export class CandidateIndex {
  readonly words = new WordBuffer();
  private readonly heap: StringHeap;
  private readonly termsOf: (frontend: number) => readonly MatchTerm[];
  private readonly byHost = new Map<string, number[]>();
  private readonly bySuffix = new Map<number, number[]>();
  private readonly suffixLengths = new Set<number>();
  private readonly anyHost: number[] = [];

  constructor(heap: StringHeap, termsOf: (frontend: number) => readonly MatchTerm[]) {
    this.heap = heap;
    this.termsOf = termsOf;
    // Reference 0 means none.
    this.words.push(0);
  }

  /** In ascending order of `frontend`. */
  add(frontend: number): void {
    const hosts = hostsOf(this.termsOf(frontend));
    if (hosts === null) {
      this.addWithoutHost(frontend);
      return;
    }
    for (const host of hosts) {
      // A request without a host matches no Host rule (shared/spec rules §3).
      if (host !== '') addTo(this.byHost, host, frontend);
    }
  }

  private addWithoutHost(frontend: number): void {
    const suffixes = suffixesOf(this.termsOf(frontend));
    if (suffixes === null) {
      this.anyHost.push(frontend);
      return;
    }
    for (const suffix of suffixes) {
      const reversed = Buffer.from(suffix).reverse();
      this.suffixLengths.add(reversed.length);
      addTo(this.bySuffix, hashOf(reversed, 0, reversed.length, HASH_SUFFIX), frontend);
    }
  }

  /** Writes the list of the frontends that name no host; returns its code as in HOST_CELL.candidates. */
  writeAnyHost(): number {
    return this.writeList(this.anyHost);
  }

  writeHostIndex(): WordBuffer {
    const index = new WordBuffer();
    const cells = cellsFor(this.byHost.size);
    index.reserve(cells * HOST_CELL.words);
    for (const [host, frontends] of this.byHost) {
      const offset = this.heap.length;
      const byteLength = this.heap.add(host);
      const hash = hashOf(this.heap.bytes, offset, byteLength, HASH_HOST);
      let cell = hash & (cells - 1);
      while (index.get(cell * HOST_CELL.words + HOST_CELL.candidates) !== 0) cell = (cell + 1) & (cells - 1);
      const word = cell * HOST_CELL.words;
      index.set(word + HOST_CELL.hash, hash);
      index.set(word + HOST_CELL.candidates, this.writeList(frontends));
      index.set(word + HOST_CELL.host, offset);
      index.set(word + HOST_CELL.host + 1, byteLength);
    }
    return index;
  }

  /** Returns the reference to the suffix index, 0 for none. */
  writeSuffixIndex(): number {
    if (this.bySuffix.size === 0) return 0;
    const codes = new Map<number, number>();
    for (const [hash, frontends] of this.bySuffix) codes.set(hash, this.writeList(frontends));
    return this.writeHashIndex(codes, this.suffixLengths);
  }

  private writeList(frontends: readonly number[]): number {
    if (frontends.length === 0) return 0;
    if (frontends.length === 1) return ~frontends[0];
    let pathIndex = 0;
    let walked = frontends;
    if (frontends.length > MAX_WALKED_CANDIDATES) {
      const runs = new Map<number, number[]>();
      const lengths = new Set<number>();
      walked = frontends.filter((frontend) => !this.addRuns(frontend, runs, lengths));
      if (runs.size > 0) pathIndex = this.writePathIndex(runs, lengths);
    }
    const list = this.words.length;
    this.words.push(pathIndex);
    this.words.push(walked.length);
    this.words.pushAll(walked);
    return list;
  }

  private addRuns(frontend: number, runs: Map<number, number[]>, lengths: Set<number>): boolean {
    const key = pathKeyOf(this.termsOf(frontend));
    if (key === null) return false;
    for (const text of key.texts) {
      const byteLength = this.heap.place(text);
      // A path is found with and without a final slash (shared/spec rules §7); its program knows which one was meant.
      const slash = key.what === HASH_PATH && text.endsWith('/') ? 1 : 0;
      const hash = hashOf(this.heap.bytes, this.heap.length, byteLength - slash, key.what);
      if (key.what === HASH_PREFIX) lengths.add(byteLength);
      addTo(runs, hash, frontend);
    }
    return true;
  }

  private writePathIndex(runs: ReadonlyMap<number, number[]>, lengths: ReadonlySet<number>): number {
    const words = this.words;
    const codes = new Map<number, number>();
    for (const [hash, frontends] of runs) {
      if (frontends.length === 1) {
        codes.set(hash, ~frontends[0]);
        continue;
      }
      codes.set(hash, words.length);
      words.push(frontends.length);
      words.pushAll(frontends);
    }
    return this.writeHashIndex(codes, lengths);
  }

  private writeHashIndex(codes: ReadonlyMap<number, number>, lengths: ReadonlySet<number>): number {
    const words = this.words;
    const cells = cellsFor(codes.size);
    const index = words.length;
    words.push(cells - 1);
    words.push(lengths.size);
    words.pushAll([...lengths].sort((a, b) => a - b));
    const first = words.reserve(cells * PATH_CELL.words);
    for (const [hash, code] of codes) {
      let cell = hash & (cells - 1);
      while (words.get(first + cell * PATH_CELL.words + PATH_CELL.run) !== 0) cell = (cell + 1) & (cells - 1);
      words.set(first + cell * PATH_CELL.words + PATH_CELL.hash, hash);
      words.set(first + cell * PATH_CELL.words + PATH_CELL.run, code);
    }
    return index;
  }
}
