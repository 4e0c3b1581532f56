/**
 * The shared table (layout.ts), written by a builder that outlives it: what a change does not touch keeps its place and
 * its words, so that a change costs little more than a copy of the table.
 *
 *     TableChange ─▶ builder: records, programs, texts, candidates ─▶ assemble ─▶ SharedArrayBuffer
 *
 * Texts and programs are only added. What nobody refers to any more is garbage, and when there is too much of it all is
 * written anew. Frontends stand in global order, so their words are written for each table.
 */
import { TsujiError } from '../kernel/errors.ts';
import { StringHeap, WordBuffer } from './build-buffers.ts';
import { type Candidate, CandidateIndex, type WrittenCandidates } from './candidates.ts';
import { findKeysOf } from './find-keys.ts';
import type { NamedFrontend, TableBackend, TableChange, TableFrontend, TableInput } from './input.ts';
import { type Instruction, instructionsOf, modifierInstructions } from './instructions.ts';
import {
  BACKEND,
  BACKEND_ALL_WEIGHTS_ZERO,
  FORMAT_VERSION,
  FRONTEND_PASS_HOST_HEADER,
  HEADER,
  HEADER_WORDS,
  MAGIC,
  OPCODE,
  SCHEMES,
  SECTION,
  SECTION_ALIGNMENT,
  SECTION_COUNT,
  SERVER,
  WORD_BYTES,
} from './layout.ts';
import { optionsText } from './options.ts';
import { scheduleOf } from './schedule.ts';

/** References are signed words, and an offset in bytes must fit one as well. */
const MAX_TABLE_BYTES = 0x7fffffff;

/** From so many times its size when all was written anew on, and not below so many words, all is written anew. */
const GROWTH = 1.5;
const SMALL_WORDS = 65_536;

class Sections {
  readonly heap = new StringHeap();
  readonly backends = new WordBuffer();
  readonly servers = new WordBuffer();
  readonly schedules = new WordBuffer();
  readonly programs = new WordBuffer();

  constructor() {
    // Reference 0 means no program.
    this.programs.push(OPCODE.end);
  }

  /** Words that only grow. */
  get size(): number {
    return this.heap.length / WORD_BYTES + this.servers.length + this.schedules.length + this.programs.length;
  }
}

function writeProgram(sections: Sections, instructions: readonly Instruction[]): number {
  if (instructions.length === 0) return 0;
  const { programs, heap } = sections;
  const program = programs.length;
  for (const { opcode, strings } of instructions) {
    programs.push(opcode);
    programs.push(strings.length);
    for (const text of strings) heap.addTo(programs, text);
  }
  programs.push(OPCODE.end);
  return program;
}

/** The words of its record; its servers and turns are added. `others`: indexes of the backends that its options name. */
function backendWords(
  { heap, servers, schedules, programs }: Sections,
  backend: TableBackend,
  others: readonly number[],
): number[] {
  const draining = backend.policy?.draining ?? [];
  const turns = scheduleOf(backend.servers.map(({ weight }, index) => (draining.includes(index) ? 0 : weight)));
  // With all of them draining there is no server to be had, which is something else.
  const allWeightsZero = backend.servers.length > draining.length && turns.length === 0;
  const words: number[] = new Array(BACKEND.words).fill(0);
  words[BACKEND.slot] = backend.slot;
  words[BACKEND.flags] = allWeightsZero ? BACKEND_ALL_WEIGHTS_ZERO : 0;
  words[BACKEND.firstServer] = servers.length / SERVER.words;
  words[BACKEND.serverCount] = backend.servers.length;
  words[BACKEND.firstTurn] = schedules.length;
  words[BACKEND.turnCount] = turns.length;
  words[BACKEND.name] = heap.length;
  words[BACKEND.name + 1] = heap.add(backend.name);
  words[BACKEND.pipelining] = backend.pipelining;
  words[BACKEND.policy] = heap.length;
  words[BACKEND.policy + 1] = heap.add(optionsText(backend.policy));
  if (others.length > 0) {
    words[BACKEND.others] = programs.length;
    programs.push(others.length);
    programs.pushAll(others);
  }
  schedules.pushAll(turns);
  for (const server of backend.servers) {
    servers.push(server.slot);
    servers.push(server.weight);
    servers.push(SCHEMES.indexOf(server.scheme));
    servers.push(server.port);
    heap.addTo(servers, server.name);
    heap.addTo(servers, server.url);
    heap.addTo(servers, server.host);
    heap.addTo(servers, server.hostHeader);
  }
  return words;
}

type WithOptions = Pick<TableFrontend, 'options' | 'otherBackends'>;

function writeOptions({ heap, programs }: Sections, { options, otherBackends = [] }: WithOptions): number {
  const text = optionsText(options);
  if (text === '') return 0;
  const word = programs.length;
  heap.addTo(programs, text);
  programs.push(otherBackends.length);
  programs.pushAll(otherBackends);
  return word;
}

