/**
 * A table in the making. It outlives the tables that are assembled of it: what a change does not touch keeps its words, so
 * that a table costs the change and a copy.
 *
 * Texts and programs are only added; what nobody refers to any more is garbage, until whoever owns it begins a new one.
 * Frontends stand in global order, so their words are written for each table.
 */
import { assemble } from './assemble.ts';
import { type BaseTable, compareRanked, type Ranked } from './base.ts';
import { WordBuffer } from './build-buffers.ts';
import { type Candidate, CandidateIndex, type WrittenCandidates } from './candidates.ts';
import { findKeysOf } from './find-keys.ts';
import type { NamedFrontend, TableBackend } from './input.ts';
import { instructionsOf, modifierInstructions } from './instructions.ts';
import {
  BACKEND,
  BACKEND_GONE,
  FILING,
  FRONTEND,
  FRONTEND_PASS_HOST_HEADER,
  SECTION,
  SECTION_COUNT,
} from './layout.ts';
import { nameHash, writeNames } from './names.ts';
import {
  backendWords,
  copyBackend,
  copyOptions,
  copyProgram,
  GrowingSections,
  readKeys,
  writeKeys,
  writeOptions,
  writeProgram,
} from './records.ts';
import type { TableSections } from './sections.ts';

/** A frontend that is written: its words but for its place in the order. */
type Entry = Candidate &
  Ranked & {
    /** FRONTEND */
    readonly words: Int32Array;
    readonly version: number;
    /** KEYS; 0: an alternative that never matches leaves nothing to find it by. */
    readonly keysAt: number;
    readonly nameHash: number;
    /** Of an overlay: as in layout.ts. */
    readonly place: number;
  };

const rankWords = new Float64Array(1);
const rankHalves = new Int32Array(rankWords.buffer);

function isLive(backends: WordBuffer, index: number): boolean {
  return (backends.get(index * BACKEND.words + BACKEND.flags) & BACKEND_GONE) === 0;
}

export class Written {
  readonly sections = new GrowingSections();
  /** null: it is to be a base itself. */
  private readonly base: BaseTable | null;
  private readonly origin: number;
  private writtenAnew = 0;
  private readonly backendIndexes = new Map<string, number>();
  private readonly backendHashes: number[] = [];
  private readonly entries = new Map<string, Entry>();
  private readonly index = new CandidateIndex(this.sections.heap);
  /** In global order, as of the last table. */
  private ordered: Entry[] = [];
  private candidates: WrittenCandidates | null = null;
  private frontendWords = new WordBuffer();
  private filings = new WordBuffer();
  /** Of the base: bit i: frontend i is replaced or gone. */
  private readonly hidden: Int32Array;
  /** Of the base → own. */
  private readonly moved = new Map<number, number>();

  /** `origin`: as in HEADER. */
  constructor(base: BaseTable | null, origin = 0) {
    this.base = base;
    this.origin = origin;
    this.hidden = new Int32Array(base === null ? 0 : Math.ceil(base.frontendCount / 32));
  }

  /** What stands for a backend in a record; undefined: there is none of that name. */
  backendRef(name: string): number | undefined {
    const own = this.backendIndexes.get(name);
    if (own !== undefined && !isLive(this.sections.backends, own)) return undefined;
    const inBase = this.base?.backend(name) ?? -1;
    return inBase >= 0 ? ~inBase : own;
  }

  /** They have their places before any is written: they may name each other. */
  announceBackends(names: Iterable<string>): void {
    const { backends } = this.sections;
    for (const name of names) backends.set(this.placeBackend(name) * BACKEND.words + BACKEND.flags, 0);
  }

  /** In the places of those of their names, or behind all others. */
  putBackends(put: readonly TableBackend[], version: number): void {
    this.announceBackends(put.map(({ name }) => name));
    for (const backend of put) {
      const others = (backend.otherBackends ?? []).flatMap((name) => this.backendRef(name) ?? []);
      this.setBackend(this.placeBackend(backend.name), backendWords(this.sections, backend, others, version));
    }
  }

