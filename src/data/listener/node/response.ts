/** The text of a response's head (`Downstream.respond`) → what node:http and node:http2 take. */

export type ResponseLine = { readonly status: number; readonly reason: string };

/** As text with one character per byte. */
export function headText(head: string | Uint8Array): string {
  return typeof head === 'string' ? head : Buffer.from(head.buffer, head.byteOffset, head.length).toString('latin1');
}

/** The bytes of an interim response, as text with one character per byte. */
export function interimHead(head: string | Uint8Array): string {
  return `HTTP/1.1 ${headText(head)}\r\n\r\n`;
}

/** The line `200 OK` at the start of `text`. */
export function responseLine(text: string): ResponseLine {
  const end = text.indexOf('\r\n');
  return { status: Number(text.slice(0, 3)), reason: end < 0 ? text.slice(4) : text.slice(4, end) };
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

/** Not by `trim`, for which the byte 0xA0 is a blank as well. */
function valueIn(text: string, from: number, to: number): string {
  let start = from;
  let end = to;
  while (start < end && isBlank(text.charCodeAt(start))) start++;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

/** Adds names and values in turn from the lines behind the first one of `text`. */
export function addFields(fields: string[], text: string): void {
  const lineEnd = text.indexOf('\r\n');
  if (lineEnd >= 0) addLines(fields, text, lineEnd + 2);
}

/** The same from `name: value\r\n` lines that begin at `from`; the last CRLF may be missing. */
export function addLines(fields: string[], text: string, from = 0): void {
  for (let start = from; start < text.length; ) {
    const lineEnd = text.indexOf('\r\n', start);
    const end = lineEnd < 0 ? text.length : lineEnd;
    const colon = text.indexOf(':', start);
    fields.push(text.slice(start, colon), valueIn(text, colon + 1, end));
    start = end + 2;
  }
}

/** Names in lower case with all their values, from names and values in turn. */
export function fieldLists(lines: readonly string[]): Record<string, string[]> {
  const fields: Record<string, string[]> = Object.create(null);
  for (let i = 0; i < lines.length; i += 2) {
    const name = lines[i].toLowerCase();
    fields[name] ??= [];
    fields[name].push(lines[i + 1]);
  }
  return fields;
}

/** Ours: the caller's memory is used again as soon as it has it back. */
export function ownCopy(bytes: Uint8Array | string): Buffer {
  return typeof bytes === 'string' ? Buffer.from(bytes) : Buffer.from(bytes);
}
