/**
 * The header with which a balancer in front tells whose connection it passes on: PROXY protocol, versions 1 and 2
 * (https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt §2; shared/spec proxying §13). Bytes in, meaning out.
 *
 * A connection without one is taken as it is. `UNKNOWN` and LOCAL (the balancer speaks for itself) are accepted, as the
 * protocol demands; Traefik closes on `UNKNOWN`.
 */
import { isIP } from 'node:net';
import { plainAddress } from '../../kernel/ip-ranges.ts';

/** `length`: bytes of the header, 0 for none. `address`: of the client, '' when it is not told. */
export type ProxyHeader = { readonly length: number; readonly address: string };

/** What `readProxyHeader` returns while it takes more bytes to tell. */
export const INCOMPLETE = 'incomplete';
/** What it returns for a header that breaks the rules. */
export const MALFORMED = 'malformed';

const NONE: ProxyHeader = Object.freeze({ length: 0, address: '' });

const TEXT_START = Buffer.from('PROXY ');
/** The longest header of version 1, CRLF included. */
const MAX_TEXT_BYTES = 107;
const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
const FIXED_BYTES = 16;
/** Addresses and extensions of version 2; more than anybody sends. */
const MAX_REST_BYTES = 4_096;

const LOCAL = 0x20;
const PROXY = 0x21;
/** Address family and transport. */
const TCP4 = 0x11;
const TCP6 = 0x21;

function begins(bytes: Buffer, start: Buffer): boolean {
  const length = Math.min(bytes.length, start.length);
  return bytes.compare(start, 0, length, 0, length) === 0;
}

function isPort(text: string): boolean {
  return /^(?:0|[1-9][0-9]{0,4})$/.test(text) && Number(text) <= 65_535;
}

function readText(bytes: Buffer): ProxyHeader | typeof INCOMPLETE | typeof MALFORMED {
  const end = bytes.subarray(0, MAX_TEXT_BYTES).indexOf('\r\n');
  if (end < 0) return bytes.length < MAX_TEXT_BYTES ? INCOMPLETE : MALFORMED;
  const length = end + 2;
  const [, protocol, source, destination, sourcePort, destinationPort, ...more] = bytes
    .toString('latin1', 0, end)
    .split(' ');
  if (protocol === 'UNKNOWN') return { length, address: '' };
  const family = protocol === 'TCP4' ? 4 : protocol === 'TCP6' ? 6 : -1;
  // A zone means something on one host only.
  const good = [source, destination].every((address) => isIP(address ?? '') === family && !address.includes('%'));
  if (!good || !isPort(sourcePort ?? '') || !isPort(destinationPort ?? '') || more.length > 0) return MALFORMED;
  return { length, address: family === 6 ? shortText(source) : source };
}

/** In its short form (RFC 5952), as Node gives addresses. `address`: without a zone. */
function shortText(address: string): string {
  return plainAddress(new URL(`http://[${address}]/`).hostname.slice(1, -1));
}

function ipv6Text(bytes: Buffer): string {
  return shortText(Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(index * 2).toString(16)).join(':'));
}

function readBinary(bytes: Buffer): ProxyHeader | typeof INCOMPLETE | typeof MALFORMED {
  if (bytes.length > 12 && bytes[12] !== LOCAL && bytes[12] !== PROXY) return MALFORMED;
  if (bytes.length < FIXED_BYTES) return INCOMPLETE;
  const rest = bytes.readUInt16BE(14);
  if (rest > MAX_REST_BYTES) return MALFORMED;
  const length = FIXED_BYTES + rest;
  const needed = bytes[13] === TCP4 ? 12 : bytes[13] === TCP6 ? 36 : 0;
  if (bytes[12] === PROXY && rest < needed) return MALFORMED;
  if (bytes.length < length) return INCOMPLETE;
  if (bytes[12] === LOCAL || needed === 0) return { length, address: '' };
  const address = needed === 12 ? bytes.subarray(16, 20).join('.') : ipv6Text(bytes.subarray(16, 32));
  return { length, address };
}

/** `bytes`: all that has come over the connection so far, at least one. */
export function readProxyHeader(bytes: Buffer): ProxyHeader | typeof INCOMPLETE | typeof MALFORMED {
  if (begins(bytes, TEXT_START)) return bytes.length < TEXT_START.length ? INCOMPLETE : readText(bytes);
  if (begins(bytes, SIGNATURE)) return bytes.length < SIGNATURE.length ? INCOMPLETE : readBinary(bytes);
  return NONE;
}
