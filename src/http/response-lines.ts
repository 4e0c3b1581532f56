/** Parts of the head of a response that are looked at by themselves: its end, values and numbers. */
import { trimBlanks } from '../kernel/characters.ts';
import { listMembers } from './fields.ts';

const TAB = 9;
const LF = 10;
const CR = 13;
const SPACE = 32;
const ZERO = 48;

/** The index behind the empty line of a head some of whose lines end with a bare LF; 0 when it is not there. */
export function headEnd(bytes: Buffer, start: number, end: number): number {
  for (let at = bytes.indexOf(LF, start); at >= 0 && at < end; at = bytes.indexOf(LF, at + 1)) {
    if (at + 1 < end && bytes[at + 1] === LF) return at + 2;
    if (at + 2 < end && bytes[at + 1] === CR && bytes[at + 2] === LF) return at + 3;
  }
  return 0;
}

/** A copy of `bytes[start, end)` with a CR before each LF that has none. */
export function withCrLf(bytes: Buffer, start: number, end: number): Buffer {
  const copy = Buffer.allocUnsafe(2 * (end - start));
  let length = 0;
  for (let at = start; at < end; at++) {
    if (bytes[at] === LF && (at === start || bytes[at - 1] !== CR)) copy[length++] = CR;
    copy[length++] = bytes[at];
  }
  return copy.subarray(0, length);
}

/** N of `timeout=N` among the members of a Keep-Alive field, 0 without it. */
export function keepAliveSeconds(value: string): number {
  for (const member of listMembers(value)) {
    const equals = member.indexOf('=');
    if (equals < 0 || trimBlanks(member, 0, equals) !== 'timeout') continue;
    const seconds = Number.parseInt(trimBlanks(member, equals + 1).replace('"', ''), 10);
    return seconds >= 0 && seconds < 1_000_000 ? seconds : 0;
  }
  return 0;
}

/** The value between a colon and the end of its line, without the blanks around it. */
export function fieldValue(bytes: Buffer, colon: number, end: number): string {
  let start = colon + 1;
  while (start < end && (bytes[start] === SPACE || bytes[start] === TAB)) start++;
  while (end > start && (bytes[end - 1] === SPACE || bytes[end - 1] === TAB)) end--;
  return bytes.toString('latin1', start, end);
}

/** The number that ` digits` says, -1 for anything else: the common spelling, without making text of it. */
export function shortNumber(bytes: Buffer, start: number, end: number): number {
  if (bytes[start] === SPACE) start++;
  if (end === start || end - start > 9) return -1;
  let number = 0;
  for (let at = start; at < end; at++) {
    const digit = bytes[at] - ZERO;
    if (digit < 0 || digit > 9) return -1;
    number = number * 10 + digit;
  }
  return number;
}
