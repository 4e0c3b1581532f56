/** What the log is told of a certificate that was read, and cannot be served all the same. */
import { EVENTS } from '../kernel/events.ts';
import { log } from '../kernel/log.ts';
import type { WorkerCertificate } from '../protocol/messages.ts';

const MOST_NAMES = 10;

/** For the log: it may have hundreds. */
export function namesText(names: readonly string[]): string {
  return names.slice(0, MOST_NAMES).join(',') + (names.length > MOST_NAMES ? ',…' : '');
}

export function tellRefused({ names, fingerprint }: WorkerCertificate, reason: string): void {
  log.event(EVENTS.certificateFailed, fingerprint, { names: namesText(names), fingerprint, reason });
}
