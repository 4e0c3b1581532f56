/** The two heads of an opening handshake (RFC 6455 §4), cut down to what each side is to see (proxying §5 and §10). */
import { asBytes, HOP_BY_HOP, listMembers } from '../../http/fields.ts';
import { CharacterSet } from '../../kernel/characters.ts';

const BASE64 = new CharacterSet('09AZaz', '+/');

/** 16 bytes in base64. */
function isKey(text: string): boolean {
  return text.length === 24 && BASE64.skip(text) === 22 && 'AQgw'.includes(text[21]) && text.endsWith('==');
}

/** Fields of one handshake: the other side gets its own. Extensions are among them: compression is never negotiated. */
const OWN_REQUEST_FIELDS: ReadonlySet<string> = new Set([
  'sec-websocket-key',
  'sec-websocket-version',
  'sec-websocket-extensions',
  'sec-websocket-accept',
]);
const OWN_RESPONSE_FIELDS: ReadonlySet<string> = new Set(['sec-websocket-accept', 'sec-websocket-extensions']);
/** What the listener writes by itself. */
const LISTENER_FIELDS: ReadonlySet<string> = new Set(['date', 'content-length']);

/**
 * Is this GET an opening handshake that we understand? Anything else, an unknown version among it, is an ordinary
 * request. `field`: the value of the first field of a lower-case name, '' without one.
 */
export function isHandshake(field: (name: string) => string): boolean {
  return (
    listMembers(field('upgrade')).includes('websocket') &&
    listMembers(field('connection')).includes('upgrade') &&
    field('sec-websocket-version').trim() === '13' &&
    isKey(field('sec-websocket-key')) &&
    field('content-length') === '' &&
    field('transfer-encoding') === ''
  );
}

/**
 * The fields for the server, one character per byte as node's http writes them, from `name: value\r\n` lines with lower-case
 * names; repeated ones become a list.
 * X-Forwarded-Proto is `wss` where it says `https`, else `ws` (proxying §4).
 */
export function requestFields(lines: string): Record<string, string | string[]> {
  // Without a prototype, so that no name of a field means anything to JavaScript.
  const fields: Record<string, string | string[]> = Object.create(null);
  for (const line of lines.split('\r\n')) {
    const colon = line.indexOf(':');
    if (colon <= 0) continue;
    const name = line.slice(0, colon);
    if (OWN_REQUEST_FIELDS.has(name)) continue;
    let value = asBytes(line.slice(colon + 2));
    if (name === 'x-forwarded-proto') value = value === 'https' ? 'wss' : 'ws';
    const had = fields[name];
    if (had === undefined) fields[name] = value;
    else if (typeof had === 'string') fields[name] = [had, value];
    else had.push(value);
  }
  return fields;
}

/**
 * `101 Switching Protocols\r\nname: value\r\n…` without framing and last CRLF, as `Downstream.respond` takes
 * them. `raw`: names and values in turn, as node's http gives them, one character per byte. `cookie`: value of a
 * Set-Cookie field of ours, '' for none.
 */
export function responseHead(status: number, reason: string, raw: readonly string[], cookie = ''): string {
  const listed = new Set<string>();
  for (let i = 0; i < raw.length; i += 2) {
    if (raw[i].toLowerCase() === 'connection') for (const member of listMembers(raw[i + 1])) listed.add(member);
  }
  let text = `${status} ${reason}`;
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i].toLowerCase();
    if (HOP_BY_HOP.has(name) || LISTENER_FIELDS.has(name) || listed.has(name)) continue;
    if (status === 101 && OWN_RESPONSE_FIELDS.has(name)) continue;
    text += `\r\n${raw[i]}: ${raw[i + 1]}`;
  }
  if (cookie !== '') text += `\r\nSet-Cookie: ${cookie}`;
  return text;
}
