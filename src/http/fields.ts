/** Field names that a proxy has to know (RFC 9110 §7.6.1, RFC 9112), and checks of their text. */

/** Lower-case names that hold for one connection only and are never forwarded (shared/spec proxying §5). */
export const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'proxy-connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

const UNSAFE_VALUE = /[^\t\x20-\x7e\x80-\xff]/;
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const DIGITS = /^[0-9]{1,15}$/;
const HOST = /^[!$%&'()*+,\-.0-9:;=A-Z[\]_a-z~]*$/;

/** RFC 9110 §5.5: no control characters but HTAB; bytes above 0x7F stand as latin-1 characters. */
export function isFieldValue(text: string): boolean {
  return !UNSAFE_VALUE.test(text);
}

/** RFC 9110 §5.6.2. */
export function isToken(text: string): boolean {
  return TOKEN.test(text);
}

/**
 * May this stand in a Host field? The bytes of RFC 3986 §3.2.2 and of a port, in any order, as Go and so Traefik has it;
 * above all no blank, `/`, `?`, `#` or `@`, behind which a server may see another host.
 */
export function isHost(text: string): boolean {
  return HOST.test(text);
}

/** The number of a Content-Length, -1 when it is none (RFC 9110 §8.6). Equal repetitions in one field are one. */
export function contentLengthOf(value: string): number {
  if (DIGITS.test(value)) return Number(value);
  const parts = value.split(',').map((part) => part.replace(/^[\t ]+|[\t ]+$/g, ''));
  return parts.every((part) => part === parts[0]) && DIGITS.test(parts[0]) ? Number(parts[0]) : -1;
}

/** The lower-case members of a comma list, empty ones left out. */
export function listMembers(value: string): string[] {
  const members: string[] = [];
  for (const part of value.split(',')) {
    const member = part.trim().toLowerCase();
    if (member !== '') members.push(member);
  }
  return members;
}

/** Removes the lines of `names` (lower case) from `name: value\r\n` lines. Rare: only for fields that `Connection` lists. */
export function withoutFields(lines: string, names: readonly string[]): string {
  let kept = '';
  for (let start = 0; start < lines.length; ) {
    const end = lines.indexOf('\r\n', start) + 2;
    const name = lines.slice(start, lines.indexOf(':', start)).toLowerCase();
    if (!names.includes(name)) kept += lines.slice(start, end);
    start = end;
  }
  return kept;
}
