/** The name and the password in an Authorization field (RFC 7617, shared/spec frontend-options §2.1). */

export type Credentials = { readonly name: string; readonly password: string };

/** Standard base64 with its padding. */
const BASE64 = /^[A-Za-z0-9+/]{2,8192}={0,2}$/;
const SCHEME = 'Basic ';

/** null: `value` is none. */
export function basicCredentials(value: string): Credentials | null {
  const encoded = value.slice(SCHEME.length);
  if (value.slice(0, SCHEME.length).toLowerCase() !== 'basic ') return null;
  if (encoded.length % 4 !== 0 || !BASE64.test(encoded)) return null;
  const text = Buffer.from(encoded, 'base64').toString();
  const colon = text.indexOf(':');
  return colon < 0 ? null : { name: text.slice(0, colon), password: text.slice(colon + 1) };
}
