/**
 * What compressing a response does to its head, and whether it may be done (RFC 9110 §8.4, shared/spec cli-api §3). A
 * head is `200 OK\r\nname: value\r\n…` as ResponseHead has it, without its last CRLF; as bytes when some are above 0x7F.
 */
import { listMembers } from './fields.ts';

export type HeadText = string | Uint8Array;

const VARY = 'Vary: Accept-Encoding';
const VARIES = /\r\nvary:(?:[^\r]*[\s,])?(?:accept-encoding|\*)\s*(?:[,\r]|$)/i;
/** 206 and a part of something are parts of the bytes as they are; nothing follows 1xx, 204 and 304. */
const BODILESS = /^(?:1..|204|206|304) /;
/** Compressed already, not to be changed (RFC 9110 §7.7), or a part. */
const FIXED = /\r\n(?:content-encoding|content-range):|\r\ncache-control:[^\r]*no-transform/i;
/** What is packed by itself: another round costs time and saves nothing. */
const PACKED =
  /\r\ncontent-type: *(?:image\/(?:png|jpe?g|gif|webp|avif|heic)|video\/|audio\/|font\/woff|application\/(?:zip|gzip|x-gzip|x-bzip2|x-xz|zstd|x-7z-compressed|x-rar-compressed|pdf)\b)/i;
const EVENT_STREAM = /\r\ncontent-type: *text\/event-stream/i;
const STRONG_TAG = /(\r\netag: *)(?=")/gi;
/** What counts bytes of the body as it was. */
const BYTE_FIELDS = /\r\n(?:accept-ranges|content-md5):[^\r]*/gi;

export function headText(head: HeadText): string {
  return typeof head === 'string' ? head : Buffer.from(head.buffer, head.byteOffset, head.length).toString('latin1');
}

function like(original: HeadText, text: string): HeadText {
  return typeof original === 'string' ? text : Buffer.from(text, 'latin1');
}

/** `Vary` tells caches that others may get other bytes, whether these were compressed or not. */
function varied(text: string): string {
  return VARIES.test(text) ? text : `${text}${text.endsWith('\r\n') ? '' : '\r\n'}${VARY}`;
}

export function variedHead(head: HeadText): HeadText {
  return like(head, varied(headText(head)));
}

/** The same for a body that was compressed: its tag is weak now, since other bytes have it as well. */
export function gzippedHead(head: HeadText): HeadText {
  const text = headText(head).replaceAll(STRONG_TAG, '$1W/').replaceAll(BYTE_FIELDS, '');
  return like(head, `${varied(text)}\r\nContent-Encoding: gzip`);
}

export function mayCompress(text: string): boolean {
  return !BODILESS.test(text) && !FIXED.test(text) && !PACKED.test(text);
}

/** Whose pieces are waited for, one by one. */
export function isEventStream(text: string): boolean {
  return EVENT_STREAM.test(text);
}

/** Values of Accept-Encoding: is `gzip` among them, with a weight above 0? `*` is not looked at, as in the original. */
export function acceptsGzip(values: readonly string[]): boolean {
  for (const value of values) {
    for (const member of listMembers(value)) {
      const [coding, ...parameters] = member.split(';');
      if (coding.trim() !== 'gzip') continue;
      const weight = parameters.map((text) => text.trim()).find((text) => text.startsWith('q='));
      return weight === undefined || Number(weight.slice(2)) > 0;
    }
  }
  return false;
}
