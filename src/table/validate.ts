/**
 * Reads a finished table once more, in the thread that wrote it: every number that a reader follows must stay inside
 * its section, so that a fault of the writer ends there and never in a worker. Costs one pass over the words.
 */
import { TsujiError } from '../kernel/errors.ts';
import {
  BACKEND,
  CANDIDATE_LIST,
  FRONTEND,
  HOST_CELL,
  MODIFIER_OPERANDS,
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

function check(condition: boolean, what: string): void {
  if (!condition) throw new TsujiError('TABLE_CORRUPT', `the routing table is corrupt: ${what}`);
}

class Validator {
  private readonly sections: TableSections;
  private readonly frontendCount: number;

  constructor(sections: TableSections) {
    this.sections = sections;
    this.frontendCount = sections.frontends.length / FRONTEND.words;
  }

  run(): void {
    this.checkBackends();
    this.checkServers();
    this.checkFrontends();
    this.checkHostIndex();
    this.checkCandidates(this.sections.anyHostCandidates);
    const { suffixIndex } = this.sections;
    if (suffixIndex !== 0) this.checkHashIndex(suffixIndex, (code) => this.checkCandidates(code));
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
    const { frontends, backends } = this.sections;
    check(frontends.length % FRONTEND.words === 0, 'a frontend is incomplete');
    for (let word = 0; word < frontends.length; word += FRONTEND.words) {
      this.checkString(frontends, word + FRONTEND.name);
      const backend = frontends[word + FRONTEND.backend];
      check(backend >= 0 && backend < backends.length / BACKEND.words, 'a frontend has no backend');
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
    const { programs, backends } = this.sections;
    check(count > 0 && count < programs.length, 'the backends of options lie outside');
    const end = first + programs[count];
    check(end >= first && end <= programs.length, 'the backends of options lie outside');
    for (let word = first; word < end; word++) {
      const backend = programs[word];
      check(backend >= 0 && backend < backends.length / BACKEND.words, 'options name no backend');
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
export function validateTable(buffer: SharedArrayBuffer): void {
  new Validator(new TableSections(buffer)).run();
}
