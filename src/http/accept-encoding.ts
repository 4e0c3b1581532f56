/** What a client says of content codings that it takes (RFC 9110 §12.4.2, §12.5.3). */
import { trimBlanks } from '../kernel/characters.ts';
import type { Coding } from '../kernel/codings.ts';

const NAMED_GZIP: ReadonlySet<string> = new Set(['gzip', 'x-gzip']);
const IDENTITY = 'identity';
const ANY = '*';
const DOT = 0x2e;
const ZERO = 0x30;

/** A qvalue in thousandths: `0.5` is 500; -1 for what is none. */
function weightOf(text: string): number {
  const whole = text.charCodeAt(0) - ZERO;
  if ((whole !== 0 && whole !== 1) || text.length > 5 || (text.length > 1 && text.charCodeAt(1) !== DOT)) return -1;
  let weight = whole * 1_000;
  for (let at = 2, unit = 100; at < text.length; at++, unit /= 10) {
    const digit = text.charCodeAt(at) - ZERO;
    if (digit < 0 || digit > 9) return -1;
    weight += digit * unit;
  }
  return weight > 1_000 ? -1 : weight;
}

/** Lower-case coding → weight in thousandths, the first for each; without members whose weight is none. */
function weights(values: readonly string[]): Map<string, number> {
  const found = new Map<string, number>();
  for (const value of values) {
    for (const member of value.split(',')) {
      const [name, ...parameters] = member.split(';');
      const written = trimBlanks(name).toLowerCase();
      if (written === '') continue;
      let weight = 1_000;
      for (const parameter of parameters) {
        const text = trimBlanks(parameter);
        if (!text.startsWith('q=') && !text.startsWith('Q=')) continue;
        weight = weightOf(text.slice(2));
        break;
      }
      const coding = NAMED_GZIP.has(written) ? 'gzip' : written;
      if (weight >= 0 && !found.has(coding)) found.set(coding, weight);
    }
  }
  return found;
}

/**
 * Which of `offered` the client would rather have than identity, the best first; equal ones in the order of `offered`.
 * Empty: identity it is, and so it is where nothing is acceptable.
 *
 * @param values of Accept-Encoding, one per field
 */
export function acceptedCodings(values: readonly string[], offered: readonly Coding[]): Coding[] {
  const stated = weights(values);
  const others = stated.get(ANY) ?? 0;
  const weightFor = (coding: string): number => stated.get(coding) ?? others;
  // Not named at all, identity is acceptable, but less than anything that is named.
  const identity = stated.has(IDENTITY) || stated.has(ANY) ? weightFor(IDENTITY) : 0;
  return offered
    .filter((coding) => weightFor(coding) > 0 && weightFor(coding) >= identity)
    .sort((a, b) => weightFor(b) - weightFor(a));
}

/** Is `gzip` named, with a weight above 0? `*` and other names are not looked at (shared/spec cli-api §3). */
export function namesGzip(values: readonly string[]): boolean {
  for (const value of values) {
    for (const member of value.split(',')) {
      const [name, ...parameters] = member.split(';');
      if (trimBlanks(name).toLowerCase() !== 'gzip') continue;
      const weight = parameters.map((text) => trimBlanks(text)).find((text) => text.toLowerCase().startsWith('q='));
      return weight === undefined || weightOf(weight.slice(2)) > 0;
    }
  }
  return false;
}
