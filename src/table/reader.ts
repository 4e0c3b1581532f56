/**
 * Routing by the shared table (layout.ts): what a worker does with it. One reader belongs to one thread, many readers
 * share the memory.
 *
 *     host ──▶ host index ────▶ candidates of that host ────┐
 *     host ──▶ suffix index ──▶ candidates of its suffixes ─┼─▶ smallest matching index = the first in global order
 *     ────────────────────────▶ candidates of any host ─────┘
 *
 * Every candidate list is ascending, so a walk ends at its first match, and no list is walked beyond the best match of
 * those before it.
 */
import { HASH_PATH, HASH_PREFIX, HASH_START, HASH_SUFFIX, hashByte, hashEnd } from './hash.ts';
import { BACKEND, CANDIDATE_LIST, FRONTEND, HOST_CELL, PATH_CELL, PATH_INDEX, RUN, SERVER } from './layout.ts';
import { ProgramRunner } from './program.ts';
import { NO_FIELDS, type RequestFields } from './request-fields.ts';
import { TableSections } from './sections.ts';
import { BackendView, FrontendView } from './views.ts';

const SLASH = 0x2f;
const UPPER_A = 0x41;
const UPPER_Z = 0x5a;

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
  private readonly suffixIndex: number;
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
    this.runner = new ProgramRunner(sections, keepTrailingSlash);
    this.frontends = sections.frontends;
    this.hostIndex = sections.hostIndex;
    this.hostMask = sections.hostIndex.length / HOST_CELL.words - 1;
    this.candidates = sections.candidates;
    this.anyHostCandidates = sections.anyHostCandidates;
    this.suffixIndex = sections.suffixIndex;
    this.frontendViews = new Array(sections.frontends.length / FRONTEND.words).fill(null);
    this.backendViews = new Array(sections.backends.length / BACKEND.words).fill(null);
  }

  /**
   * The frontend that serves a request, null for none (404). `entryPoint`: its index; `method`: as received; `host`: the
   * Host field as received, '' for none; `path`: as received, still percent-encoded, without the query; `fields`: only
   * used during the call.
   */
  route(
    entryPoint: number,
    method: string,
    host: string,
    path: string,
    fields: RequestFields = NO_FIELDS,
  ): FrontendView | null {
    const none = this.frontendViews.length;
    this.entryPointBit = 1 << entryPoint;
    this.best = none;
    this.bestRedirects = false;
    this.runner.begin(method, host, path, fields);
    this.tryCandidates(this.candidatesOfHost());
    if (this.suffixIndex !== 0) this.trySuffixes(host);
    this.tryCandidates(this.anyHostCandidates);
    this.redirectSlash = this.bestRedirects;
    return this.best === none ? null : (this.frontendViews[this.best] ?? this.makeFrontendView(this.best));
  }

  /** Every server of the table, so that what is kept per slot can be cleaned up. */
  forEachServerSlot(visit: (slot: number) => void): void {
    const { backends, servers } = this.sections;
    for (let word = 0; word < backends.length; word += BACKEND.words) {
      // The section may hold servers of earlier tables as well.
      const first = backends[word + BACKEND.firstServer];
      const end = first + backends[word + BACKEND.serverCount];
      for (let server = first; server < end; server++) visit(servers[server * SERVER.words + SERVER.slot]);
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
    if (pathIndex !== 0 && this.runner.readPath()) this.tryPathIndex(pathIndex);
  }

  /** One pass from the end of the host to its beginning, with a look at every length that a suffix has. */
  private trySuffixes(field: string): void {
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
      this.tryCandidates(this.cellOf(this.suffixIndex, lengthsEnd, hashEnd(hash, HASH_SUFFIX)));
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

  private readonly backendOf = (index: number): BackendView => this.backendAt(index);

  private makeFrontendView(frontend: number): FrontendView {
    const backend = this.backendAt(this.frontends[frontend * FRONTEND.words + FRONTEND.backend]);
    const view = new FrontendView(this.sections, frontend, backend, this.backendOf);
    this.frontendViews[frontend] = view;
    return view;
  }

  private backendAt(index: number): BackendView {
    let view = this.backendViews[index];
    if (view === null) {
      view = new BackendView(this.sections, index, this.backendOf);
      this.backendViews[index] = view;
    }
    return view;
  }
}
