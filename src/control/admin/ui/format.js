/** How figures, times and words are written. Nothing here touches the document. */

/** What is not known. */
export const NONE = '–';
const THIN = '\u202f';

const isNumber = (value) => typeof value === 'number' && Number.isFinite(value);

/** Whole, with a thin space between thousands. */
export function int(value) {
  if (!isNumber(value)) return NONE;
  return Math.round(value)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, THIN);
}

/** Per second. */
export function rate(value) {
  if (!isNumber(value)) return NONE;
  if (value === 0) return '0';
  if (value < 0.05) return '<0.1';
  return value < 9.95 ? value.toFixed(1) : int(value);
}

/** `value`: 0…1; in percent, without the sign. */
export function share(value) {
  if (!isNumber(value)) return NONE;
  const percent = value * 100;
  if (percent === 0) return '0';
  if (percent < 0.01) return '<0.01';
  if (percent < 9.995) return percent.toFixed(2);
  return percent < 99.95 ? percent.toFixed(1) : '100';
}

/** `value`: milliseconds. */
export function time(value) {
  if (!isNumber(value)) return NONE;
  if (value === 0) return '0 ms';
  if (value < 0.9995) return `${Math.max(1, Math.round(value * 1000))} µs`;
  if (value < 9.95) return `${value.toFixed(1)} ms`;
  if (value < 999.5) return `${Math.round(value)} ms`;
  return value < 9995 ? `${(value / 1000).toFixed(2)} s` : `${(value / 1000).toFixed(1)} s`;
}

const SIZES = ['B', 'kB', 'MB', 'GB', 'TB'];

/** In 1000s: `[figure, unit]`. */
export function bytes(value) {
  if (!isNumber(value)) return [NONE, ''];
  let size = value;
  let step = 0;
  while (size >= 999.5 && step < SIZES.length - 1) {
    size /= 1000;
    step++;
  }
  return [
    step === 0 ? String(Math.round(size)) : size < 9.95 ? size.toFixed(1) : String(Math.round(size)),
    SIZES[step],
  ];
}

const STEPS = [
  ['d', 86_400],
  ['h', 3600],
  ['min', 60],
  ['s', 1],
];

/** `value`: milliseconds; its two largest units: `14 min 5 s`. */
export function age(value) {
  if (!isNumber(value)) return NONE;
  const seconds = Math.max(0, Math.floor(value / 1000));
  const at = STEPS.findIndex(([, size]) => seconds >= size);
  if (at < 0) return '0 s';
  const [unit, size] = STEPS[at];
  const first = `${Math.floor(seconds / size)} ${unit}`;
  const next = STEPS[at + 1];
  const rest = next === undefined ? 0 : Math.floor((seconds % size) / next[1]);
  return rest === 0 ? first : `${first} ${rest} ${next[0]}`;
}

const pad = (value, digits = 2) => String(value).padStart(digits, '0');

/** Clock times are of UTC, or of the browser's zone when that was chosen. */
export const clock = { local: false };

function parts(ms, local) {
  const date = new Date(local ? ms - new Date(ms).getTimezoneOffset() * 60_000 : ms);
  return {
    day: `${date.getUTCFullYear()}-${pad(date.getUTCMonth() + 1)}-${pad(date.getUTCDate())}`,
    minute: `${pad(date.getUTCHours())}:${pad(date.getUTCMinutes())}`,
    second: pad(date.getUTCSeconds()),
    milli: pad(date.getUTCMilliseconds(), 3),
  };
}

/** `14:31:26` */
export function clockTime(ms) {
  if (!isNumber(ms)) return NONE;
  const { minute, second } = parts(ms, clock.local);
  return `${minute}:${second}`;
}

/** `14:31` */
export function clockMinute(ms) {
  return isNumber(ms) ? parts(ms, clock.local).minute : NONE;
}

/** `14:31:26.120` */
export function clockMilli(ms) {
  return isNumber(ms) ? `${clockTime(ms)}.${parts(ms, clock.local).milli}` : NONE;
}

/** `2026-11-26` */
export function day(ms) {
  return isNumber(ms) ? parts(ms, clock.local).day : NONE;
}

/** `Thursday 26 November` */
export function dayName(ms) {
  const options = { weekday: 'long', day: 'numeric', month: 'long', ...(clock.local ? {} : { timeZone: 'UTC' }) };
  return new Date(ms).toLocaleDateString('en-GB', options).replace(',', '');
}

/** Both zones, for tooltips. */
export function bothZones(ms) {
  if (!isNumber(ms)) return '';
  const [utc, own] = [parts(ms, false), parts(ms, true)];
  return `${utc.day} ${utc.minute}:${utc.second} UTC · ${own.day} ${own.minute}:${own.second} here`;
}

/** `14:31:26` today, `2026-11-20 14:31` before. */
export function when(ms, now) {
  if (!isNumber(ms)) return NONE;
  return day(ms) === day(now) ? clockTime(ms) : `${day(ms)} ${clockMinute(ms)}`;
}

/** `1 server`, `2 servers` */
export function count(value, one, many = `${one}s`) {
  return `${int(value)} ${value === 1 ? one : many}`;
}

// Controls, and what hides or turns text: by its number, so that a name shows all that it has.
const HIDDEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

/** Text of keys and peers. */
export function seen(text) {
  return String(text ?? '').replace(HIDDEN, (character) => `\\u{${character.codePointAt(0).toString(16)}}`);
}

/** `now` against `before`, in words; empty where nothing can be said. */
export function comparison(now, before, than) {
  if (!isNumber(now) || !isNumber(before) || before <= 0) return '';
  const ratio = now / before;
  if (ratio >= 2) return `${ratio < 9.95 ? ratio.toFixed(1) : int(ratio)} times that of ${than}`;
  const percent = Math.round((ratio - 1) * 100);
  if (percent === 0) return `as ${than}`;
  return percent > 0 ? `${percent} % more than ${than}` : `${-percent} % less than ${than}`;
}