  /** Its record stays, without servers: no frontend names it. */
  dropBackend(name: string, version: number): void {
    const inBase = this.base?.backend(name) ?? -1;
    const own = this.backendIndexes.get(name);
    if (inBase < 0 && own === undefined) return;
    const backend = { name, slot: this.slotOf(own, inBase), servers: [], pipelining: 0 };
    const words = backendWords(this.sections, backend, [], version);
    words[BACKEND.flags] = BACKEND_GONE;
    this.setBackend(this.placeBackend(name), words);
  }

  /** `backend`, `others`: as `backendRef` gives them. */
  putFrontend(
    frontend: Omit<NamedFrontend, 'backend' | 'otherBackends'>,
    backend: number,
    others: readonly number[],
    version: number,
  ): void {
    const { name, rank } = frontend;
    this.dropFrontend(name);
    const { sections } = this;
    const instructions = instructionsOf(frontend.terms);
    const words = new Int32Array(FRONTEND.words);
    words[FRONTEND.entryPoints] = frontend.entryPoints;
    words[FRONTEND.program] = writeProgram(sections, instructions);
    words[FRONTEND.backend] = backend;
    words[FRONTEND.flags] = frontend.passHostHeader ? FRONTEND_PASS_HOST_HEADER : 0;
    words[FRONTEND.name] = sections.heap.length;
    words[FRONTEND.name + 1] = sections.heap.add(name);
    words[FRONTEND.modifiers] = writeProgram(sections, modifierInstructions(frontend.modifiers));
    words[FRONTEND.options] = writeOptions(sections, frontend.options, others);
    const place = this.base?.placeOf(frontend) ?? 0;
    // Without an alternative a term never matches, so nobody needs to find the frontend.
    const findable = instructions.every((instruction) => instruction.strings.length > 0);
    const entry = this.file({ name, rank }, words, findable ? findKeysOf(frontend.terms) : null, version, place);
    this.entries.set(name, entry);
  }

  /** Also one of the base. */
  dropFrontend(name: string): void {
    const inBase = this.base?.frontend(name) ?? -1;
    if (inBase >= 0) this.hidden[inBase >> 5] |= 1 << (inBase & 31);
    const entry = this.entries.get(name);
    if (entry === undefined) return;
    this.entries.delete(name);
    if (entry.keysAt !== 0) this.index.delete(entry);
    this.candidates = null;
  }

  /** For those that are copied: before any of them is. Returns the first. */
  reserveBackends(count: number): number {
    return this.sections.backends.reserve(count * BACKEND.words) / BACKEND.words;
  }

  /** `others`: as here. */
  copyBackend(index: number, from: TableSections, backend: number, others: readonly number[]): void {
    const words = copyBackend(this.sections, from, backend, others);
    this.setBackend(index, words);
  }

  /** One behind the other, in global order, none of another name. `backend`, `others`: as here. */
  copyFrontend(from: TableSections, index: number, backend: number, others: readonly number[]): void {
    const { sections } = this;
    const { frontends, filings, strings } = from;
    const first = index * FRONTEND.words;
    const words = frontends.slice(first, first + FRONTEND.words);
    words[FRONTEND.program] = copyProgram(sections, from, words[FRONTEND.program]);
    words[FRONTEND.modifiers] = copyProgram(sections, from, words[FRONTEND.modifiers]);
    words[FRONTEND.options] = copyOptions(sections, from, words[FRONTEND.options], others);
    words[FRONTEND.backend] = backend;
    words[FRONTEND.name] = sections.heap.length;
    sections.heap.addBytes(strings, frontends[first + FRONTEND.name], words[FRONTEND.name + 1]);
    const filing = index * FILING.words;
    const keys = filings[filing + FILING.keys];
    const ranked = { name: '', rank: from.rankOf(index) };
    const found = keys === 0 ? null : readKeys(from, keys);
    this.ordered.push(this.file(ranked, words, found, filings[filing + FILING.version], 0));
  }

