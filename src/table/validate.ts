/**
 * Reads a finished table once more, in the thread that wrote it: every number that a reader follows must stay inside
 * its section, so that a fault of the writer ends there and never in a worker. Costs one pass over the words; of an overlay
 * and its base, over those of the overlay.
 */
import { TsujiError } from '../kernel/errors.ts';
import type { Tables } from './input.ts';
import {
  BACKEND,
  CANDIDATE_LIST,
  FILING,
  FRONTEND,
  HOST_CELL,
  MODIFIER_OPERANDS,
  MOVED,
  NO_KEYS,
  OPCODE,
  OPERANDS,
  OPTIONS,
  OTHERS,
  PATH_CELL,
  PATH_INDEX,
  RUN,
  SCHEMES,
  SERVER,
} from './layout.ts';
import { TableSections } from './sections.ts';

/** Of KEYS. */
const KEY_LISTS = 3;

function check(condition: boolean, what: string): void {
  if (!condition) throw new TsujiError('TABLE_CORRUPT', `the routing table is corrupt: ${what}`);
}

class Validator {
  private readonly sections: TableSections;
  private readonly frontendCount: number;
  /** What an overlay lies over; null: it is a base. */
  private readonly base: TableSections | null;

  constructor(sections: TableSections, base: TableSections | null) {
    this.sections = sections;
    this.base = base;
    this.frontendCount = sections.frontends.length / FRONTEND.words;
  }

  run(): void {
    check(this.sections.base === (this.base?.generation ?? 0), 'it does not belong to its base');
    this.checkFilings();
    this.checkOverBase();
    this.checkNames(this.sections.frontendNames, this.frontendCount);
    this.checkNames(this.sections.backendNames, this.sections.backendCount);
    this.checkBackends();
    this.checkServers();
    this.checkFrontends();
    this.checkHostIndex();
    this.checkCandidates(this.sections.anyHostCandidates);
    const { suffixIndex } = this.sections;
    if (suffixIndex !== 0) this.checkHashIndex(suffixIndex, (code) => this.checkCandidates(code));
  }

  private checkFilings(): void {
    const { filings, frontends, programs } = this.sections;
    check(filings.length / FILING.words === frontends.length / FRONTEND.words, 'a frontend is not filed');
    for (let frontend = 0; frontend < this.frontendCount; frontend++) {
      const rank = this.sections.rankOf(frontend);
      check(!Number.isNaN(rank), 'a frontend has no rank');
      check(frontend === 0 || rank <= this.sections.rankOf(frontend - 1), 'frontends are out of order');
      const keys = filings[frontend * FILING.words + FILING.keys];
      check(keys >= 0 && keys < programs.length, 'the keys of a frontend lie outside');
      if (keys !== 0) this.checkKeys(keys);
    }
  }

  private checkKeys(keys: number): void {
    const { programs } = this.sections;
    let word = keys;
    for (let list = 0; list < KEY_LISTS; list++) {
      const count = programs[word++];
      check(count >= NO_KEYS && word + 2 * count <= programs.length, 'the keys of a frontend lie outside');
      if (list === 0) for (let i = 0; i < count; i++) this.checkString(programs, word + 2 * i);
      word += 2 * Math.max(count, 0);
    }
  }

  /** The sections that only overlays have. */
  private checkOverBase(): void {
    const { hidden, places, moved, backends } = this.sections;
    const frontends = this.base?.frontendCount ?? 0;
    const backendCount = this.base?.backendCount ?? 0;
    check(hidden.length === Math.ceil(frontends / 32), 'it hides frontends outside of its base');
    check(places.length === (this.base === null ? 0 : this.frontendCount), 'a frontend has no place in the base');
    for (let i = 0; i < places.length; i++) {
      check(places[i] >= (i === 0 ? 0 : places[i - 1]) && places[i] <= frontends, 'places are out of order');
    }
    check(moved.length % MOVED.words === 0, 'a moved backend is incomplete');
    for (let word = 0, before = -1; word < moved.length; word += MOVED.words) {
      const from = moved[word + MOVED.from];
      const to = moved[word + MOVED.to];
      check(from > before && from < backendCount, 'moved backends are out of order');
      check(to >= 0 && to < backends.length / BACKEND.words, 'a backend was moved to none');
      before = from;
    }
  }

