/** The name and the password in an Authorization field (RFC 7617, shared/spec frontend-options §2.1). */
import { CharacterSet } from '../kernel/characters.ts';

export type Credentials = { readonly name: string; readonly password: string };

const SCHEME = 'Basic ';
/** Of the text in base64. */
const MIN_LENGTH = 4;
const MAX_LENGTH = 8_194;
const BASE64 = new CharacterSet('09AZaz', '+/');

/** Standard base64 with its padding. */
function isBase64(text: string): boolean {
  const length = text.endsWith('==') ? text.length - 2 : text.endsWith('=') ? text.length - 1 : text.length;
  return text.length % 4 === 0 && BASE64.skip(text) === length;
}

/** null: `value` is none. */
export function basicCredentials(value: string): Credentials | null {
  const encoded = value.slice(SCHEME.length);
  if (value.slice(0, SCHEME.length).toLowerCase() !== 'basic ') return null;
  if (encoded.length < MIN_LENGTH || encoded.length > MAX_LENGTH || !isBase64(encoded)) return null;
  const text = Buffer.from(encoded, 'base64').toString();
  const colon = text.indexOf(':');
  return colon < 0 ? null : { name: text.slice(0, colon), password: text.slice(colon + 1) };
}
