/**
 * One line of the log as logrus writes it (shared/spec logs §3.1), in one of three forms:
 *
 *     text     time="2021-01-02T15:04:05Z" level=info msg="…" event=name key=value…
 *     colours  INFO[2021-01-02T15:04:05Z] …                           event=name key=value…
 *     json     {"event":"name","key":"value","level":"info","msg":"…","time":"2021-01-02T15:04:05Z"}
 *
 * Whatever a key or a peer brought into a field stays in its field and in its line: only what can be seen stands as it is
 * (no controls, no marks that turn the direction or have no width); the rest is escaped as Go's `%q` or as JSON does it.
 */

export type LogValue = string | number | boolean;
export type LogFields = Readonly<Record<string, LogValue>>;
export type LogForm = 'text' | 'colours' | 'json';

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
/** Bytes: less of a value says nothing. */
const LEAST_VALUE = 8;
const TIME_CHARACTERS = '2021-01-02T15:04:05'.length;
/** As logrus pads the text before the fields. */
const TEXT_CHARACTERS = 44;
const RED = 31;
const YELLOW = 33;
const BLUE = 36;
const GREY = 37;
/** Of levels, on a terminal. */
const COLOURS: Readonly<Record<string, number>> = { debug: GREY, info: BLUE, warning: YELLOW };

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

const NAMED_IN_JSON = new Map([
  ['"', '\\"'],
  ['\\', '\\\\'],
  ['\b', '\\b'],
  ['\f', '\\f'],
  ['\n', '\\n'],
  ['\r', '\\r'],
  ['\t', '\\t'],
]);

/** What is visible as it is; beyond the first plane as the two halves that JSON knows. */
function escapedInJson(character: string): string {
  const named = NAMED_IN_JSON.get(character);
  if (named !== undefined) return named;
  if (VISIBLE.test(character)) return character;
  return Array.from({ length: character.length }, (_, i) => `\\u${hex(character.charCodeAt(i), 4)}`).join('');
}

/** In quotes, at most `most` bytes of it, quotes included. */
export function quotedText(
  text: string,
  most: number = VALUE_BYTES,
  escapeOne: (one: string) => string = escaped,
): string {
  if (text.length + 2 <= most && PLAIN.test(text)) return `"${text}"`;
  const room = most - 2 - Buffer.byteLength(CUT);
  let shown = '';
  let bytes = 0;
  /** As much of `shown` as leaves room for the mark. */
  let safe = 0;
  for (const character of text) {
    const piece = escapeOne(character);
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

function timeText(now: Date): string {
  return `${now.toISOString().slice(0, TIME_CHARACTERS)}Z`;
}

/** `most`: bytes of it all. Fields that find no room are left out. */
function fieldsText(fields: LogFields, most: number, nameText: (name: string) => string): string {
  let text = '';
  let left = most;
  for (const name in fields) {
    const start = ` ${nameText(name)}=`;
    const room = Math.min(VALUE_BYTES, left - start.length);
    if (room < LEAST_VALUE) break;
    const field = start + valueText(fields[name], room);
    text += field;
    left -= Buffer.byteLength(field);
  }
  return text;
}

function textLine(now: Date, level: string, message: string, event: string, fields: LogFields): string {
  const named = event === '' ? '' : ` event=${event}`;
  const start = `time="${timeText(now)}" level=${level} msg=${quotedText(message)}${named}`;
  return `${start}${fieldsText(fields, LINE_BYTES - 1 - Buffer.byteLength(start), (name) => name)}\n`;
}

function colouredLine(now: Date, level: string, message: string, event: string, fields: LogFields): string {
  const colour = COLOURS[level] ?? RED;
  const coloured = (text: string): string => `\x1b[${colour}m${text}\x1b[0m`;
  const text = quotedText(message).slice(1, -1).padEnd(TEXT_CHARACTERS);
  const named = event === '' ? '' : ` ${coloured('event')}=${event}`;
  const start = `${coloured(level.toUpperCase().slice(0, 4))}[${timeText(now)}] ${text}${named}`;
  return `${start}${fieldsText(fields, LINE_BYTES - 1 - Buffer.byteLength(start), coloured)}\n`;
}

function jsonValue(value: LogValue, most: number): string {
  if (typeof value === 'string') return quotedText(value, most, escapedInJson);
  // JSON knows no infinity.
  return typeof value === 'number' && !Number.isFinite(value) ? 'null' : String(value);
}

function jsonLine(now: Date, level: string, message: string, event: string, fields: LogFields): string {
  const pairs = [`"level":"${level}"`, `"msg":${jsonValue(message, VALUE_BYTES)}`, `"time":"${timeText(now)}"`];
  if (event !== '') pairs.push(`"event":"${event}"`);
  // Braces and the end of the line; each pair comes with a comma.
  let left = LINE_BYTES - 3;
  for (const pair of pairs) left -= Buffer.byteLength(pair) + 1;
  for (const name in fields) {
    const start = `"${name}":`;
    const room = Math.min(VALUE_BYTES, left - start.length - 1);
    if (room < LEAST_VALUE) break;
    const pair = start + jsonValue(fields[name], room);
    pairs.push(pair);
    left -= Buffer.byteLength(pair) + 1;
  }
  return `{${pairs.sort().join(',')}}\n`;
}

const LINES = { text: textLine, colours: colouredLine, json: jsonLine };

/** One finished line, its end included; `event`: '' for none. Fields that find no room are left out. */
export function logLine(
  now: Date,
  level: string,
  message: string,
  event: string,
  fields: LogFields,
  form: LogForm = 'text',
): string {
  return LINES[form](now, level, message, event, fields);
}
