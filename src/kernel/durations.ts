/**
 * Durations as Traefik 1.x writes them (shared/spec cli-api §1.3): digits alone are seconds, anything else is a Go
 * duration (`100ms`, `1m30s`, `1.5h`). Negative ones are refused, because no setting has a use for them.
 */

/** Milliseconds in each unit of a Go duration. Micro has two code points: U+00B5 and U+03BC. */
const UNITS: ReadonlyMap<string, number> = new Map([
  ['ns', 1e-6],
  ['us', 1e-3],
  ['\u00b5s', 1e-3],
  ['\u03bcs', 1e-3],
  ['ms', 1],
  ['s', 1000],
  ['m', 60_000],
  ['h', 3_600_000],
]);

/** Go counts nanoseconds in 63 bits: about 292 years. */
const LONGEST = 2 ** 63 / 1e6;

/**
 * What may be given to a timer: Node's wait for 2³¹ − 1 ms, and a longer one fires at once. The hour less is for what is
 * added on the way (Node's own keepAliveTimeoutBuffer, for one). 24 days mean "as good as never".
 */
const LONGEST_TIMER_MS = 2 ** 31 - 1 - 3_600_000;

/** As much of a span of milliseconds as a timer can wait. All that is no constant goes through here (test/unit/timers.test.ts). */
export function timerSpan(ms: number): number {
  return Math.min(ms, LONGEST_TIMER_MS);
}

/** Milliseconds, with a fraction where the text has one; null when it is no duration. */
export function parseDuration(text: string): number | null {
  let total = 0;
  if (/^[0-9]+$/.test(text)) {
    total = Number(text) * 1000;
  } else {
    const part = /([0-9]+\.?[0-9]*|\.[0-9]+)([a-z\u00b5\u03bc]+)/y;
    part.lastIndex = text.startsWith('+') ? 1 : 0;
    let end = -1;
    for (let match = part.exec(text); match !== null; match = part.exec(text)) {
      const unit = UNITS.get(match[2]);
      if (unit === undefined) return null;
      total += Number(match[1]) * unit;
      end = part.lastIndex;
    }
    if (end !== text.length) return null;
  }
  return total < LONGEST ? total : null;
}

/** A duration as Go prints it: `1h2m3.5s`, `12.25ms`, `7µs`, `0s`. */
export function goDuration(seconds: number): string {
  const nanoseconds = Math.round(seconds * 1e9);
  if (nanoseconds === 0) return '0s';
  if (nanoseconds < 1e3) return `${nanoseconds}ns`;
  if (nanoseconds < 1e6) return `${nanoseconds / 1e3}µs`;
  if (nanoseconds < 1e9) return `${nanoseconds / 1e6}ms`;
  const minutes = Math.floor(nanoseconds / 60e9);
  const rest = `${(nanoseconds - minutes * 60e9) / 1e9}s`;
  if (minutes === 0) return rest;
  const hours = Math.floor(minutes / 60);
  return hours === 0 ? `${minutes}m${rest}` : `${hours}h${minutes % 60}m${rest}`;
}
