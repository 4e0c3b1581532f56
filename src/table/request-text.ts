/**
 * Host and path of a request as the bytes that rules are compared with (shared/spec rules §2, §8), in two buffers that
 * live as long as their worker. The common case is one loop over the text; everything unusual goes the slow way beside it.
 */
import { textOf } from '../kernel/percent.ts';
import { HASH_HOST, HASH_START, hashByte, hashEnd } from './hash.ts';

const PERCENT = 0x25;
const COLON = 0x3a;
const ZERO = 0x30;
const NINE = 0x39;

/** Lower-case byte of what a plain host is made of; 0 for what needs the slow way: blanks, `:`, brackets, non-ASCII. */
const PLAIN_HOST = new Uint8Array(128);
for (let code = 0x21; code < 0x7f; code++) PLAIN_HOST[code] = String.fromCharCode(code).toLowerCase().charCodeAt(0);
for (const special of ':[]') PLAIN_HOST[special.charCodeAt(0)] = 0;

const encoder = new TextEncoder();

function hexValue(byte: number): number {
  if (byte >= ZERO && byte <= NINE) return byte - ZERO;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}

/**
 * The host that rules compare: blanks trimmed, lower case, port removed. What is no `host:port` stays as it is, so `::1`
 * and `[::1]` keep their form while `[::1]:80` becomes `::1`. A trailing dot is kept.
 */
export function canonicalHost(field: string): string {
  const text = field.trim().toLowerCase();
  const colon = text.lastIndexOf(':');
  if (colon < 0) return text;
  if (text.startsWith('[')) {
    const close = text.indexOf(']');
    const isLiteral = close + 1 === colon && !text.includes('[', 1) && !text.includes(']', colon);
    return isLiteral ? text.slice(1, close).trim() : text;
  }
  const isName = text.indexOf(':') === colon && !text.includes('[') && !text.includes(']');
  return isName ? text.slice(0, colon).trim() : text;
}

/** How far the path of the request at hand has been looked at. */
const PATH_UNREAD = 0;
const PATH_READ = 1;
const PATH_INVALID = 2;

export class RequestText {
  host = new Uint8Array(256);
  hostLength = 0;
  hostHash = 0;
  path = new Uint8Array(4096);
  /** -1: an escape of the path is invalid, so that no path rule can match. */
  pathLength = 0;
  /** null: not yet asked for. */
  private decodedText: string | null = null;
  private rawPath = '';
  private pathState = PATH_UNREAD;

  /** `host`, `path`: as received; the path without its query. */
  begin(host: string, path: string): void {
    this.rawPath = path;
    this.pathState = PATH_UNREAD;
    this.setHost(host);
  }

  /** Makes `path` ready, at most once per request; false when no path rule can match it. */
  readPath(): boolean {
    if (this.pathState === PATH_UNREAD) {
      this.setPath(this.rawPath);
      this.pathState = this.pathLength < 0 ? PATH_INVALID : PATH_READ;
    }
    return this.pathState === PATH_READ;
  }

  /** Takes the Host field as received. */
  setHost(field: string): void {
    const length = field.length;
    if (length > this.host.length) {
      this.setHostSlow(field);
      return;
    }
    const bytes = this.host;
    let hash = HASH_START;
    let i = 0;
    for (; i < length; i++) {
      const code = field.charCodeAt(i);
      const byte = code < 128 ? PLAIN_HOST[code] : 0;
      if (byte === 0) {
        if (code === COLON && i > 0 && this.isPort(field, i + 1)) break;
        this.setHostSlow(field);
        return;
      }
      bytes[i] = byte;
      hash = hashByte(hash, byte);
    }
    this.hostLength = i;
    this.hostHash = hashEnd(hash, HASH_HOST);
  }

  /** Takes the path as received, without the query. */
  setPath(raw: string): void {
    const length = raw.length;
    this.decodedText = null;
    if (length > this.path.length) {
      this.setPathSlow(raw);
      return;
    }
    const bytes = this.path;
    for (let i = 0; i < length; i++) {
      const code = raw.charCodeAt(i);
      if (code === PERCENT || code >= 0x80) {
        this.setPathSlow(raw);
        return;
      }
      bytes[i] = code;
    }
    this.pathLength = length;
    this.decodedText = raw;
  }

  /** The path as text, for patterns; a byte that is no UTF-8 as in src/kernel/percent.ts. */
  pathText(): string {
    this.decodedText ??= textOf(this.path.subarray(0, this.pathLength));
    return this.decodedText;
  }

  private isPort(field: string, from: number): boolean {
    for (let i = from; i < field.length; i++) {
      const code = field.charCodeAt(i);
      if (code < ZERO || code > NINE) return false;
    }
    return true;
  }

  private setHostSlow(field: string): void {
    const host = canonicalHost(field);
    if (host.length * 3 > this.host.length) this.host = new Uint8Array(host.length * 3);
    this.hostLength = encoder.encodeInto(host, this.host).written;
    let hash = HASH_START;
    for (let i = 0; i < this.hostLength; i++) hash = hashByte(hash, this.host[i]);
    this.hostHash = hashEnd(hash, HASH_HOST);
  }

  /** Characters beyond ASCII count as their UTF-8 bytes, an escape as the byte that it names. */
  private setPathSlow(raw: string): void {
    if (raw.length * 3 > this.path.length) this.path = new Uint8Array(raw.length * 3);
    const bytes = this.path;
    const { written } = encoder.encodeInto(raw, bytes);
    let length = 0;
    for (let i = 0; i < written; i++) {
      let byte = bytes[i];
      if (byte === PERCENT) {
        const high = i + 1 < written ? hexValue(bytes[i + 1]) : -1;
        const low = i + 2 < written ? hexValue(bytes[i + 2]) : -1;
        if (high < 0 || low < 0) {
          this.pathLength = -1;
          return;
        }
        byte = high * 16 + low;
        i += 2;
      }
      bytes[length++] = byte;
    }
    this.pathLength = length;
  }
}