/** A frontend that is written: its words but for its place in the order. */
type Entry = Candidate & {
  readonly frontend: Pick<TableFrontend, 'name' | 'rank' | 'entryPoints' | 'passHostHeader'>;
  /** Index of its backend. */
  readonly backend: number;
  readonly program: number;
  readonly modifiers: number;
  readonly options: number;
  readonly nameOffset: number;
  readonly nameLength: number;
  /** Without an alternative a term never matches, so nobody needs to find the frontend. */
  readonly findable: boolean;
};

function entryOf(sections: Sections, frontend: Omit<TableFrontend, 'backend'>, backend: number): Entry {
  const instructions = instructionsOf(frontend.terms);
  const program = writeProgram(sections, instructions);
  const nameOffset = sections.heap.length;
  const nameLength = sections.heap.add(frontend.name);
  return {
    index: 0,
    keys: findKeysOf(frontend.terms),
    frontend,
    backend,
    program,
    modifiers: writeProgram(sections, modifierInstructions(frontend.modifiers)),
    options: writeOptions(sections, frontend),
    nameOffset,
    nameLength,
    findable: instructions.every((instruction) => instruction.strings.length > 0),
  };
}

function writeFrontends(entries: readonly Entry[]): WordBuffer {
  const words = new WordBuffer();
  for (const entry of entries) {
    words.push(entry.frontend.entryPoints);
    words.push(entry.program);
    words.push(entry.backend);
    words.push(entry.frontend.passHostHeader ? FRONTEND_PASS_HOST_HEADER : 0);
    words.push(entry.nameOffset);
    words.push(entry.nameLength);
    words.push(entry.modifiers);
    words.push(entry.options);
  }
  return words;
}

function compareFrontends({ frontend: a }: Entry, { frontend: b }: Entry): number {
  if (a.rank !== b.rank) return b.rank - a.rank;
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}

/** Lays the sections out one after the other behind the header. */
function assemble(
  generation: number,
  sections: readonly (Int32Array | Uint8Array)[],
  { anyHost, suffixIndex }: WrittenCandidates,
): SharedArrayBuffer {
  const offsets: number[] = [];
  let end = HEADER_WORDS * WORD_BYTES;
  for (const section of sections) {
    end = Math.ceil(end / SECTION_ALIGNMENT) * SECTION_ALIGNMENT;
    offsets.push(end);
    end += section.byteLength;
  }
  const totalBytes = Math.ceil(end / SECTION_ALIGNMENT) * SECTION_ALIGNMENT;
  if (totalBytes > MAX_TABLE_BYTES) {
    throw new TsujiError(
      'TABLE_TOO_LARGE',
      `the routing table would need ${totalBytes} bytes; the limit is ${MAX_TABLE_BYTES}`,
    );
  }
  const buffer = new SharedArrayBuffer(totalBytes);
  const header = new Int32Array(buffer, 0, HEADER_WORDS);
  header[HEADER.magic] = MAGIC;
  header[HEADER.formatVersion] = FORMAT_VERSION;
  header[HEADER.generationLow] = generation | 0;
  header[HEADER.generationHigh] = Math.floor(generation / 2 ** 32);
  header[HEADER.totalBytes] = totalBytes;
  header[HEADER.anyHostCandidates] = anyHost;
  header[HEADER.suffixIndex] = suffixIndex;
  const bytes = new Uint8Array(buffer);
  for (let i = 0; i < sections.length; i++) {
    const { buffer: from, byteOffset, byteLength } = sections[i];
    header[HEADER.sections + 2 * i] = offsets[i];
    header[HEADER.sections + 2 * i + 1] = byteLength;
    bytes.set(new Uint8Array(from, byteOffset, byteLength), offsets[i]);
  }
  return buffer;
}

/** All that is written, in its present form. */
class Written {
  readonly sections = new Sections();
  readonly backendIndexes = new Map<string, number>();
  ordered: Entry[] = [];
  private readonly entries = new Map<string, Entry>();
  private readonly index = new CandidateIndex(this.sections.heap);
  private candidates: WrittenCandidates | null = null;
  private frontendWords = new WordBuffer();

  /** In the places of those of their names, or behind all others. */
  putBackends(put: readonly TableBackend[]): void {
    const { backends } = this.sections;
    // All have their places before any is written: they may name each other.
    for (const { name } of put) {
      if (this.backendIndexes.has(name)) continue;
      this.backendIndexes.set(name, backends.length / BACKEND.words);
      backends.pushAll(new Array(BACKEND.words).fill(0));
    }
    for (const backend of put) {
      const others = (backend.otherBackends ?? []).flatMap((name) => this.backendIndexes.get(name) ?? []);
      const words = backendWords(this.sections, backend, others);
      const first = this.backendIndexes.get(backend.name)! * BACKEND.words;
      for (let i = 0; i < BACKEND.words; i++) backends.set(first + i, words[i]);
    }
  }

  /** Its record stays, without servers: no frontend names it. */
  dropBackend(name: string): void {
    const index = this.backendIndexes.get(name);
    if (index === undefined) return;
    this.sections.backends.set(index * BACKEND.words + BACKEND.serverCount, 0);
    this.sections.backends.set(index * BACKEND.words + BACKEND.turnCount, 0);
    this.sections.backends.set(index * BACKEND.words + BACKEND.others, 0);
  }

