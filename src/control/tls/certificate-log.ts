/** What the log is told of certificates (shared/spec logs §3.3): loaded, failed, about to end, in order again. */
import { EVENTS, type LineLevel } from '../../kernel/events.ts';
import { log } from '../../kernel/log.ts';
import type { LogFields } from '../../kernel/log-line.ts';
import { namesText } from '../../tls/certificate-trouble.ts';
import type { CertificateEntry, EntryProblem } from './certificate-entry.ts';

const DAY_MS = 86_400_000;
/** Days before the end at which it is told, once each. Of a shorter life than the usual one they are as large a part. */
const STEPS: readonly { readonly days: number; readonly level: LineLevel }[] = [
  { days: 30, level: 'warning' },
  { days: 14, level: 'warning' },
  { days: 7, level: 'warning' },
  { days: 3, level: 'error' },
  { days: 1, level: 'error' },
  { days: 0, level: 'error' },
];
/** Who lives so long is told of in the last third. */
const USUAL_LIFE_MS = 90 * DAY_MS;

function named({ pair, from }: CertificateEntry): { readonly names: string; readonly source: string } {
  return { names: namesText(pair?.names ?? []), source: from };
}

function ending(entry: CertificateEntry): LogFields {
  const { names, source } = named(entry);
  return { names, not_after: new Date(entry.pair!.notAfter).toISOString(), source };
}

/** Workers are given a new pair of it. */
export function tellLoaded(entry: CertificateEntry): void {
  const fields = { ...ending(entry), fingerprint: entry.pair!.fingerprint };
  // What ends a trouble is told as that was.
  log.event(EVENTS.certificateLoaded, '', fields, entry.log.level ?? 'info');
  entry.log.level = null;
  entry.log.step = -1;
}

/** Its problem has changed; null: it has none any more. */
export function tellProblem(entry: CertificateEntry, problem: EntryProblem | null): void {
  const { from, log: told } = entry;
  if (problem === null) {
    if (told.level !== null) log.event(EVENTS.certificateGood, from, named(entry), told.level);
    told.level = null;
  } else if (problem.kind === 'ocsp') {
    told.level = EVENTS.ocspFailed.level;
    log.event(EVENTS.ocspFailed, from, { ...named(entry), reason: problem.reason });
  } else if (problem.kind !== 'expired') {
    told.level = problem.kind === 'load' ? 'error' : 'warning';
    log.event(EVENTS.certificateFailed, from, { ...named(entry), reason: problem.reason }, told.level);
  }
}

/** Each step to the end of what is served, once. `now`: Unix milliseconds. */
export function tellExpiry(entry: CertificateEntry, now: number): void {
  const { pair, log: told, from } = entry;
  if (pair === null || entry.removed) return;
  const share = Math.min(1, Math.max(0, pair.notAfter - pair.notBefore) / USUAL_LIFE_MS);
  const step = STEPS.findLastIndex(({ days }) => pair.notAfter - now <= days * DAY_MS * share);
  if (step <= told.step) return;
  told.step = step;
  const { level } = STEPS[step];
  told.level = level;
  log.event(EVENTS.certificateExpiring, from, ending(entry), level);
}
