/** May a failed try be followed by another? One pure function (shared/spec proxying §8), so that all cases are a table. */
import { FAULTS, type Fault } from '../../kernel/errors.ts';

export const GIVE_UP = 0;
/** Once more to the same server, on a fresh connection. */
export const RESEND = 1;
/** To the server whose turn is next. */
export const NEXT_SERVER = 2;

/** Methods that a server may see twice (RFC 9110 §9.2.1), as Go's transport and so Traefik has it. */
export function isRepeatable(method: string): boolean {
  return method === 'GET' || method === 'HEAD' || method === 'OPTIONS' || method === 'TRACE';
}

/** Methods that mean the same when they come twice (RFC 9110 §9.2.2). */
const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE']);

export function isIdempotent(method: string): boolean {
  return IDEMPOTENT.has(method);
}

/**
 * Milliseconds before try `n`, 2 for the second, of `tries`: `interval` × 2^((n − 2)/(tries − 1)), a half more or less, so that
 * those that failed together do not come again together. `random`: 0 to 1.
 */
export function pauseBefore(n: number, tries: number, interval: number, random: number): number {
  if (interval === 0) return 0;
  return interval * 2 ** (Math.max(n - 2, 0) / Math.max(tries - 1, 1)) * (0.5 + random);
}

/** In all, the first one included. `attempts`: of `--retry`, 0 for as many as there are servers; null: no retry. */
export function triesAllowed(attempts: number | null, servers: number): number {
  if (attempts === null) return 1;
  return attempts > 0 ? attempts : servers;
}

/**
 * How often a request is sent anew whose HTTP/2 session has ended before the server looked at it. With many in flight to
 * a server that serves only so many on each, some meet several such ends. Whatever else happens is tried anew once.
 */
export const MAX_SESSION_RESENDS = 8;

export type Try = {
  /** Bytes of the request were written in this try. */
  readonly sent: boolean;
  /** The connection had served a request before. */
  readonly reused: boolean;
  /** No byte of the body was sent that is not ours to send again. */
  readonly bodyHeld: boolean;
  /** Method and lack of a body allow to send it twice. */
  readonly repeatable: boolean;
  /** A byte of the response has come. */
  readonly answered: boolean;
  /** How often it was resent already. */
  readonly resends: number;
  /** It went to an ejected server to see whether that serves again. */
  readonly trial: boolean;
  /** Tries that are left, this one not counted. */
  readonly triesLeft: number;
};

export function retryDecision(fault: Fault, last: Try): number {
  if (last.answered || fault.retry === 'never') return GIVE_UP;
  const unprocessed = fault.retry === 'unprocessed';
  // What the server did not look at (RFC 9113 §8.7) is as if it had not been sent.
  if (!last.sent || (unprocessed && last.bodyHeld)) {
    // A connection from the pool that died before a byte was written says nothing about the server.
    const allowed = fault === FAULTS.sessionEnded ? MAX_SESSION_RESENDS : 1;
    if ((last.reused || unprocessed) && last.resends < allowed) return RESEND;
    return last.triesLeft > 0 ? NEXT_SERVER : GIVE_UP;
  }
  // The client has not asked for this server: it gets the answer of another one, where it may be asked twice.
  if (last.trial && last.repeatable && last.triesLeft > 0) return NEXT_SERVER;
  // The server closes an idle connection at the moment at which we use it: RFC 9112 §9.3.1.
  return last.reused && last.repeatable && last.resends === 0 ? RESEND : GIVE_UP;
}
