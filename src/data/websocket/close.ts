/** How the end of one side of a WebSocket reaches the other (RFC 6455 §7.4, shared/spec proxying §10). */

const NORMAL = 1000;
export const GOING_AWAY = 1001;
/** The server is too slow for what its client sends. */
export const TRY_AGAIN_LATER = 1013;
export const NO_REASON: Uint8Array = new Uint8Array(0);
/** Never in a frame: there was a close frame without a code. */
const NO_STATUS = 1005;
/** Never in a frame: the connection ended without a close frame. */
const ABNORMAL = 1006;
/** Never in a frame: TLS failed. */
const TLS_FAILED = 1015;
/** A control frame takes 125 bytes (RFC 6455 §5.5), two of them the code. */
const MAX_REASON_BYTES = 123;

export type Close = { readonly code: number; readonly reason: Uint8Array };

/** A side ended without a close frame. */
export function isBroken(code: number): boolean {
  return code === ABNORMAL || code === TLS_FAILED;
}

/**
 * The close frame for the other side, null for none: a connection that broke is shown as one that broke.
 * `problem`: what was wrong with the bytes of the side that ended, '' for nothing.
 */
export function relayedClose(code: number, reason: Uint8Array, problem: string): Close | null {
  if (problem !== '') return { code: NORMAL, reason: Buffer.from(problem).subarray(0, MAX_REASON_BYTES) };
  if (code === NO_STATUS) return { code: NORMAL, reason: NO_REASON };
  if (isBroken(code)) return null;
  return { code, reason };
}
