/**
 * What compressing a response does to its head and trailers (RFC 9110 §8.4, shared/spec frontend-options §3.10). A head is
 * as `ResponseText` has it; as bytes when some are above 0x7F.
 */
import { trimBlanks } from '../kernel/characters.ts';
import type { Coding } from '../kernel/codings.ts';
import { listMembers } from './fields.ts';
import { ResponseText } from './response-text.ts';

export type HeadText = string | Uint8Array;

/** What vouches for the bytes of the body as it was (RFC 9530 §2, §3, RFC 3230, RFC 1864). */
const DIGESTS = ['content-digest', 'repr-digest', 'digest', 'content-md5'] as const;
const SIGNATURES = ['signature', 'signature-input'] as const;

/** The fields of a head that may be changed; `like` gives it back in the form that it had. */
export function fieldsOf(head: HeadText): ResponseText {
  const text =
    typeof head === 'string' ? head : Buffer.from(head.buffer, head.byteOffset, head.length).toString('latin1');
  const fields = new ResponseText();
  fields.text = text.endsWith('\r\n') ? text.slice(0, -2) : text;
  fields.status = Number(text.slice(0, 3));
  return fields;
}

export function like(original: HeadText, { text }: ResponseText): HeadText {
  return typeof original === 'string' ? text : Buffer.from(text, 'latin1');
}

/** `Vary` tells caches that others may get other bytes, whether these were compressed or not. */
export function vary(fields: ResponseText): void {
  const varies = fields.all('vary').some((value) => {
    const members = listMembers(value);
    return members.includes('accept-encoding') || members.includes('*');
  });
  if (!varies) fields.add('Vary', 'Accept-Encoding');
}

/** The tag of a response whose bytes other responses have as well: a weak one. */
export function weakenTag(fields: ResponseText): void {
  const tag = fields.get('etag');
  if (tag?.startsWith('"')) fields.set('ETag', `W/${tag}`);
}

/** A signature that covers a digest (RFC 9421: `("content-digest" …)`, before it `headers="digest …"`) holds no more either. */
function dropDigests(fields: ResponseText): void {
  for (const name of DIGESTS) fields.remove(name);
  const covers = SIGNATURES.some((name) =>
    fields.all(name).some((value) => {
      const lower = value.toLowerCase();
      return lower.includes('digest') || lower.includes('content-md5');
    }),
  );
  if (covers) for (const name of SIGNATURES) fields.remove(name);
}

/** Of a body that is compressed by `coding`. */
export function compressed(fields: ResponseText, coding: Coding): void {
  weakenTag(fields);
  dropDigests(fields);
  // What counts bytes of the body as it was; and `identity`, the only coding that it may have had.
  fields.remove('accept-ranges');
  fields.remove('content-encoding');
  vary(fields);
  fields.add('Content-Encoding', coding);
}

/** The trailers, `name: value\r\n` each, of a body that was compressed. */
export function compressedTrailers(trailers: string): string {
  if (trailers === '') return '';
  const fields = new ResponseText();
  fields.text = `\r\n${trailers.slice(0, -2)}`;
  dropDigests(fields);
  return fields.text === '' ? '' : `${fields.text.slice(2)}\r\n`;
}

/** Of a Content-Type: lower case, without parameters; '' for none. */
export function mediaType(fields: ResponseText): string {
  const value = fields.get('content-type') ?? '';
  const end = value.indexOf(';');
  return trimBlanks(value, 0, end < 0 ? value.length : end).toLowerCase();
}

/** Its body is the whole as it is: no part, in no coding yet, and it may be changed (RFC 9110 §7.7). */
export function isTransformable(fields: ResponseText): boolean {
  if (fields.has('content-range')) return false;
  if (fields.all('content-encoding').some((value) => listMembers(value).some((coding) => coding !== 'identity'))) {
    return false;
  }
  return !forbidsTransform(fields.all('cache-control'));
}

/** @param values of Cache-Control, of a request or a response */
export function forbidsTransform(values: readonly string[]): boolean {
  return values.some((value) => listMembers(value).includes('no-transform'));
}