  private checkNames(cells: Int32Array, count: number): void {
    if (this.base !== null) {
      check(cells.length === 0, 'an overlay has a table of names');
      return;
    }
    check(cells.length >= 2 && Number.isInteger(Math.log2(cells.length)), 'a table of names has a wrong size');
    let empty = 0;
    for (const cell of cells) {
      check(cell >= 0 && cell <= count, 'a name belongs to nothing');
      if (cell === 0) empty += 1;
    }
    check(empty > 0, 'a table of names is full');
  }

  /** As in FRONTEND.backend. */
  private isBackend(ref: number): boolean {
    return ref >= 0 ? ref < this.sections.backendCount : ~ref < (this.base?.backendCount ?? 0);
  }

  private checkString(words: Int32Array, word: number): void {
    const offset = words[word];
    const length = words[word + 1];
    check(offset >= 0 && length >= 0 && offset + length <= this.sections.strings.length, 'a text lies outside');
  }

  private checkBackends(): void {
    const { backends, servers, schedules } = this.sections;
    check(backends.length % BACKEND.words === 0, 'a backend is incomplete');
    for (let word = 0; word < backends.length; word += BACKEND.words) {
      this.checkString(backends, word + BACKEND.name);
      this.checkString(backends, word + BACKEND.policy);
      check(backends[word + BACKEND.slot] >= 0, 'a backend has no slot');
      const others = backends[word + BACKEND.others];
      if (others !== 0) this.checkIndexes(others + OTHERS.count, others + OTHERS.backends);
      const firstServer = backends[word + BACKEND.firstServer];
      const serverCount = backends[word + BACKEND.serverCount];
      const inside = firstServer >= 0 && serverCount >= 0 && firstServer + serverCount <= servers.length / SERVER.words;
      check(inside, 'a backend has servers outside');
      const firstTurn = backends[word + BACKEND.firstTurn];
      const endTurn = firstTurn + backends[word + BACKEND.turnCount];
      check(firstTurn >= 0 && endTurn >= firstTurn && endTurn <= schedules.length, 'a schedule lies outside');
      for (let turn = firstTurn; turn < endTurn; turn++) {
        check(schedules[turn] >= 0 && schedules[turn] < serverCount, 'a turn names no server of its backend');
      }
    }
  }

  private checkServers(): void {
    const { servers } = this.sections;
    check(servers.length % SERVER.words === 0, 'a server is incomplete');
    for (let word = 0; word < servers.length; word += SERVER.words) {
      check(servers[word + SERVER.slot] >= 0, 'a server has no slot');
      const scheme = servers[word + SERVER.scheme];
      check(scheme >= 0 && scheme < SCHEMES.length, 'a server has an unknown scheme');
      for (const text of [SERVER.name, SERVER.url, SERVER.host, SERVER.hostHeader])
        this.checkString(servers, word + text);
    }
  }

  private checkFrontends(): void {
    const { frontends } = this.sections;
    check(frontends.length % FRONTEND.words === 0, 'a frontend is incomplete');
    for (let word = 0; word < frontends.length; word += FRONTEND.words) {
      this.checkString(frontends, word + FRONTEND.name);
      const backend = frontends[word + FRONTEND.backend];
      check(this.isBackend(backend), 'a frontend has no backend');
      this.checkProgram(frontends[word + FRONTEND.program], OPERANDS);
      this.checkProgram(frontends[word + FRONTEND.modifiers], MODIFIER_OPERANDS);
      const options = frontends[word + FRONTEND.options];
      if (options !== 0) this.checkOptions(options);
    }
  }

  private checkOptions(options: number): void {
    const { programs } = this.sections;
    const first = options + OPTIONS.backends;
    check(options > 0 && first <= programs.length, 'the options of a frontend lie outside');
    this.checkString(programs, options + OPTIONS.text);
    this.checkIndexes(options + OPTIONS.backendCount, first);
  }

