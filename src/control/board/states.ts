/** How servers and backends stand, from what they were asked as well as from what is believed of them. Pure; tested by table. */
import type { BackendState, ServerStateWord } from '../admin/ui-api/shapes.ts';

export type ServerFacts = {
  /** As balancing has it (src/control/balancing/server-status.ts). */
  readonly state: Exclude<ServerStateWord, 'failing' | 'left out'>;
  readonly isDraining: boolean;
  readonly weight: number;
  /** Tries of the last 10 s, and those of them that were refused, broken or answered with 5xx. */
  readonly tries: number;
  readonly bad: number;
};

const LEAST_TRIES = 5;
const FAILING_SHARE = 0.5;
const BAD: readonly ServerStateWord[] = ['down', 'ejected', 'failing'];
const TAKES_REQUESTS: readonly ServerStateWord[] = ['in rotation', 'slow start', 'suspect', 'on trial'];
/** They take no part: nobody waits for them. */
const APART: readonly ServerStateWord[] = ['draining', 'not used', 'left out'];

/** What it does counts more than what we believe: at most half of a backend is ever ejected, and the other half is not well for that. */
export function serverState({ state, isDraining, weight, tries, bad }: ServerFacts): ServerStateWord {
  if (isDraining) return 'draining';
  if (weight === 0) return 'not used';
  return TAKES_REQUESTS.includes(state) && tries >= LEAST_TRIES && bad >= tries * FAILING_SHARE ? 'failing' : state;
}

export function isBad(state: ServerStateWord): boolean {
  return BAD.includes(state);
}

export function takesPart(state: ServerStateWord): boolean {
  return !APART.includes(state);
}

/** Not bad, of those that take part. */
export function upOf(states: readonly ServerStateWord[]): readonly [up: number, want: number] {
  const part = states.filter(takesPart);
  return [part.filter((state) => !isBad(state)).length, part.length];
}

export type BackendFacts = {
  readonly servers: readonly ServerStateWord[];
  /** Some frontend leads to it. */
  readonly isWanted: boolean;
  /** null: too few requests to say. */
  readonly e5: number | null;
  /** null: it has none. */
  readonly breaker: 'standby' | 'tripped' | 'recovering' | null;
  /** Requests that its limit refused, and retries that their budget refused, in the last 10 s. */
  readonly refused: number;
  readonly retriesRefused: number;
  /** Milliseconds since its last request, or since it is known. */
  readonly idleMs: number;
};

const FAILING_E5 = 0.1;
const IMPAIRED_E5 = 0.005;
const IDLE_MS = 600_000;

export type BackendVerdict = {
  readonly state: BackendState /** '' when there is nothing to say. */;
  readonly why: string;
};

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`;
}

function percent(share: number): string {
  const value = share * 100;
  return `${value < 10 ? value.toFixed(2) : value.toFixed(1)} %`;
}

function whyFailing({ servers, isWanted, e5, breaker }: BackendFacts, up: number, want: number): string {
  if (breaker === 'tripped') return 'breaker open';
  if (up === 0 && isWanted) {
    if (servers.length === 0) return 'it has no server';
    return want === 0 ? 'no server takes part' : 'no server answers';
  }
  return e5 !== null && e5 >= FAILING_E5 ? `${percent(e5)} get a 5xx` : '';
}

function whyImpaired(facts: BackendFacts, up: number, want: number): string {
  const { servers, e5, breaker, refused, retriesRefused } = facts;
  if (breaker === 'recovering') return 'breaker recovering';
  const out = want - up;
  if (out > 0) {
    const words = [...new Set(servers.filter(isBad))];
    return `${count(out, 'server')} ${words.length === 1 ? words[0] : 'out'}`;
  }
  const suspect = servers.filter((state) => state === 'suspect').length;
  if (suspect > 0) return `the lease of ${count(suspect, 'server')} ran out`;
  const onTrial = servers.filter((state) => state === 'on trial').length;
  if (onTrial > 0) return `${count(onTrial, 'server')} on trial`;
  if (e5 !== null && e5 >= IMPAIRED_E5) return `${percent(e5)} get a 5xx`;
  if (refused > 0) return 'its limit refuses requests';
  return retriesRefused > 0 ? 'retry budget used up' : '';
}

export function backendState(facts: BackendFacts): BackendVerdict {
  const [up, want] = upOf(facts.servers);
  const failing = whyFailing(facts, up, want);
  if (failing !== '') return { state: 'failing', why: failing };
  const impaired = whyImpaired(facts, up, want);
  if (impaired !== '') return { state: 'impaired', why: impaired };
  return facts.idleMs >= IDLE_MS ? { state: 'idle', why: 'no request for 10 min' } : { state: 'ok', why: '' };
}
