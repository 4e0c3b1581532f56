/** One frontend, whole. */
import { shownOptions } from '../../../middlewares/kinds.ts';
import type { MatchTerm, Template } from '../../../rule/terms.ts';
import type { Board } from '../../board/board.ts';
import { roundedLatency } from '../../board/counted.ts';
import { eventsOf, keyRows, lookOf } from './backend-detail.ts';
import type { FrontendDetail } from './detail-shapes.ts';
import type { BoardEvent } from './shapes.ts';

function patterns(templates: readonly Template[]): string[] {
  return templates.map(({ pattern }) => pattern);
}

/** What a request must have, and the values of which one is enough. */
function termOf(term: MatchTerm): { matcher: string; values: readonly string[] } {
  switch (term.kind) {
    case 'host':
      return { matcher: 'Host', values: term.hosts };
    case 'hostTemplate':
      return { matcher: 'HostRegexp', values: patterns(term.templates) };
    case 'path':
      return { matcher: 'Path', values: term.paths };
    case 'pathTemplate':
      return { matcher: 'Path', values: patterns(term.templates) };
    case 'pathPrefix':
      return { matcher: 'PathPrefix', values: term.prefixes };
    case 'pathPrefixTemplate':
      return { matcher: 'PathPrefix', values: patterns(term.templates) };
    case 'method':
      return { matcher: 'Method', values: term.methods };
    case 'header':
      return { matcher: 'Headers', values: [`${term.name}${term.value === '' ? '' : `: ${term.value}`}`] };
    case 'headerRegexp':
      return { matcher: 'HeadersRegexp', values: [`${term.name}: ${term.pattern}`] };
    case 'query':
      return { matcher: 'Query', values: [`${term.name}${term.value === '' ? '' : `=${term.value}`}`] };
    case 'queryTemplate':
      return { matcher: 'Query', values: [term.pattern] };
  }
}

/** Newest first, those of itself and of its backend. */
function eventsOfBoth(board: Board, name: string, backend: string): BoardEvent[] {
  const both = [...eventsOf(board, ['frontend', name]), ...eventsOf(board, ['backend', backend])];
  return [...new Map(both.map((event) => [event.id, event])).values()].sort((one, other) => other.id - one.id);
}

/** undefined: there is none of that name. */
export function frontendDetail(board: Board, name: string): FrontendDetail | undefined {
  const row = board.frontends.get(name);
  if (row === undefined) return undefined;
  const { thing, counted, last } = row;
  const backend = board.backends.get(thing.backend);
  const { backend: backendName, entryPoints, routes, terms, priority, rank, passHostHeader, options } = thing;
  const requests = (['c2', 'c3', 'c4', 'c5'] as const).reduce((sum, count) => sum + counted.rates.total(count), 0);
  return {
    t: board.steps.at,
    name,
    state: row.stateWith(backend, board.steps.at),
    backend: backendName,
    up: backend?.up ?? 0,
    want: backend?.want ?? 0,
    entryPoints,
    routes: routes.map((route) => ({ name: route.name, rule: route.rule })),
    terms: terms.map(termOf),
    priority,
    rank,
    passHostHeader,
    options: shownOptions(options),
    c: counted.answers(lookOf(board)),
    lat: roundedLatency(counted.lat),
    last,
    requests,
    keys: keyRows(board, 'frontends', name),
    events: eventsOfBoth(board, name, backendName),
  };
}
