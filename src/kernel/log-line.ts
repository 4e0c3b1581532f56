/**
 * One line of the log as logrus writes it (shared/spec logs §3.1):
 * `time="2021-01-02T15:04:05Z" level=info msg="…" event=name key=value…`.
 *
 * Whatever a key or a peer brought into a field stays in its field and in its line: text is quoted as Go's `%q` does,
 * where only what can be seen stands as it is (no controls, no marks that turn the direction or have no width).
 */

export type LogValue = string | number | boolean;
export type LogFields = Readonly<Record<string, LogValue>>;

/** Of a whole line in bytes, with its end: what a pipe takes at once (pipe(7), PIPE_BUF), so lines never mix. */
export const LINE_BYTES = 4096;
/** Of one value, escaped: one long value leaves room for the others. Longer ones end in `…`. */
export const VALUE_BYTES = 2048;

const BARE = /^[A-Za-z0-9\-._/@^+]+$/;
const PLAIN = /^[ !#-[\]-~]*$/;
const VISIBLE = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u;
const NAMED = new Map([
  ['"', '\\"'],
  ['\\', '\\\\'],
  ['\x07', '\\a'],
  ['\b', '\\b'],
  ['\f', '\\f'],
  ['\n', '\\n'],
  ['\r', '\\r'],
  ['\t', '\\t'],
  ['\v', '\\v'],
]);
const CUT = '…';

function hex(code: number, digits: number): string {
  return code.toString(16).padStart(digits, '0');
}

/** As `strconv.Quote` of Go has it; a lone surrogate, which Go's text cannot hold, as its own number. */
function escaped(character: string): string {
  const named = NAMED.get(character);
  if (named !== undefined) return named;
  if (VISIBLE.test(character)) return character;
  const code = character.codePointAt(0)!;
  if (code < 0x20 || code === 0x7f) return `\\x${hex(code, 2)}`;
  return code < 0x10000 ? `\\u${hex(code, 4)}` : `\\U${hex(code, 8)}`;
}

/** In quotes, at most `most` bytes of it, quotes included. */
export function quotedText(text: string, most: number = VALUE_BYTES): string {
  if (text.length + 2 <= most && PLAIN.test(text)) return `"${text}"`;
  const room = most - 2 - Buffer.byteLength(CUT);
  let shown = '';
  let bytes = 0;
  /** As much of `shown` as leaves room for the mark. */
  let safe = 0;
  for (const character of text) {
    const piece = escaped(character);
    bytes += Buffer.byteLength(piece);
    if (bytes > most - 2) return `"${shown.slice(0, safe)}${CUT}"`;
    shown += piece;
    if (bytes <= room) safe = shown.length;
  }
  return `"${shown}"`;
}

function valueText(value: LogValue, most: number): string {
  if (typeof value !== 'string') return String(value);
  return value === '' || (value.length <= most && BARE.test(value)) ? value : quotedText(value, most);
}

/** One finished line, its end included; `event`: '' for none. Fields that find no room are left out. */
export function logLine(now: Date, level: string, message: string, event: string, fields: LogFields): string {
  let line = `time="${now.toISOString().slice(0, 19)}Z" level=${level} msg=${quotedText(message)}`;
  if (event !== '') line += ` event=${event}`;
  let left = LINE_BYTES - 1 - Buffer.byteLength(line);
  for (const name in fields) {
    const most = Math.min(VALUE_BYTES, left - name.length - 2);
    if (most < 8) break;
    const field = ` ${name}=${valueText(fields[name], most)}`;
    line += field;
    left -= Buffer.byteLength(field);
  }
  return `${line}\n`;
}
