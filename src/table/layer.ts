/**
 * One table, searched for the first frontend that a request matches. A worker searches the base and, where there is one,
 * its overlay.
 *
 *     host ──▶ host index ────▶ candidates of that host ────┐
 *     host ──▶ suffix index ──▶ candidates of its suffixes ─┼─▶ smallest matching index = the first in global order
 *     ────────────────────────▶ candidates of any host ─────┘
 *
 * Every candidate list is ascending, so a walk ends at its first match, and no list is walked beyond the best match of
 * those before it.
 */
import { HASH_PATH, HASH_PREFIX, HASH_START, HASH_SUFFIX, hashByte, hashEnd } from './hash.ts';
import { CANDIDATE_LIST, FRONTEND, HOST_CELL, PATH_CELL, PATH_INDEX, RUN } from './layout.ts';
import { ProgramRunner } from './program.ts';
import type { RequestFields } from './request-fields.ts';
import type { RequestText } from './request-text.ts';
import type { TableSections } from './sections.ts';
import type { FrontendView } from './views.ts';

const SLASH = 0x2f;
const UPPER_A = 0x41;
const UPPER_Z = 0x5a;

export class TableLayer {
  readonly sections: TableSections;
  /** As many as there are frontends; made when they are first used. */
  readonly views: (FrontendView | null)[];
  /** Of a base: those that its overlay hides, as in layout.ts; null: none. */
  hidden: Int32Array | null = null;
  /** After `find`: the match wants its final slash added or removed. */
  redirects = false;
  private readonly runner: ProgramRunner;
  private readonly frontends: Int32Array;
  private readonly hostIndex: Int32Array;
  private readonly hostMask: number;
  private readonly candidates: Int32Array;
  private readonly anyHostCandidates: number;
  private readonly suffixIndex: number;
  /** Bit of the entrypoint of the request at hand. */
  private entryPointBit = 0;
  /** The best match so far. */
  private best = 0;

  /** `before`: the one that was in force before it. */
  constructor(sections: TableSections, text: RequestText, keepTrailingSlash: boolean, before: TableLayer | null) {
    this.sections = sections;
    const isWrittenOn = before !== null && before.sections.writtenAnew === sections.writtenAnew;
    this.runner = new ProgramRunner(sections, text, keepTrailingSlash, isWrittenOn ? before.runner.operands : null);
    this.frontends = sections.frontends;
    this.hostIndex = sections.hostIndex;
    this.hostMask = sections.hostIndex.length / HOST_CELL.words - 1;
    this.candidates = sections.candidates;
    this.anyHostCandidates = sections.anyHostCandidates;
    this.suffixIndex = sections.suffixIndex;
    this.views = new Array(sections.frontendCount).fill(null);
  }

  /** The smallest index below `limit` of a frontend that serves the request, `limit` for none. The text is of that request. */
  find(limit: number, entryPointBit: number, method: string, host: string, fields: RequestFields): number {
    this.entryPointBit = entryPointBit;
    this.best = limit;
    this.redirects = false;
    this.runner.begin(method, host, fields);
    this.tryCandidates(this.candidatesOfHost());
    if (this.suffixIndex !== 0) this.trySuffixes(host);
    this.tryCandidates(this.anyHostCandidates);
    return this.best;
  }

  /**
   * Every frontend that may serve the host of the request of the last `find`, whatever its path: none that is hidden, or that
   * other entrypoints have. `visit`: for `most` of them, in no order; `refusedAt` as ProgramRunner gives it, 0 for one that
   * matches. `more`: those beyond, about.
   */
  tried(
    host: string,
    most: number,
    visit: (frontend: number, refusedAt: number) => void,
  ): { readonly seen: ReadonlySet<number>; readonly more: number } {
    const seen = new Set<number>();
    let more = 0;
    const each = (frontend: number): void => {
      if (seen.size === most) {
        more++;
        return;
      }
      if (seen.has(frontend) || !this.isServed(frontend)) return;
      seen.add(frontend);
      const program = this.frontends[frontend * FRONTEND.words + FRONTEND.program];
      visit(frontend, program === 0 ? 0 : this.runner.refusedAt(program));
    };
    const lists = [this.candidatesOfHost(), this.anyHostCandidates];
    if (this.suffixIndex !== 0) this.trySuffixes(host, lists);
    for (const code of lists) this.eachIn(code, each);
    return { seen, more };
  }

  /** The entrypoint of the last `find` has it, and nothing hides it. */
  isServed(frontend: number): boolean {
    const { hidden } = this;
    if (hidden !== null && (hidden[frontend >> 5] & (1 << (frontend & 31))) !== 0) return false;
    return (this.frontends[frontend * FRONTEND.words + FRONTEND.entryPoints] & this.entryPointBit) !== 0;
  }

  /** All of one list, those that its path index has among them. */
  private eachIn(code: number, visit: (frontend: number) => void): void {
    const { candidates } = this;
    if (code === 0) return;
    if (code < 0) {
      visit(~code);
      return;
    }
    const eachOf = (first: number, count: number): void => {
      for (let word = first; word < first + count; word++) visit(candidates[word]);
    };
    eachOf(code + CANDIDATE_LIST.frontends, candidates[code + CANDIDATE_LIST.count]);
    const index = candidates[code + CANDIDATE_LIST.pathIndex];
    if (index === 0) return;
    const firstCell = index + PATH_INDEX.lengths + candidates[index + PATH_INDEX.lengthCount];
    for (let cell = 0; cell <= candidates[index + PATH_INDEX.cellMask]; cell++) {
      const run = candidates[firstCell + cell * PATH_CELL.words + PATH_CELL.run];
      if (run < 0) visit(~run);
      else if (run > 0) eachOf(run + RUN.frontends, candidates[run + RUN.count]);
    }
  }

