/**
 * Looks at what a client says first and gives it back: TLS or not, HTTP/2 with prior knowledge or HTTP/1 (RFC 9113 §3.3,
 * §3.4). Costs nothing per request.
 */
import type { Socket } from 'node:net';
import { MORE, readFirst } from './first-read.ts';

/** The start of the preface of HTTP/2. No request of HTTP/1 that anybody would serve begins like it. */
const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n');
/** The type of the record that a handshake begins with (RFC 8446 §5.1). */
const TLS_HANDSHAKE = 22;

export type FirstBytes = 'tls' | 'http1' | 'http2';

/** null: more is needed to tell. */
export function recognize(bytes: Uint8Array): FirstBytes | null {
  if (bytes.length === 0) return null;
  if (bytes[0] === TLS_HANDSHAKE) return 'tls';
  const length = Math.min(bytes.length, PREFACE.length);
  if (!PREFACE.subarray(0, length).equals(bytes.subarray(0, length))) return 'http1';
  return length === PREFACE.length ? 'http2' : null;
}

/**
 * Calls `recognized` once, with the socket as if nobody had read from it. A client that ends before it can be told is
 * closed.
 */
export function lookAtFirstBytes(socket: Socket, recognized: (first: FirstBytes) => void): void {
  let first: FirstBytes | null = null;
  const look = (seen: Buffer): number => {
    first = recognize(seen);
    return first === null ? MORE : 0;
  };
  readFirst(socket, look, () => recognized(first!));
}
