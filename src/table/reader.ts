/**
 * Routing by the shared table (layout.ts): what a worker does with it. One reader belongs to one thread, many readers
 * share the memory.
 *
 *     host ──▶ host index ──▶ candidates of that host ─┐
 *                                                      ├─▶ smallest matching index = the first in global order
 *     ──────────────────────▶ candidates of any host ──┘
 *
 * Every candidate list is ascending, so a walk ends at its first match, and no list is walked beyond the best match of
 * those before it.
 */
import { HASH_PATH, HASH_PREFIX, HASH_START, hashByte, hashEnd } from './hash.ts';
import { BACKEND, CANDIDATE_LIST, FRONTEND, HOST_CELL, PATH_CELL, PATH_INDEX, RUN, SERVER } from './layout.ts';
import { ProgramRunner } from './program.ts';
import { TableSections } from './sections.ts';
import { BackendView, FrontendView } from './views.ts';

const SLASH = 0x2f;

/** Throws TsujiError TABLE_CORRUPT when the buffer is no table of this format. */
export class RoutingTable {
  readonly generation: number;
  /** Set by `route()`: the match wants a redirect (301) to the path with its final slash added or removed. */
  redirectSlash = false;
  private readonly sections: TableSections;
  private readonly runner: ProgramRunner;
  private readonly frontends: Int32Array;
  private readonly hostIndex: Int32Array;
  private readonly hostMask: number;
  private readonly candidates: Int32Array;
  private readonly anyHostCandidates: number;
  private readonly frontendViews: (FrontendView | null)[];
  private readonly backendViews: (BackendView | null)[];
  /** Bit of the entrypoint of the request at hand. */
  private entryPointBit = 0;
  /** The best match so far; the count of frontends for none. */
  private best = 0;
  private bestRedirects = false;

  constructor(buffer: SharedArrayBuffer, keepTrailingSlash: boolean) {
    const sections = new TableSections(buffer);
    this.sections = sections;
    this.generation = sections.generation;
    this.runner = new ProgramRunner(sections.programs, sections.strings, keepTrailingSlash);
    this.frontends = sections.frontends;
    this.hostIndex = sections.hostIndex;
    this.hostMask = sections.hostIndex.length / HOST_CELL.words - 1;
    this.candidates = sections.candidates;
    this.anyHostCandidates = sections.anyHostCandidates;
    this.frontendViews = new Array(sections.frontends.length / FRONTEND.words).fill(null);
    this.backendViews = new Array(sections.backends.length / BACKEND.words).fill(null);
  }

  /**
   * The frontend that serves a request, null for none (404). `entryPoint`: its index; `method`: as received; `host`: the
   * Host field as received, '' for none; `path`: as received, still percent-encoded, without the query.
   */
  route(entryPoint: number, method: string, host: string, path: string): FrontendView | null {
    const none = this.frontendViews.length;
    this.entryPointBit = 1 << entryPoint;
    this.best = none;
    this.bestRedirects = false;
    this.runner.begin(method, path);
    this.runner.text.setHost(host);
    this.tryCandidates(this.candidatesOfHost());
    this.tryCandidates(this.anyHostCandidates);
    this.redirectSlash = this.bestRedirects;
    return this.best === none ? null : (this.frontendViews[this.best] ?? this.makeFrontendView(this.best));
  }

  /** Every server of the table, so that what is kept per slot can be cleaned up. */
  forEachServerSlot(visit: (slot: number) => void): void {
    const { servers } = this.sections;
    for (let word = 0; word < servers.length; word += SERVER.words) visit(servers[word + SERVER.slot]);
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
    if (pathIndex !== 0 && this.runner.readPath()) this.tryPathIndex(pathIndex);
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
    const word = frontend * FRONTEND.words;
    if ((this.frontends[word + FRONTEND.entryPoints] & this.entryPointBit) === 0) return false;
    const program = this.frontends[word + FRONTEND.program];
    if (program === 0) {
      this.bestRedirects = false;
    } else {
      if (!this.runner.matches(program)) return false;
      this.bestRedirects = this.runner.redirectSlash;
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
    const candidates = this.candidates;
    const mask = candidates[pathIndex + PATH_INDEX.cellMask];
    for (let cell = hash & mask; ; cell = (cell + 1) & mask) {
      const word = firstCell + cell * PATH_CELL.words;
      const run = candidates[word + PATH_CELL.run];
      if (run === 0) return;
      if (candidates[word + PATH_CELL.hash] !== hash) continue;
      if (run < 0) this.tryFrontend(~run);
      else this.tryAscending(run + RUN.frontends, candidates[run + RUN.count]);
      return;
    }
  }

  private makeFrontendView(frontend: number): FrontendView {
    const backend = this.frontends[frontend * FRONTEND.words + FRONTEND.backend];
    let backendView = this.backendViews[backend];
    if (backendView === null) {
      backendView = new BackendView(this.sections, backend);
      this.backendViews[backend] = backendView;
    }
    const view = new FrontendView(this.sections, frontend, backendView);
    this.frontendViews[frontend] = view;
    return view;
  }
}