  /** Of the backends that options name: so many as the word at `count` says, from `first` on. */
  private checkIndexes(count: number, first: number): void {
    const { programs } = this.sections;
    check(count > 0 && count < programs.length, 'the backends of options lie outside');
    const end = first + programs[count];
    check(end >= first && end <= programs.length, 'the backends of options lie outside');
    for (let word = first; word < end; word++) {
      check(this.isBackend(programs[word]), 'options name no backend');
    }
  }

  private checkProgram(program: number, operands: readonly number[]): void {
    const { programs } = this.sections;
    let word = program;
    check(word >= 0 && word < programs.length, 'a program lies outside');
    while (programs[word] !== OPCODE.end) {
      const end = word + 2 + 2 * programs[word + 1];
      check(programs[word] > 0 && programs[word] < operands.length, 'a program has an unknown instruction');
      check(programs[word + 1] % operands[programs[word]] === 0, 'an instruction has a wrong number of texts');
      check(end > word && end < programs.length, 'a program has no end');
      for (let text = word + 2; text < end; text += 2) this.checkString(programs, text);
      word = end;
    }
  }

  private checkHostIndex(): void {
    const { hostIndex } = this.sections;
    const cells = hostIndex.length / HOST_CELL.words;
    check(cells >= 2 && Number.isInteger(Math.log2(cells)), 'the host index has a wrong size');
    let empty = 0;
    for (let word = 0; word < hostIndex.length; word += HOST_CELL.words) {
      const code = hostIndex[word + HOST_CELL.candidates];
      if (code === 0) {
        empty += 1;
        continue;
      }
      this.checkString(hostIndex, word + HOST_CELL.host);
      this.checkCandidates(code);
    }
    check(empty > 0, 'the host index is full');
  }

  private checkCandidates(code: number): void {
    if (code === 0) return;
    if (code < 0) {
      check(~code < this.frontendCount, 'a candidate is no frontend');
      return;
    }
    this.checkRun(code + CANDIDATE_LIST.count);
    const pathIndex = this.sections.candidates[code + CANDIDATE_LIST.pathIndex];
    if (pathIndex !== 0) this.checkHashIndex(pathIndex, (run) => this.checkPathRun(run));
  }

  /** `count │ frontend │ …`, ascending: what stands behind a run and at the end of a candidate list. */
  private checkRun(run: number): void {
    const { candidates } = this.sections;
    const count = candidates[run + RUN.count];
    check(run > 0 && count >= 0 && run + RUN.frontends + count <= candidates.length, 'a candidate list lies outside');
    for (let word = run + RUN.frontends, before = -1; word < run + RUN.frontends + count; word++) {
      check(candidates[word] > before && candidates[word] < this.frontendCount, 'a candidate list is out of order');
      before = candidates[word];
    }
  }

  private checkPathRun(run: number): void {
    if (run > 0) this.checkRun(run);
    else check(~run < this.frontendCount, 'a candidate is no frontend');
  }

  /** `checkCode` is given what stands in the cells that are not empty. */
  private checkHashIndex(index: number, checkCode: (code: number) => void): void {
    const { candidates } = this.sections;
    const cells = candidates[index + PATH_INDEX.cellMask] + 1;
    const firstCell = index + PATH_INDEX.lengths + candidates[index + PATH_INDEX.lengthCount];
    check(index > 0 && cells >= 2 && Number.isInteger(Math.log2(cells)), 'a hash index has a wrong size');
    const end = firstCell + cells * PATH_CELL.words;
    check(firstCell > index && end <= candidates.length, 'a hash index lies outside');
    let empty = 0;
    for (let word = firstCell; word < end; word += PATH_CELL.words) {
      const code = candidates[word + PATH_CELL.run];
      if (code === 0) empty += 1;
      else checkCode(code);
    }
    check(empty > 0, 'a hash index is full');
  }
}

/** Throws TsujiError TABLE_CORRUPT, naming what is wrong. */
export function validateTable(base: SharedArrayBuffer): void {
  new Validator(new TableSections(base), null).run();
}

/** What is new of them: the overlay, or the base where there is none. Throws as `validateTable` does. */
export function validateTables({ base, overlay }: Tables): void {
  if (overlay === null) validateTable(base);
  else new Validator(new TableSections(overlay), new TableSections(base)).run();
}
