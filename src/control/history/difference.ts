/** What differs between two states of the keys, and how it is told. Pure. */
import { quoted } from '../../kernel/quote.ts';

export type KeyChange = {
  /** Relative to the prefix. */
  readonly key: string;
  /** null: it was not there. */
  readonly before: string | null;
  /** null: it is not there. */
  readonly after: string | null;
};

/** Keys whose values hold nothing that a page, a log or a terminal may not show. */
const SHOWN = [
  /^backends\/[^/]+\/servers\/[^/]+\/(?:url|weight|tags|draining)$/,
  /^backends\/[^/]+\/(?:loadbalancer|maxconn|circuitbreaker)\//,
  /^backends\/[^/]+\/healthcheck\/(?!headers)/,
  /^frontends\/[^/]+\/(?:backend|priority|passhostheader|passHostHeader|entrypoints.*|routes\/[^/]+\/rule)$/,
  /^tls\/[^/]+\/entrypoints/,
  /^(?:alias|guard\/.*)$/,
];

/** A value as it may be shown: what may be a secret is told by its length only. */
export function shownValue(key: string, value: string | null): string | null {
  if (value === null) return null;
  return SHOWN.some((pattern) => pattern.test(key)) ? quoted(value) : `(${Buffer.byteLength(value)} bytes)`;
}

/** In the order of the keys. */
export function differences(before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): KeyChange[] {
  const changes: KeyChange[] = [];
  for (const [key, value] of before) {
    const now = after.get(key) ?? null;
    if (now !== value) changes.push({ key, before: value, after: now });
  }
  for (const [key, value] of after) if (!before.has(key)) changes.push({ key, before: null, after: value });
  return changes.sort((one, other) => (one.key < other.key ? -1 : 1));
}

/** A line per change, as diff(1) marks them: `+`, `-`, and `~` for a value that is another one. */
export function changeText({ key, before, after }: KeyChange): string {
  if (before === null) return `+ ${key} = ${shownValue(key, after)}`;
  if (after === null) return `- ${key} = ${shownValue(key, before)}`;
  return `~ ${key} = ${shownValue(key, before)} -> ${shownValue(key, after)}`;
}
