/**
 * What a client says first: TLS or not, HTTP/2 with prior knowledge or HTTP/1 (RFC 9113 §3.3, §3.4). Bytes in, meaning
 * out.
 */

/** The start of the preface of HTTP/2. No request of HTTP/1 that anybody would serve begins like it. */
const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n');
/** The type of the record that a handshake begins with (RFC 8446 §5.1). */
const TLS_HANDSHAKE = 22;

export type FirstBytes = 'tls' | 'http1' | 'http2';

/** null: more is needed to tell. */
export function recognize(bytes: Buffer, start: number, end: number): FirstBytes | null {
  if (start === end) return null;
  if (bytes[start] === TLS_HANDSHAKE) return 'tls';
  // Nearly all requests are told by their first byte.
  if (bytes[start] !== PREFACE[0]) return 'http1';
  const length = Math.min(end - start, PREFACE.length);
  if (bytes.compare(PREFACE, 0, length, start, start + length) !== 0) return 'http1';
  return length === PREFACE.length ? 'http2' : null;
}
