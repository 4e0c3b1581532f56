/** Names and values of fields as keys give them (shared/spec kv-schema §6.8, frontend-options §2.4). */
import { quoted } from '../kernel/quote.ts';
import type { RequestSource } from '../kernel/request-source.ts';
import type { OptionKeys } from './option-keys.ts';

export type FieldValue = readonly [name: string, value: string];

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const UNSAFE_VALUE = /[^\t\x20-\x7e\x80-\u{10ffff}]/u;

/** Names that hold for one connection, or frame a message: nobody may set them. */
const FRAMING: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** Go's spelling of a field name: `x-foo-bar` → `X-Foo-Bar`. */
export function canonicalName(name: string): string {
  return name.toLowerCase().replace(/(^|-)[a-z]/g, (start) => start.toUpperCase());
}

/** Why it can be no field that an option sets, '' when it can. */
export function fieldNameProblem(name: string): string {
  if (!TOKEN.test(name)) return `${quoted(name)} is no name of a field`;
  return FRAMING.has(name.toLowerCase()) ? `${quoted(name)} is a field that only tsuji itself may set` : '';
}

/** A map of fields, canonical names in order. What cannot be set is told and left out. */
export function readFields(keys: OptionKeys, key: string, refused: ReadonlySet<string> = new Set()): FieldValue[] {
  const fields = new Map<string, string>();
  for (const [name, value] of keys.map(key)) {
    const canonical = canonicalName(name);
    const problem = refused.has(canonical) ? `${quoted(name)} cannot be set here` : fieldNameProblem(name);
    if (problem !== '') keys.ignored(`${key}/${name}`, problem);
    else if (UNSAFE_VALUE.test(value)) keys.ignored(`${key}/${name}`, 'its value has control characters');
    else fields.set(canonical, value);
  }
  return [...fields];
}

/** A list of field names, canonical; what is no name is told and left out. */
export function readFieldNames(keys: OptionKeys, key: string): string[] {
  const names: string[] = [];
  for (const name of keys.list(key)) {
    const problem = fieldNameProblem(name);
    if (problem === '') names.push(canonicalName(name));
    else keys.ignored(key, problem);
  }
  return names;
}

/** A text that becomes the value of a field; '' for none and for one that cannot be. */
export function readFieldValue(keys: OptionKeys, key: string): string {
  const text = keys.text(key);
  if (!UNSAFE_VALUE.test(text)) return text;
  keys.ignored(key, 'it has control characters');
  return '';
}

const SECRET = /auth|cookie|token|key|secret|pass|session|credential|signature/i;

/** What a field of that name says may be a secret. */
export function isSecretField(name: string): boolean {
  return SECRET.test(name);
}

/** What requests are counted by, as far as it may be shown. `value`: that of one request. */
export function shownSource({ source, header }: RequestSource, value: string): string {
  return source === 'header' && isSecretField(header) ? 'REDACTED' : value;
}

/** As far as it may be shown: what a field of that name says may be a secret. */
export function shownFields(fields: readonly FieldValue[]): Record<string, string> {
  return Object.fromEntries(
    fields.map(([name, value]) => [name, value !== '' && isSecretField(name) ? 'REDACTED' : value]),
  );
}
