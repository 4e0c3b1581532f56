/**
 * TableInput → the shared table (layout.ts). Every section is built beside the table first, so that the shared memory
 * is allocated once, at its exact size, and written once.
 */
import { TsujiError } from '../kernel/errors.ts';
import type { MatchTerm, PathModifiers, Template } from '../rule/terms.ts';
import { StringHeap, WordBuffer } from './build-buffers.ts';
import { CandidateIndex, liveAlternatives } from './candidates.ts';
import type { TableBackend, TableFrontend, TableInput } from './input.ts';
import {
  BACKEND_ALL_WEIGHTS_ZERO,
  FORMAT_VERSION,
  FRONTEND_PASS_HOST_HEADER,
  HEADER,
  HEADER_WORDS,
  MAGIC,
  MODIFIER,
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

class Sections {
  readonly heap = new StringHeap();
  readonly backends = new WordBuffer();
  readonly servers = new WordBuffer();
  readonly schedules = new WordBuffer();
  readonly frontends = new WordBuffer();
  readonly programs = new WordBuffer();

  constructor() {
    // Reference 0 means no program.
    this.programs.push(OPCODE.end);
  }
}

type Instruction = { readonly opcode: number; readonly strings: readonly string[] };

function templateStrings(templates: readonly Template[]): string[] {
  return templates.flatMap(({ prefix, pattern, suffix }) => [prefix, pattern, suffix]);
}

function instructionOf(term: MatchTerm): Instruction | null {
  switch (term.kind) {
    case 'host':
      return null;
    case 'path':
      return { opcode: OPCODE.path, strings: liveAlternatives(term.paths) };
    case 'pathPrefix':
      return { opcode: OPCODE.pathPrefix, strings: liveAlternatives(term.prefixes) };
    case 'method':
      return { opcode: OPCODE.method, strings: term.methods };
    case 'header':
      return { opcode: OPCODE.header, strings: [term.name, term.value] };
    case 'headerRegexp':
      return { opcode: OPCODE.headerRegexp, strings: [term.name, term.pattern] };
    case 'query':
      return { opcode: OPCODE.query, strings: [term.name, term.value] };
    case 'queryTemplate':
      return { opcode: OPCODE.queryTemplate, strings: [term.name, `^${term.pattern}$`] };
    case 'pathTemplate':
    case 'pathPrefixTemplate':
    case 'hostTemplate':
      return { opcode: OPCODE[term.kind], strings: templateStrings(term.templates) };
  }
}

/** The cheapest test first. */
const TEST_ORDER: readonly number[] = [
  OPCODE.method,
  OPCODE.path,
  OPCODE.pathPrefix,
  OPCODE.header,
  OPCODE.query,
  OPCODE.pathTemplate,
  OPCODE.pathPrefixTemplate,
  OPCODE.hostTemplate,
  OPCODE.headerRegexp,
  OPCODE.queryTemplate,
];

function instructionsOf(terms: readonly MatchTerm[]): Instruction[] {
  const instructions: Instruction[] = [];
  for (const term of terms) {
    const instruction = instructionOf(term);
    if (instruction !== null) instructions.push(instruction);
  }
  return instructions.sort((a, b) => TEST_ORDER.indexOf(a.opcode) - TEST_ORDER.indexOf(b.opcode));
}

function modifierInstructions(modifiers: PathModifiers | undefined): Instruction[] {
  if (modifiers === undefined) return [];
  const { stripTemplates, stripPrefixes, addPrefix, replacePathRegex, replacePath } = modifiers;
  const instructions: Instruction[] = [];
  if (stripTemplates !== null) instructions.push({ opcode: MODIFIER.stripTemplates, strings: stripTemplates });
  if (stripPrefixes !== null) instructions.push({ opcode: MODIFIER.stripPrefixes, strings: stripPrefixes });
  if (addPrefix !== '') instructions.push({ opcode: MODIFIER.addPrefix, strings: [addPrefix] });
  if (replacePathRegex !== null) {
    const { pattern, replacement } = replacePathRegex;
    instructions.push({ opcode: MODIFIER.replacePathRegex, strings: [pattern, replacement] });
  }
  if (replacePath !== '') instructions.push({ opcode: MODIFIER.replacePath, strings: [replacePath] });
  return instructions;
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

function writeBackend(sections: Sections, backend: TableBackend): void {
  const { heap, backends, servers, schedules } = sections;
  const turns = scheduleOf(backend.servers.map((server) => server.weight));
  const allWeightsZero = backend.servers.length > 0 && turns.length === 0;
  backends.push(backend.slot);
  backends.push(allWeightsZero ? BACKEND_ALL_WEIGHTS_ZERO : 0);
  backends.push(servers.length / SERVER.words);
  backends.push(backend.servers.length);
  backends.push(schedules.length);
  backends.push(turns.length);
  heap.addTo(backends, backend.name);
  backends.push(backend.pipelining);
  heap.addTo(backends, optionsText(backend.policy));
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
}

function writeOptions({ heap, programs }: Sections, { options }: TableFrontend): number {
  const text = optionsText(options);
  if (text === '') return 0;
  const word = programs.length;
  heap.addTo(programs, text);
  return word;
}

function writeFrontend(sections: Sections, frontend: TableFrontend, program: number): void {
  const { frontends, heap } = sections;
  const modifiers = writeProgram(sections, modifierInstructions(frontend.modifiers));
  frontends.push(frontend.entryPoints);
  frontends.push(program);
  frontends.push(frontend.backend);
  frontends.push(frontend.passHostHeader ? FRONTEND_PASS_HOST_HEADER : 0);
  heap.addTo(frontends, frontend.name);
  frontends.push(modifiers);
  frontends.push(writeOptions(sections, frontend));
}

function compareFrontends(a: TableFrontend, b: TableFrontend): number {
  if (a.rank !== b.rank) return b.rank - a.rank;
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}

/** Lays the sections out one after the other behind the header. */
function assemble(
  input: TableInput,
  sections: readonly (Int32Array | Uint8Array)[],
  anyHost: number,
  suffixIndex: number,
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
      `the routing table would need ${totalBytes} bytes for ${input.frontends.length} frontends and ` +
        `${input.backends.length} backends; the limit is ${MAX_TABLE_BYTES}`,
    );
  }
  const buffer = new SharedArrayBuffer(totalBytes);
  const header = new Int32Array(buffer, 0, HEADER_WORDS);
  header[HEADER.magic] = MAGIC;
  header[HEADER.formatVersion] = FORMAT_VERSION;
  header[HEADER.generationLow] = input.generation | 0;
  header[HEADER.generationHigh] = Math.floor(input.generation / 2 ** 32);
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

/** Throws TsujiError TABLE_TOO_LARGE beyond 2 GiB. */
export function writeTable(input: TableInput): SharedArrayBuffer {
  const sections = new Sections();
  for (const backend of input.backends) writeBackend(sections, backend);

  const ordered = [...input.frontends].sort(compareFrontends);
  const candidates = new CandidateIndex(sections.heap, (frontend) => ordered[frontend].terms);
  for (let i = 0; i < ordered.length; i++) {
    const instructions = instructionsOf(ordered[i].terms);
    writeFrontend(sections, ordered[i], writeProgram(sections, instructions));
    // Without an alternative a term never matches, so nobody needs to find the frontend.
    if (instructions.every((instruction) => instruction.strings.length > 0)) candidates.add(i);
  }
  const anyHost = candidates.writeAnyHost();
  const hostIndex = candidates.writeHostIndex();
  const suffixIndex = candidates.writeSuffixIndex();

  const views: (Int32Array | Uint8Array)[] = new Array(SECTION_COUNT);
  views[SECTION.backends] = sections.backends.view();
  views[SECTION.servers] = sections.servers.view();
  views[SECTION.schedules] = sections.schedules.view();
  views[SECTION.frontends] = sections.frontends.view();
  views[SECTION.programs] = sections.programs.view();
  views[SECTION.hostIndex] = hostIndex.view();
  views[SECTION.candidates] = candidates.words.view();
  views[SECTION.strings] = sections.heap.view();
  return assemble(input, views, anyHost, suffixIndex);
}