  private candidatesOfHost(): number {
    const { hostIndex, hostMask } = this;
    const { host, hostLength, hostHash } = this.runner.text;
    const strings = this.sections.strings;
    for (let cell = hostHash & hostMask; ; cell = (cell + 1) & hostMask) {
      const word = cell * HOST_CELL.words;
      const found = hostIndex[word + HOST_CELL.candidates];
      if (found === 0) return 0;
      if (hostIndex[word + HOST_CELL.hash] !== hostHash || hostIndex[word + HOST_CELL.host + 1] !== hostLength)
        continue;
      const offset = hostIndex[word + HOST_CELL.host];
      let i = 0;
      while (i < hostLength && strings[offset + i] === host[i]) i++;
      if (i === hostLength) return found;
    }
  }

  private tryCandidates(code: number): void {
    if (code === 0) return;
    if (code < 0) {
      this.tryFrontend(~code);
      return;
    }
    const candidates = this.candidates;
    this.tryAscending(code + CANDIDATE_LIST.frontends, candidates[code + CANDIDATE_LIST.count]);
    const pathIndex = candidates[code + CANDIDATE_LIST.pathIndex];
    if (pathIndex !== 0 && this.runner.text.readPath()) this.tryPathIndex(pathIndex);
  }

  /**
   * One pass from the end of the host to its beginning, with a look at every length that a suffix has. `collected`: gets the
   * lists, which are not tried then.
   */
  private trySuffixes(field: string, collected: number[] | null = null): void {
    const candidates = this.candidates;
    const colon = field.indexOf(':');
    const hostLength = colon < 0 ? field.length : colon;
    let lengthWord = this.suffixIndex + PATH_INDEX.lengths;
    const lengthsEnd = lengthWord + candidates[this.suffixIndex + PATH_INDEX.lengthCount];
    let hash = HASH_START;
    for (let length = 1; length <= hostLength && lengthWord < lengthsEnd; length++) {
      const code = field.charCodeAt(hostLength - length);
      // A suffix in the index is ASCII, and in lower case.
      if (code >= 0x80) return;
      hash = hashByte(hash, code >= UPPER_A && code <= UPPER_Z ? code | 0x20 : code);
      if (length !== candidates[lengthWord]) continue;
      const list = this.cellOf(this.suffixIndex, lengthsEnd, hashEnd(hash, HASH_SUFFIX));
      if (collected === null) this.tryCandidates(list);
      else collected.push(list);
      lengthWord += 1;
    }
  }

  private tryAscending(first: number, count: number): void {
    const candidates = this.candidates;
    for (let word = first; word < first + count; word++) {
      const frontend = candidates[word];
      if (frontend >= this.best || this.tryFrontend(frontend)) return;
    }
  }

  /** True when it is the best match now. */
  private tryFrontend(frontend: number): boolean {
    if (frontend >= this.best) return false;
    const { hidden } = this;
    if (hidden !== null && (hidden[frontend >> 5] & (1 << (frontend & 31))) !== 0) return false;
    const word = frontend * FRONTEND.words;
    if ((this.frontends[word + FRONTEND.entryPoints] & this.entryPointBit) === 0) return false;
    const program = this.frontends[word + FRONTEND.program];
    if (program === 0) {
      this.redirects = false;
    } else {
      if (!this.runner.matches(program)) return false;
      this.redirects = this.runner.redirectSlash;
    }
    this.best = frontend;
    return true;
  }

  /** One pass over the path: its hash so far is probed at every length of a prefix, and at its end as a whole path. */
  private tryPathIndex(pathIndex: number): void {
    const candidates = this.candidates;
    const { path, pathLength } = this.runner.text;
    let lengthWord = pathIndex + PATH_INDEX.lengths;
    const lengthsEnd = lengthWord + candidates[pathIndex + PATH_INDEX.lengthCount];
    let probeAt = lengthWord < lengthsEnd ? candidates[lengthWord] : -1;
    let hash = HASH_START;
    for (let i = 0; i < pathLength; i++) {
      if (i === probeAt) {
        this.probe(pathIndex, lengthsEnd, hashEnd(hash, HASH_PREFIX));
        lengthWord += 1;
        probeAt = lengthWord < lengthsEnd ? candidates[lengthWord] : -1;
      }
      const byte = path[i];
      // A rule's path is filed without its final slash, which the request's may have.
      if (i === pathLength - 1 && byte === SLASH) this.probe(pathIndex, lengthsEnd, hashEnd(hash, HASH_PATH));
      hash = hashByte(hash, byte);
    }
    if (pathLength === probeAt) this.probe(pathIndex, lengthsEnd, hashEnd(hash, HASH_PREFIX));
    this.probe(pathIndex, lengthsEnd, hashEnd(hash, HASH_PATH));
  }

  private probe(pathIndex: number, firstCell: number, hash: number): void {
    const run = this.cellOf(pathIndex, firstCell, hash);
    if (run < 0) this.tryFrontend(~run);
    else if (run > 0) this.tryAscending(run + RUN.frontends, this.candidates[run + RUN.count]);
  }

  /** What a hash index has for a hash, 0 for nothing. */
  private cellOf(index: number, firstCell: number, hash: number): number {
    const candidates = this.candidates;
    const mask = candidates[index + PATH_INDEX.cellMask];
    for (let cell = hash & mask; ; cell = (cell + 1) & mask) {
      const word = firstCell + cell * PATH_CELL.words;
      const run = candidates[word + PATH_CELL.run];
      if (run === 0 || candidates[word + PATH_CELL.hash] === hash) return run;
    }
  }
}
