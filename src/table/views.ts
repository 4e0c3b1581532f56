/**
 * What routing hands out. A view is made when its frontend or backend is first used and lives until that changes
 * (view-shelf.ts), so that a request only ever follows references; each class has one shape. It keeps nothing of the table
 * that it was made of, which may be gone long before it.
 */
import { compileRegex, type Regex } from '../kernel/regex.ts';
import type { TableServer } from './input.ts';
import {
  BACKEND,
  BACKEND_ALL_WEIGHTS_ZERO,
  FRONTEND,
  FRONTEND_PASS_HOST_HEADER,
  MODIFIER,
  OPCODE,
  OPTIONS,
  SCHEMES,
  SERVER,
} from './layout.ts';
import { type BackendPolicy, type MiddlewareOptions, readOptions } from './options.ts';
import type { TableSections } from './sections.ts';

const NONE: readonly BackendView[] = Object.freeze([]);

export class ServerView {
  readonly name: string;
  /** See src/shared/slots.ts. */
  readonly slot: number;
  /** That of its backend. */
  readonly backendSlot: number;
  readonly url: string;
  readonly scheme: TableServer['scheme'];
  /** To connect to; an IPv6 literal has no brackets. */
  readonly host: string;
  readonly port: number;
  /** Both, as logs show them. */
  readonly address: string;
  /** The Host field when the frontend does not pass the client's. */
  readonly hostHeader: string;
  readonly weight: number;
  /** Those of its backend; null: it has none. */
  readonly options: MiddlewareOptions | null;
  /** Where a worker counts its tries (src/shared/histograms.ts). */
  histogram: object | null = null;
  /** Its backend has it no more: only who has begun before goes to it. */
  isGone = false;

  constructor(sections: TableSections, index: number, backendSlot: number, options: MiddlewareOptions | null) {
    const { servers } = sections;
    const word = index * SERVER.words;
    this.name = sections.stringAt(servers, word + SERVER.name);
    this.slot = servers[word + SERVER.slot];
    this.backendSlot = backendSlot;
    this.url = sections.stringAt(servers, word + SERVER.url);
    this.scheme = SCHEMES[servers[word + SERVER.scheme]];
    this.host = sections.stringAt(servers, word + SERVER.host);
    this.port = servers[word + SERVER.port];
    this.address = `${this.host.includes(':') ? `[${this.host}]` : this.host}:${this.port}`;
    this.hostHeader = sections.stringAt(servers, word + SERVER.hostHeader);
    this.weight = servers[word + SERVER.weight];
    this.options = options;
  }
}

export class BackendView {
  readonly name: string;
  /** Its line of src/shared/cursors.ts, among others. */
  readonly slot: number;
  /** As in BACKEND.version. */
  readonly version: number;
  /** It, or another that its options name, has changed: who asks for it now gets another view. */
  isStale = false;
  readonly servers: readonly ServerView[];
  /** One full cycle of turns, each an index into `servers`. Empty without servers and when all weights are 0. */
  readonly schedule: Int32Array;
  readonly scheduleLength: number;
  /** There are servers, but none may be chosen: the answer is 500 (shared/spec kv-schema §4.1). */
  readonly allWeightsZero: boolean;
  /** Requests in flight per connection to a server; 0: as `--upstream.pipelining` says. */
  readonly pipelining: number;
  /** null: nothing beyond weighted round robin. */
  readonly policy: BackendPolicy | null;
  /** Its requests go to its servers as they come: no options. */
  readonly isPlain: boolean;
  /** What a worker makes of its options when they are first used (src/data/plan.ts). */
  plan: object | null | undefined = undefined;
  /** What a worker makes of it all when the backend is first used (src/data/balancing/balancer.ts). */
  balancer: object | null = null;
  private others: readonly BackendView[] = NONE;
  /** Those whose options name it. */
  private readonly users = new Set<BackendView>();

  constructor(sections: TableSections, index: number) {
    const { backends } = sections;
    const word = index * BACKEND.words;
    this.name = sections.stringAt(backends, word + BACKEND.name);
    this.slot = backends[word + BACKEND.slot];
    this.version = backends[word + BACKEND.version];
    this.policy = readOptions<BackendPolicy>(sections.stringAt(backends, word + BACKEND.policy));
    const options = this.policy?.options ?? null;
    this.isPlain = options === null;
    const first = backends[word + BACKEND.firstServer];
    const servers: ServerView[] = [];
    for (let i = 0; i < backends[word + BACKEND.serverCount]; i++) {
      servers.push(new ServerView(sections, first + i, this.slot, options));
    }
    this.servers = servers;
    const firstTurn = backends[word + BACKEND.firstTurn];
    this.scheduleLength = backends[word + BACKEND.turnCount];
    this.schedule = sections.schedules.slice(firstTurn, firstTurn + this.scheduleLength);
    this.pipelining = backends[word + BACKEND.pipelining];
    this.allWeightsZero = (backends[word + BACKEND.flags] & BACKEND_ALL_WEIGHTS_ZERO) !== 0;
  }

