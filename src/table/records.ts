/** What a table says of one object, as words and texts: written from what the control plane tells, or copied from a table. */
import { StringHeap, WordBuffer } from './build-buffers.ts';
import type { HostTexts } from './candidates.ts';
import type { FindKeys, HashKey } from './find-keys.ts';
import type { TableBackend, TableFrontend } from './input.ts';
import type { Instruction } from './instructions.ts';
import { BACKEND, BACKEND_ALL_WEIGHTS_ZERO, NO_KEYS, OPCODE, OPTIONS, SCHEMES, SERVER, WORD_BYTES } from './layout.ts';
import { optionsText } from './options.ts';
import { scheduleOf } from './schedule.ts';
import type { TableSections } from './sections.ts';

/** Sections that grow with each object. */
export class GrowingSections {
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

/** Returns its reference, 0 for none. */
export function writeProgram({ programs, heap }: GrowingSections, instructions: readonly Instruction[]): number {
  if (instructions.length === 0) return 0;
  const program = programs.length;
  for (const { opcode, strings } of instructions) {
    programs.push(opcode);
    programs.push(strings.length);
    for (const text of strings) heap.addTo(programs, text);
  }
  programs.push(OPCODE.end);
  return program;
}

export function copyProgram({ programs, heap }: GrowingSections, from: TableSections, program: number): number {
  if (program === 0) return 0;
  const copy = programs.length;
  let word = program;
  while (from.programs[word] !== OPCODE.end) {
    const end = word + 2 + 2 * from.programs[word + 1];
    programs.push(from.programs[word]);
    programs.push(from.programs[word + 1]);
    for (let text = word + 2; text < end; text += 2) copyText(heap, programs, from, from.programs, text);
    word = end;
  }
  programs.push(OPCODE.end);
  return copy;
}

function copyText(heap: StringHeap, to: WordBuffer, from: TableSections, words: Int32Array, word: number): void {
  to.push(heap.length);
  to.push(heap.addBytes(from.strings, words[word], words[word + 1]));
}

/** The words of its record; its servers and turns are added. `others`: the backends that its options name. */
export function backendWords(
  sections: GrowingSections,
  backend: TableBackend,
  others: readonly number[],
  version: number,
): number[] {
  const { heap, servers, schedules } = sections;
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
  words[BACKEND.others] = writeOthers(sections, others);
  words[BACKEND.version] = version;
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

/** `others`: those that its options name, in the table that is being written. */
export function copyBackend(
  sections: GrowingSections,
  from: TableSections,
  backend: number,
  others: readonly number[],
): number[] {
  const { heap, servers, schedules } = sections;
  const first = backend * BACKEND.words;
  const words = [...from.backends.subarray(first, first + BACKEND.words)];
  const firstServer = words[BACKEND.firstServer];
  const firstTurn = words[BACKEND.firstTurn];
  words[BACKEND.firstServer] = servers.length / SERVER.words;
  words[BACKEND.firstTurn] = schedules.length;
  for (const text of [BACKEND.name, BACKEND.policy]) {
    words[text] = heap.length;
    heap.addBytes(from.strings, from.backends[first + text], from.backends[first + text + 1]);
  }
  words[BACKEND.others] = writeOthers(sections, others);
  schedules.pushAll(from.schedules.subarray(firstTurn, firstTurn + words[BACKEND.turnCount]));
  for (let server = firstServer; server < firstServer + words[BACKEND.serverCount]; server++) {
    const word = server * SERVER.words;
    servers.pushAll(from.servers.subarray(word, word + SERVER.name));
    for (const text of [SERVER.name, SERVER.url, SERVER.host, SERVER.hostHeader]) {
      copyText(heap, servers, from, from.servers, word + text);
    }
  }
  return words;
}

function writeOthers({ programs }: GrowingSections, others: readonly number[]): number {
  if (others.length === 0) return 0;
  const word = programs.length;
  programs.push(others.length);
  programs.pushAll(others);
  return word;
}

/** `others`: the backends that they name. */
export function writeOptions(
  { heap, programs }: GrowingSections,
  options: TableFrontend['options'],
  others: readonly number[],
): number {
  const text = optionsText(options);
  if (text === '') return 0;
  const word = programs.length;
  heap.addTo(programs, text);
  programs.push(others.length);
  programs.pushAll(others);
  return word;
}

export function copyOptions(
  { heap, programs }: GrowingSections,
  from: TableSections,
  options: number,
  others: readonly number[],
): number {
  if (options === 0) return 0;
  const word = programs.length;
  copyText(heap, programs, from, from.programs, options + OPTIONS.text);
  programs.push(others.length);
  programs.pushAll(others);
  return word;
}

/** As layout.ts has them: KEYS. The hosts stand in the host index already. */
export function writeKeys(
  { programs }: GrowingSections,
  { hosts, suffixes, paths }: FindKeys,
  texts: HostTexts,
): number {
  const word = programs.length;
  programs.push(hosts === null ? NO_KEYS : hosts.length);
  for (const host of hosts ?? []) {
    const { offset, byteLength } = texts.hostText(host);
    programs.push(offset);
    programs.push(byteLength);
  }
  for (const keys of [suffixes, paths]) {
    programs.push(keys === null ? NO_KEYS : keys.length);
    for (const { hash, length } of keys ?? []) {
      programs.push(hash);
      programs.push(length);
    }
  }
  return word;
}

export function readKeys(sections: TableSections, keys: number): FindKeys {
  const { programs } = sections;
  let word = keys;
  const list = <Item>(read: (word: number) => Item): Item[] | null => {
    const count = programs[word++];
    if (count === NO_KEYS) return null;
    const items: Item[] = [];
    for (const end = word + 2 * count; word < end; word += 2) items.push(read(word));
    return items;
  };
  const hashKey = (at: number): HashKey => ({ hash: programs[at], length: programs[at + 1] });
  return { hosts: list((at) => sections.stringAt(programs, at)), suffixes: list(hashKey), paths: list(hashKey) };
}