  /** Throws TsujiError TABLE_TOO_LARGE beyond 2 GiB. */
  table(generation: number): SharedArrayBuffer {
    if (this.writtenAnew === 0) this.writtenAnew = generation;
    if (this.candidates === null) {
      // Almost in order already, which the sort makes use of.
      this.ordered = this.ordered.filter((entry) => this.entries.get(entry.name) === entry);
      const known = new Set(this.ordered);
      for (const entry of this.entries.values()) if (!known.has(entry)) this.ordered.push(entry);
      this.ordered.sort(compareRanked);
      this.candidates = this.writeOrdered();
    }
    return this.assembled(generation, this.candidates);
  }

  /** The table of what was copied. */
  copied(generation: number): SharedArrayBuffer {
    this.writtenAnew = generation;
    return this.assembled(generation, this.writeOrdered());
  }

  private assembled(generation: number, candidates: WrittenCandidates): SharedArrayBuffer {
    const { sections, base, origin, writtenAnew } = this;
    const views: (Int32Array | Uint8Array | undefined)[] = new Array(SECTION_COUNT);
    views[SECTION.backends] = sections.backends.view();
    views[SECTION.servers] = sections.servers.view();
    views[SECTION.schedules] = sections.schedules.view();
    views[SECTION.frontends] = this.frontendWords.view();
    views[SECTION.programs] = sections.programs.view();
    views[SECTION.hostIndex] = candidates.hostIndex.view();
    views[SECTION.candidates] = candidates.words.view();
    views[SECTION.strings] = sections.heap.view();
    views[SECTION.filings] = this.filings.view();
    if (base === null) {
      views[SECTION.frontendNames] = writeNames(this.ordered.map((entry) => entry.nameHash)).view();
      views[SECTION.backendNames] = writeNames(this.backendHashes).view();
    } else {
      views[SECTION.hidden] = this.hidden;
      views[SECTION.places] = Int32Array.from(this.ordered, ({ place }) => place);
      views[SECTION.moved] = Int32Array.from([...this.moved].sort((a, b) => a[0] - b[0]).flat());
    }
    const { anyHost, suffixIndex } = candidates;
    const head = { generation, base: base?.generation ?? 0, origin, writtenAnew, anyHost, suffixIndex };
    return assemble(head, views);
  }

  private file(
    ranked: Ranked,
    words: Int32Array,
    keys: Candidate['keys'] | null,
    version: number,
    place: number,
  ): Entry {
    const hash = nameHash(this.sections.heap.bytes, words[FRONTEND.name], words[FRONTEND.name + 1]);
    const candidate = { index: 0, keys: keys ?? { hosts: [], suffixes: null, paths: null } };
    const entry = { ...candidate, ...ranked, words, version, keysAt: 0, nameHash: hash, place };
    if (keys !== null) {
      this.index.add(entry);
      entry.keysAt = writeKeys(this.sections, keys, this.index);
    }
    this.candidates = null;
    return entry;
  }

  private writeOrdered(): WrittenCandidates {
    const records = new WordBuffer();
    const filings = new WordBuffer();
    for (let i = 0; i < this.ordered.length; i++) {
      const entry = this.ordered[i];
      entry.index = i;
      records.pushAll(entry.words);
      rankWords[0] = entry.rank;
      filings.push(rankHalves[0]);
      filings.push(rankHalves[1]);
      filings.push(entry.version);
      filings.push(entry.keysAt);
    }
    this.frontendWords = records;
    this.filings = filings;
    return this.index.write();
  }

  private placeBackend(name: string): number {
    const known = this.backendIndexes.get(name);
    if (known !== undefined) return known;
    const index = this.reserveBackends(1);
    this.backendIndexes.set(name, index);
    const inBase = this.base?.backend(name) ?? -1;
    if (inBase >= 0) this.moved.set(inBase, index);
    return index;
  }

  private setBackend(index: number, words: readonly number[]): void {
    const { backends, heap } = this.sections;
    const first = index * BACKEND.words;
    for (let i = 0; i < BACKEND.words; i++) backends.set(first + i, words[i]);
    this.backendHashes[index] = nameHash(heap.bytes, words[BACKEND.name], words[BACKEND.name + 1]);
  }

  private slotOf(own: number | undefined, inBase: number): number {
    const word = (own ?? inBase) * BACKEND.words + BACKEND.slot;
    return own === undefined ? this.base!.sections.backends[word] : this.sections.backends.get(word);
  }
}