  /** Those that its options name. */
  setOthers(others: readonly BackendView[]): void {
    if (others.length === 0) return;
    this.others = others;
    for (const other of others) other.users.add(this);
  }

  /** It is stale. Returns those that have become so with it. */
  letGo(): readonly BackendView[] {
    for (const other of this.others) other.users.delete(this);
    return [...this.users];
  }

  /** One of those that its options name, null when there is none of that name. */
  other(name: string): BackendView | null {
    return this.others.find((other) => other.name === name) ?? null;
  }
}

/** How a frontend modifies paths: src/rule/terms.ts, with its patterns compiled. */
export class ModifiersView {
  readonly stripTemplates: readonly Regex[] | null;
  readonly stripPrefixes: readonly string[] | null;
  readonly addPrefix: string;
  readonly replacePathRegex: Regex | null;
  readonly replacement: string;
  readonly replacePath: string;

  constructor(sections: TableSections, program: number) {
    const { programs } = sections;
    const texts: (readonly string[])[] = [];
    for (let word = program; programs[word] !== MODIFIER.end; ) {
      const end = word + 2 + 2 * programs[word + 1];
      const strings: string[] = [];
      for (let text = word + 2; text < end; text += 2) strings.push(sections.stringAt(programs, text));
      texts[programs[word]] = strings;
      word = end;
    }
    this.stripTemplates = texts[MODIFIER.stripTemplates]?.map(compileRegex) ?? null;
    this.stripPrefixes = texts[MODIFIER.stripPrefixes] ?? null;
    this.addPrefix = texts[MODIFIER.addPrefix]?.[0] ?? '';
    const replace = texts[MODIFIER.replacePathRegex];
    this.replacePathRegex = replace === undefined ? null : compileRegex(replace[0]);
    this.replacement = replace?.[1] ?? '';
    this.replacePath = texts[MODIFIER.replacePath]?.[0] ?? '';
  }
}

const PATHS: readonly number[] = [OPCODE.path, OPCODE.pathPrefix, OPCODE.pathTemplate, OPCODE.pathPrefixTemplate];
const LITERALS: readonly number[] = [OPCODE.path, OPCODE.pathPrefix];

/** The one text that the instructions of a program compare paths with; '' where there are several, or patterns. */
function literalPathOf(sections: TableSections, program: number): string {
  const { programs } = sections;
  let text = '';
  for (let word = program; word !== 0 && programs[word] !== OPCODE.end; word += 2 + 2 * programs[word + 1]) {
    const opcode = programs[word];
    if (!PATHS.includes(opcode)) continue;
    if (text !== '' || programs[word + 1] !== 1 || !LITERALS.includes(opcode)) return '';
    text = sections.stringAt(programs, word + 2);
  }
  return text;
}

export class FrontendView {
  readonly name: string;
  readonly passHostHeader: boolean;
  readonly backend: BackendView;
  /** null: paths are forwarded as they came. */
  readonly modifiers: ModifiersView | null;
  /** null: nothing is asked for. */
  readonly options: MiddlewareOptions | null;

  /** What it asks of paths where that is one path or prefix, '' else. */
  readonly literalPath: string;

  /** Those that its options name, by name; null: none. */
  readonly otherBackends: ReadonlyMap<string, BackendView> | null;
  /** What a worker makes of its options and modifiers, by entrypoint, when it is first used (src/data/plan.ts). */
  plans: object | null = null;
  /** Where a worker counts its requests (src/shared/histograms.ts). */
  histogram: object | null = null;
  /** Its requests go to their server as they come: no options, no modifiers. */
  readonly isPlain: boolean;

  /** As in FILING.version. */
  readonly version: number;
  /** Of the tables in which it was found to be good. */
  checked = -1;

  /** `others`: those that its options name. */
  constructor(
    sections: TableSections,
    index: number,
    version: number,
    backend: BackendView,
    others: readonly BackendView[],
  ) {
    const { frontends, programs } = sections;
    const word = index * FRONTEND.words;
    this.version = version;
    this.name = sections.stringAt(frontends, word + FRONTEND.name);
    this.passHostHeader = (frontends[word + FRONTEND.flags] & FRONTEND_PASS_HOST_HEADER) !== 0;
    this.backend = backend;
    const modifiers = frontends[word + FRONTEND.modifiers];
    this.modifiers = modifiers === 0 ? null : new ModifiersView(sections, modifiers);
    const options = frontends[word + FRONTEND.options];
    this.options =
      options === 0 ? null : readOptions<MiddlewareOptions>(sections.stringAt(programs, options + OPTIONS.text));
    this.isPlain = modifiers === 0 && options === 0;
    this.literalPath = literalPathOf(sections, frontends[word + FRONTEND.program]);
    this.otherBackends = others.length === 0 ? null : new Map(others.map((other) => [other.name, other]));
  }

  /** A backend of it is another by now. */
  get usesStale(): boolean {
    if (this.backend.isStale) return true;
    if (this.otherBackends !== null) for (const other of this.otherBackends.values()) if (other.isStale) return true;
    return false;
  }
}
