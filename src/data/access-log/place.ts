/**
 * Where a request came to, as Traefik tells it (shared/spec logs §1.4, cli-api §7.3). In 1.7 some steps before the server log
 * themselves as backend `Traefik`: of those that were entered the innermost gives the names, and whichever there is an origin
 * status.
 */
import type { AccessLogNames } from '../../kernel/access-log-options.ts';
import type { BackendView, FrontendView, ServerView } from '../../table/views.ts';

export type Place = {
  /** '' for none. */
  readonly frontend: string;
  readonly backend: string;
  /** The answer of ours counts as one of an origin, and the path of the request as its URL. */
  readonly isOrigin: boolean;
  /** null: it is an answer of ours. */
  readonly server: ServerView | null;
  /** No other one of this thread has it. */
  readonly number: number;
};

const TRAEFIK = 'Traefik';
let made = 0;
const NOWHERE: Place = { frontend: '', backend: '', isOrigin: false, server: null, number: ++made };
const NOT_FOUND: Place = {
  frontend: 'backend not found',
  backend: TRAEFIK,
  isOrigin: true,
  server: null,
  number: ++made,
};

/** What logs itself, by the name of its kind, and what it calls itself; from the outside in. */
const STEPS: readonly (readonly [kind: string, name: string])[] = [
  ['whiteList', 'ipwhitelister'],
  ['redirect', 'frontend redirect'],
  ['auth', 'Auth'],
  ['ratelimit', 'rate limit'],
];
const STEP_OF_CAUSE: Readonly<Record<string, string>> = {
  forbidden: 'whiteList',
  redirect: 'redirect',
  unauthorized: 'auth',
  auth_refused: 'auth',
  auth_error: 'auth',
  auth_config: 'auth',
  rate_limited: 'ratelimit',
};
const OF_ENTRY_POINT: Readonly<Record<string, string>> = {
  forbidden: 'ipwhitelister for entrypoint',
  redirect: 'entrypoint redirect for',
  unauthorized: 'Auth for entrypoint',
  auth_refused: 'Auth for entrypoint',
  auth_error: 'Auth for entrypoint',
  auth_config: 'Auth for entrypoint',
};

/** Of answers of ours, by cause: a frontend has few of them. */
const places = new WeakMap<FrontendView, Map<string, Place>>();
/** A frontend, a backend and a server of it, where lines that follow each other come to again and again. */
export type ReachedPlace = Place & {
  readonly of: FrontendView;
  readonly backendView: BackendView;
};
/** Of what came to a server: for which frontend it was last; all of them, once there is more than one. */
type Reached = { last: ReachedPlace; all: WeakMap<FrontendView, ReachedPlace> | null };
const reached = new WeakMap<ServerView, Reached>();

function isOf({ of, backendView }: ReachedPlace, frontend: FrontendView, backend: BackendView): boolean {
  return of === frontend && backendView === backend;
}

export class Places {
  private readonly is3: boolean;
  private readonly suffix: string;
  /** Of answers before a frontend, by their names: a few for each entrypoint. */
  private readonly ofEntryPoints = new Map<string, Place>();

  /** `provider`: behind `@` in the names of Traefik 3. */
  constructor(names: AccessLogNames, provider: string) {
    this.is3 = names === '3';
    this.suffix = this.is3 ? `@${provider}` : '';
  }

  /** Of one that came to a server. */
  ofServer(frontend: FrontendView, backend: BackendView, server: ServerView): ReachedPlace {
    const known = reached.get(server);
    if (known === undefined) {
      const last = this.madeFor(frontend, backend, server);
      reached.set(server, { last, all: null });
      return last;
    }
    if (isOf(known.last, frontend, backend)) return known.last;
    known.all ??= new WeakMap([[known.last.of, known.last]]);
    let place = known.all.get(frontend);
    if (place === undefined || !isOf(place, frontend, backend)) {
      place = this.madeFor(frontend, backend, server);
      known.all.set(frontend, place);
    }
    known.last = place;
    return place;
  }

  private madeFor(of: FrontendView, backendView: BackendView, server: ServerView): ReachedPlace {
    const { suffix } = this;
    return {
      ...{ frontend: of.name + suffix, backend: backendView.name + suffix, isOrigin: true, server, number: ++made },
      ...{ of, backendView },
    };
  }

  /** Of one that we have answered before it came to any. */
  ofReply(cause: string, entryPoint: string, frontend: FrontendView | null): Place {
    if (this.is3) {
      return frontend === null ? NOWHERE : this.ofFrontend(cause, frontend);
    }
    if (frontend !== null) return this.ofFrontend(cause, frontend);
    if (cause === 'no_route') return NOT_FOUND;
    const step = OF_ENTRY_POINT[cause];
    return step === undefined ? NOWHERE : this.ofEntryPoint(`${step} ${entryPoint}`);
  }

  private ofEntryPoint(frontend: string): Place {
    let place = this.ofEntryPoints.get(frontend);
    if (place === undefined) {
      place = { frontend, backend: TRAEFIK, isOrigin: true, server: null, number: ++made };
      this.ofEntryPoints.set(frontend, place);
    }
    return place;
  }

  private ofFrontend(cause: string, frontend: FrontendView): Place {
    let known = places.get(frontend);
    if (known === undefined) {
      known = new Map();
      places.set(frontend, known);
    }
    let place = known.get(cause);
    if (place === undefined) {
      place = this.is3 ? this.madeFor3(frontend) : this.madeFor17(cause, frontend);
      known.set(cause, place);
    }
    return place;
  }

  private madeFor3({ name, backend }: FrontendView): Place {
    return {
      frontend: name + this.suffix,
      backend: backend.name + this.suffix,
      isOrigin: false,
      server: null,
      number: ++made,
    };
  }

  private madeFor17(cause: string, { name, options, backend }: FrontendView): Place {
    const entered: string[] = [];
    const last = STEP_OF_CAUSE[cause];
    for (const [kind, step] of STEPS) {
      if (options?.[kind] !== undefined) entered.push(step);
      if (kind === last) break;
    }
    if (last === undefined && backend.policy?.maxConn !== undefined) entered.push('connection limit');
    const innermost = entered.at(-1);
    return innermost === undefined
      ? NOWHERE
      : { frontend: `${innermost} for ${name}`, backend: TRAEFIK, isOrigin: true, server: null, number: ++made };
  }
}