  putFrontend(frontend: Omit<TableFrontend, 'backend'>, backend: number): void {
    const entry = entryOf(this.sections, frontend, backend);
    this.entries.set(frontend.name, entry);
    if (entry.findable) this.index.add(entry);
    this.candidates = null;
  }

  dropFrontend(name: string): void {
    const entry = this.entries.get(name);
    if (entry === undefined) return;
    this.entries.delete(name);
    if (entry.findable) this.index.delete(entry);
    this.candidates = null;
  }

  table(generation: number): SharedArrayBuffer {
    if (this.candidates === null) {
      // Almost in order already, which the sort makes use of.
      this.ordered = this.ordered.filter((entry) => this.entries.get(entry.frontend.name) === entry);
      const known = new Set(this.ordered);
      for (const entry of this.entries.values()) if (!known.has(entry)) this.ordered.push(entry);
      this.ordered.sort(compareFrontends);
      for (let i = 0; i < this.ordered.length; i++) this.ordered[i].index = i;
      this.frontendWords = writeFrontends(this.ordered);
      this.candidates = this.index.write();
    }
    const { sections, candidates } = this;
    const views: (Int32Array | Uint8Array)[] = new Array(SECTION_COUNT);
    views[SECTION.backends] = sections.backends.view();
    views[SECTION.servers] = sections.servers.view();
    views[SECTION.schedules] = sections.schedules.view();
    views[SECTION.frontends] = this.frontendWords.view();
    views[SECTION.programs] = sections.programs.view();
    views[SECTION.hostIndex] = candidates.hostIndex.view();
    views[SECTION.candidates] = candidates.words.view();
    views[SECTION.strings] = sections.heap.view();
    return assemble(generation, views, candidates);
  }
}

/** Throws TsujiError TABLE_TOO_LARGE beyond 2 GiB. */
export function writeTable(input: TableInput): SharedArrayBuffer {
  const written = new Written();
  written.putBackends(input.backends);
  for (const frontend of input.frontends) written.putFrontend(frontend, frontend.backend);
  return written.table(input.generation);
}

/** Keeps what it has been told, so that a table costs what has changed. */
export class TableBuilder {
  private generation = 0;
  private readonly backends = new Map<string, TableBackend>();
  private readonly frontends = new Map<string, NamedFrontend>();
  private written = new Written();
  private sizeAtRewrite = 0;

  /**
   * The next table; null when the change starts from another table than the last one, so that all must be told. Throws
   * TsujiError UNKNOWN_BACKEND for a frontend whose backend there is not, and TABLE_TOO_LARGE.
   */
  apply(change: TableChange): SharedArrayBuffer | null {
    if (change.base !== 0 && change.base !== this.generation) return null;
    // Whatever fails below leaves half a step behind, from which no other starts.
    this.generation = -1;
    if (change.base === 0) {
      this.backends.clear();
      this.frontends.clear();
    }
    for (const name of change.goneFrontends) this.frontends.delete(name);
    for (const name of change.goneBackends) this.backends.delete(name);
    for (const backend of change.backends) this.backends.set(backend.name, backend);
    for (const frontend of change.frontends) this.frontends.set(frontend.name, frontend);
    if (change.base !== 0) this.step(change);
    const { size } = this.written.sections;
    if (change.base === 0 || size > this.sizeAtRewrite * GROWTH + SMALL_WORDS) this.rewrite();
    const table = this.written.table(change.generation);
    this.generation = change.generation;
    return table;
  }

  /** All that it has been told, also what no table could be made of, as one change from nothing. */
  all(generation: number): TableChange {
    const { backends, frontends } = this;
    return {
      generation,
      base: 0,
      backends: [...backends.values()],
      frontends: [...frontends.values()],
      goneBackends: [],
      goneFrontends: [],
    };
  }

  private step({ goneFrontends, goneBackends, backends, frontends }: TableChange): void {
    for (const name of goneFrontends) this.written.dropFrontend(name);
    for (const { name } of frontends) this.written.dropFrontend(name);
    for (const name of goneBackends) this.written.dropBackend(name);
    this.written.putBackends(backends);
    for (const frontend of frontends) this.put(frontend);
  }

  private rewrite(): void {
    this.written = new Written();
    this.written.putBackends([...this.backends.values()]);
    for (const frontend of this.frontends.values()) this.put(frontend);
    this.sizeAtRewrite = this.written.sections.size;
  }

  private put({ otherBackends = [], ...frontend }: NamedFrontend): void {
    const indexOf = (name: string): number => this.indexOf(frontend.name, name);
    this.written.putFrontend({ ...frontend, otherBackends: otherBackends.map(indexOf) }, indexOf(frontend.backend));
  }

  private indexOf(frontend: string, backend: string): number {
    const index = this.backends.has(backend) ? this.written.backendIndexes.get(backend) : undefined;
    if (index === undefined) {
      throw new TsujiError('UNKNOWN_BACKEND', `frontend ${frontend} has no backend ${backend}`);
    }
    return index;
  }
}
