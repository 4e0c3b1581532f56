/**
 * A field of HTTP/2 as the tables of HPACK hold it: what is to be known of it is found out once, when it is made, however
 * often it is referred to. And the table that both sides have from the start (RFC 7541 appendix A).
 */
import { isFieldValue } from '../http/fields.ts';
import { forwardingOf, NOT_FORWARDING } from '../http/forwarding.ts';
import { bitOf } from '../http/name-bits.ts';
import { ASCII, CharacterSet } from '../kernel/characters.ts';

/** What is to be done with a field, by its name. */
export const FIELD = {
  /** Nothing: its line goes on as it stands. */
  plain: 0,
  /** An ordinary one of which somebody wants to know: it goes through `RequestHead.add`. */
  special: 1,
  /** Of one connection of HTTP/1.1 (RFC 9113 §8.2.2). */
  connection: 2,
  cookie: 3,
  contentLength: 4,
  te: 5,
  host: 6,
  expect: 7,
  /** RFC 9218 §5. */
  priority: 8,
  /** Pseudo fields, from here on (RFC 9113 §8.3, RFC 8441 §4). */
  method: 9,
  scheme: 10,
  authority: 11,
  path: 12,
  protocol: 13,
  status: 14,
  /** A name with a colon that means nothing. */
  unknownPseudo: 15,
} as const;

/** By lower-case name, those that are not plain. */
const KINDS: ReadonlyMap<string, number> = new Map([
  [':method', FIELD.method],
  [':scheme', FIELD.scheme],
  [':authority', FIELD.authority],
  [':path', FIELD.path],
  [':protocol', FIELD.protocol],
  [':status', FIELD.status],
  ['cookie', FIELD.cookie],
  ['content-length', FIELD.contentLength],
  ['te', FIELD.te],
  ['host', FIELD.host],
  ['expect', FIELD.expect],
  ['priority', FIELD.priority],
  ['connection', FIELD.connection],
  ['keep-alive', FIELD.connection],
  ['proxy-connection', FIELD.connection],
  ['transfer-encoding', FIELD.connection],
  ['upgrade', FIELD.connection],
  ['date', FIELD.special],
  ['trailer', FIELD.special],
  ['proxy-authenticate', FIELD.special],
  ['proxy-authorization', FIELD.special],
]);

/** Of tokens (RFC 9110 §5.6.2) those without capitals. */
const NAME = new CharacterSet('09az', "!#$%&'*+.^_`|~-");
const COLON = 0x3a;
/** The problem of a value with blanks around it, which HTTP/1.1 allows and ignores. */
export const BLANKS = 'blanks around a field value';
/** RFC 7541 §4.1. */
const OVERHEAD = 32;

function kindOf(name: string, value: string): number {
  const kind = KINDS.get(name);
  if (kind !== undefined) return kind;
  if (name.charCodeAt(0) === COLON) return FIELD.unknownPseudo;
  const isSpecial = forwardingOf(name) !== NOT_FORWARDING || (name === 'accept' && value.includes('text/event-stream'));
  return isSpecial ? FIELD.special : FIELD.plain;
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

function problemOf(name: string, value: string, kind: number): string {
  if (kind === FIELD.unknownPseudo) return 'a pseudo field that means nothing';
  if (kind < FIELD.method && (name === '' || !NAME.spans(name))) return 'a field name that is no token in lower case';
  if (!isFieldValue(value)) return 'a control character in a field';
  if (isBlank(value.charCodeAt(0)) || isBlank(value.charCodeAt(value.length - 1))) return BLANKS;
  if (kind === FIELD.connection) return 'a field of HTTP/1.1 connections';
  if (kind === FIELD.te && value !== 'trailers' && value.toLowerCase() !== 'trailers')
    return 'a TE other than trailers';
  return '';
}

export class Field {
  /** Both have a character per byte. */
  readonly name: string;
  readonly value: string;
  /** One of FIELD. */
  readonly kind: number;
  /** What is wrong with it by itself (RFC 9113 §8.2), '' for a good one. */
  readonly problem: string;
  /** `name: value\r\n`, '' for a pseudo field. */
  line: string;
  /** Of its name (name-bits.ts). */
  readonly bit: number;
  /** What it counts for in a table and in the size of a head (RFC 7541 §4.1). */
  readonly size: number;
  /** Its value has no byte above 0x7F. */
  readonly ascii: boolean;
  /** Its sender wants it in no table on the way (RFC 7541 §7.1.3). */
  readonly neverIndexed: boolean;

  constructor(name: string, value: string, neverIndexed = false) {
    this.name = name;
    this.value = value;
    this.kind = kindOf(name, value);
    this.problem = problemOf(name, value, this.kind);
    this.line = this.kind >= FIELD.method ? '' : `${name}: ${value}\r\n`;
    this.bit = bitOf(name);
    this.size = name.length + value.length + OVERHEAD;
    this.ascii = ASCII.spans(value);
    this.neverIndexed = neverIndexed;
  }

  /** It goes into a table: the text of its line in one piece, since one that was put together costs more each time it is written. */
  keep(): void {
    this.line = Buffer.from(this.line, 'latin1').toString('latin1');
  }
}

const STATIC_LINES = `
:authority
:method GET
:method POST
:path /
:path /index.html
:scheme http
:scheme https
:status 200
:status 204
:status 206
:status 304
:status 400
:status 404
:status 500
accept-charset
accept-encoding gzip, deflate
accept-language
accept-ranges
accept
access-control-allow-origin
age
allow
authorization
cache-control
content-disposition
content-encoding
content-language
content-length
content-location
content-range
content-type
cookie
date
etag
expect
expires
from
host
if-match
if-modified-since
if-none-match
if-range
if-unmodified-since
last-modified
link
location
max-forwards
proxy-authenticate
proxy-authorization
range
referer
refresh
retry-after
server
set-cookie
strict-transport-security
transfer-encoding
user-agent
vary
via
www-authenticate`;

/** By index, from 1 on; what stands at 0 is never asked for. */
export const STATIC_FIELDS: readonly Field[] = STATIC_LINES.split('\n').map((line) => {
  const space = line.indexOf(' ');
  const field = space < 0 ? new Field(line, '') : new Field(line.slice(0, space), line.slice(space + 1));
  field.keep();
  return field;
});

/** The first index of each name. */
export const STATIC_NAMES: ReadonlyMap<string, number> = new Map(
  STATIC_FIELDS.map(({ name }, index) => [name, index] as const)
    .slice(1)
    .reverse(),
);
