/**
 * What compressing a response does to its head and trailers, and whether it may be done (RFC 9110 §8.4, shared/spec
 * cli-api §3). A head is as `ResponseText` has it; as bytes when some are above 0x7F.
 */
import { listMembers, withoutFields } from './fields.ts';
import { ResponseText } from './response-text.ts';

export type HeadText = string | Uint8Array;

/** 206 is a part of the bytes as they are; nothing follows 1xx, 204, 205 and 304. */
const WITHOUT_WHOLE: ReadonlySet<string> = new Set(['204', '205', '206', '304']);
/** What is packed by itself: another round costs time and saves nothing. */
const PACKED: ReadonlySet<string> = new Set([
  'image/png',
  'image/jpeg',
  'image/jpg',
  'image/gif',
  'image/webp',
  'image/avif',
  'image/heic',
  'font/woff',
  'font/woff2',
  'application/zip',
  'application/gzip',
  'application/x-gzip',
  'application/x-bzip2',
  'application/x-xz',
  'application/zstd',
  'application/x-7z-compressed',
  'application/x-rar-compressed',
  'application/pdf',
]);
/** What counts, or vouches for, the bytes of the body as it was (RFC 9110 §14.3, RFC 9530, RFC 3230). */
const OF_BYTES = ['accept-ranges', 'content-md5', 'content-digest', 'repr-digest', 'digest'] as const;
const OF_BYTES_IN_TRAILERS: ReadonlySet<string> = new Set(OF_BYTES);

export function headText(head: HeadText): string {
  return typeof head === 'string' ? head : Buffer.from(head.buffer, head.byteOffset, head.length).toString('latin1');
}

function fieldsOf(text: string): ResponseText {
  const fields = new ResponseText();
  fields.text = text.endsWith('\r\n') ? text.slice(0, -2) : text;
  return fields;
}

function like(original: HeadText, { text }: ResponseText): HeadText {
  return typeof original === 'string' ? text : Buffer.from(text, 'latin1');
}

/** `Vary` tells caches that others may get other bytes, whether these were compressed or not. */
function vary(fields: ResponseText): void {
  const varies = fields.all('vary').some((value) => {
    const members = listMembers(value);
    return members.includes('accept-encoding') || members.includes('*');
  });
  if (!varies) fields.add('Vary', 'Accept-Encoding');
}

export function variedHead(head: HeadText): HeadText {
  const fields = fieldsOf(headText(head));
  vary(fields);
  return like(head, fields);
}

/** The same for a body that was compressed: its tag is weak now, since other bytes have it as well. */
export function gzippedHead(head: HeadText): HeadText {
  const fields = fieldsOf(headText(head));
  const tag = fields.get('etag');
  if (tag?.startsWith('"')) fields.set('ETag', `W/${tag}`);
  for (const name of OF_BYTES) fields.remove(name);
  vary(fields);
  fields.add('Content-Encoding', 'gzip');
  return like(head, fields);
}

/** The trailers, `name: value\r\n` each, of a body that was compressed. */
export function gzippedTrailers(trailers: string): string {
  return trailers === '' ? '' : withoutFields(trailers, OF_BYTES_IN_TRAILERS);
}

/** Lower case, without parameters; '' for none. */
function mediaType(fields: ResponseText): string {
  const value = fields.get('content-type') ?? '';
  const end = value.indexOf(';');
  return (end < 0 ? value : value.slice(0, end)).trim().toLowerCase();
}

/** Not what is compressed already, packed by itself, a part, or not to be changed (RFC 9110 §7.7). */
export function mayCompress(text: string): boolean {
  if (text.startsWith('1') || WITHOUT_WHOLE.has(text.slice(0, 3))) return false;
  const fields = fieldsOf(text);
  if (fields.has('content-encoding') || fields.has('content-range')) return false;
  if (fields.all('cache-control').some((value) => listMembers(value).includes('no-transform'))) return false;
  const type = mediaType(fields);
  return !PACKED.has(type) && !type.startsWith('video/') && !type.startsWith('audio/');
}

/** Whose pieces are waited for, one by one. */
export function isEventStream(text: string): boolean {
  return mediaType(fieldsOf(text)) === 'text/event-stream';
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
