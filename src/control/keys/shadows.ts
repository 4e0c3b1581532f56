/**
 * Frontends that look as if they were reached, and are not: others that take all that they would take come before them. And
 * those that take everything since they have no rule. Twins of equal rules are the model's matter (model/twins.ts).
 */
import type { Problem } from '../../kernel/problems.ts';
import { shownKey } from '../../kernel/problems.ts';
import { quoted } from '../../kernel/quote.ts';
import type { Frontend } from '../../model/model.ts';
import type { MatchTerm } from '../../rule/terms.ts';

/** Of one host, frontends that each one is compared with. */
const MOST_COMPARED = 100;

function isWithin(few: readonly string[], many: readonly string[]): boolean {
  return few.every((each) => many.includes(each));
}

function withoutSlash(path: string): string {
  return path.endsWith('/') ? path.slice(0, -1) : path;
}

/** Does whatever meets `narrow` meet `wide` as well? Only where that is certain. */
function implies(narrow: MatchTerm, wide: MatchTerm): boolean {
  if (narrow.kind === 'host' && wide.kind === 'host') return isWithin(narrow.hosts, wide.hosts);
  if (narrow.kind === 'method' && wide.kind === 'method') return isWithin(narrow.methods, wide.methods);
  if (narrow.kind === 'path' && wide.kind === 'path') {
    return isWithin(narrow.paths.map(withoutSlash), wide.paths.map(withoutSlash));
  }
  if (wide.kind === 'pathPrefix') {
    const starts = narrow.kind === 'pathPrefix' ? narrow.prefixes : narrow.kind === 'path' ? narrow.paths : null;
    // A path may come without its last slash.
    return starts?.every((start) => wide.prefixes.some((prefix) => withoutSlash(start).startsWith(prefix))) === true;
  }
  if (narrow.kind === 'header' && wide.kind === 'header') {
    return narrow.name === wide.name && (wide.value === '' || narrow.value === wide.value);
  }
  return JSON.stringify(narrow) === JSON.stringify(wide);
}

/** An empty list of alternatives matches nothing, and has been told of. */
function isDead(term: MatchTerm): boolean {
  return Object.values(term).some((value) => Array.isArray(value) && value.length === 0);
}

function hides(before: Frontend, frontend: Frontend): boolean {
  if (!isWithin(frontend.entryPoints, before.entryPoints)) return false;
  return before.terms.every((wide) => !isDead(wide) && frontend.terms.some((narrow) => implies(narrow, wide)));
}

/** One of those by which it is found, '' where none is named. */
function hostOf({ terms }: Frontend): string {
  const term = terms.find(({ kind }) => kind === 'host');
  return term?.kind === 'host' ? (term.hosts[0] ?? '') : '';
}

function keyOf(prefix: string, { name, routes }: Frontend): string {
  const [route] = routes;
  return shownKey(`${prefix}/frontends/${name}/${route === undefined ? 'backend' : `routes/${route.name}/rule`}`);
}

/** In the order in which they are tried. */
function byRank(one: Frontend, other: Frontend): number {
  return other.rank - one.rank || (one.name < other.name ? -1 : 1);
}

/** Those that are tried first. Gives in between. */
function* firstOf(list: readonly Frontend[]): Generator<undefined, Frontend[]> {
  let first: Frontend[] = [];
  for (const frontend of list) {
    first.push(frontend);
    if (first.length === 2 * MOST_COMPARED) first = first.sort(byRank).slice(0, MOST_COMPARED);
    yield;
  }
  return first.sort(byRank).slice(0, MOST_COMPARED);
}

/**
 * Problems by key; gives in between, so that other things can be done. `prefix`: of the keys in force. `isTold`: the key has a
 * problem already.
 */
export function* findShadows(
  frontends: ReadonlyMap<string, Frontend>,
  prefix: string,
  isTold: (key: string) => boolean,
): Generator<undefined, Map<string, Problem>> {
  const found = new Map<string, Problem>();
  const byHost = new Map<string, Frontend[]>();
  for (const frontend of frontends.values()) {
    const host = hostOf(frontend);
    const known = byHost.get(host);
    if (known === undefined) byHost.set(host, [frontend]);
    else known.push(frontend);
    yield;
  }
  const add = (frontend: Frontend, reason: string): void => {
    const key = keyOf(prefix, frontend);
    if (!isTold(key)) found.set(key, { key, state: 'warned', reason });
  };
  const anywhere = yield* firstOf(byHost.get('') ?? []);
  for (const [host, list] of byHost) {
    const first = host === '' ? anywhere : yield* firstOf(list);
    for (const frontend of list) {
      const hider = [...first, ...(host === '' ? [] : anywhere)].find(
        (other) => byRank(other, frontend) < 0 && other !== frontend && hides(other, frontend),
      );
      if (hider !== undefined) {
        const why = `frontend ${quoted(hider.name)} (priority ${hider.rank}) takes all of its requests before it (priority ${frontend.rank})`;
        add(frontend, `never reached: ${why}`);
      } else if (frontend.terms.length === 0) {
        add(frontend, 'without a matcher it takes every request that no frontend before it takes');
      }
      yield;
    }
  }
  return found;
}
