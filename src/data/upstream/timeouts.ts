/** How long the connections with one server wait: what the flags say, or its backend (src/middlewares/timeouts.ts). */
import { isEndless } from '../../http/fields.ts';
import type { ResponseHead } from '../../http/response-head.ts';
import type { BackendTimeouts } from '../../middlewares/timeouts.ts';
import type { BootOptions } from '../../protocol/messages.ts';
import type { MiddlewareOptions } from '../../table/options.ts';

/** From the accepted connection to the end of the TLS handshake (shared/spec proxying §9). */
const TLS_HANDSHAKE_MS = 10_000;
/** How long an idle connection is kept when the server does not tell (shared/spec proxying §9). */
const KEEP_ALIVE_MS = 90_000;

/** Milliseconds; 0: for ever. */
export type UpstreamTimeouts = {
  readonly connectMs: number;
  /** From the accepted connection on, in the place of what is left of `connectMs`; 0: that goes on. */
  readonly handshakeMs: number;
  readonly headMs: number;
  /** In which some of a body must come. */
  readonly silenceMs: number;
  /** The same of what has no end that one could wait for. */
  readonly tunnelMs: number;
  readonly keepAliveMs: number;
};

/** `options`: of the backend. */
export function upstreamTimeouts(options: MiddlewareOptions | null, flags: BootOptions): UpstreamTimeouts {
  const own = options?.timeouts as BackendTimeouts | undefined;
  return {
    connectMs: own?.connectMs ?? flags.dialTimeoutMs,
    handshakeMs: own === undefined || own.connectMs === null ? TLS_HANDSHAKE_MS : 0,
    headMs: own?.responseHeaderMs ?? flags.responseHeaderTimeoutMs,
    silenceMs: own?.idleMs ?? 0,
    tunnelMs: own?.tunnelMs ?? 0,
    keepAliveMs: own?.keepAliveMs ?? KEEP_ALIVE_MS,
  };
}

/** How long a response with that head may be silent. */
export function silenceOf({ silenceMs, tunnelMs }: UpstreamTimeouts, head: ResponseHead): number {
  if (silenceMs === 0 && tunnelMs === 0) return 0;
  return head.status === 101 || isEndless(head.text) ? tunnelMs : silenceMs;
}
