/** Times as Go prints them. What stays the same for a second, or for an hour, is made once. */
import { Constant, type LineBytes } from './line-bytes.ts';

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const HOUR_MS = 3_600_000;
const NEVER = Number.NaN;
const NOTHING = new Constant('');
/** All fractions of a second in milliseconds, without zeros at their end. */
const FRACTIONS = Array.from(
  { length: 1_000 },
  (_, ms) => new Constant(ms === 0 ? '' : `.${String(ms).padStart(3, '0').replace(/0+$/, '')}`),
);

function two(number: number): string {
  return number < 10 ? `0${number}` : `${number}`;
}

/** Between local time and UTC, as minutes are asked for once an hour of UTC and quarter: zones change at those. */
class LocalOffset {
  private quarter = NEVER;
  private ms = 0;

  /** Milliseconds that local time is ahead. */
  at(wall: number): number {
    const quarter = Math.floor(wall / (HOUR_MS / 4));
    if (quarter !== this.quarter) {
      this.quarter = quarter;
      this.ms = -new Date(wall).getTimezoneOffset() * 60_000;
    }
    return this.ms;
  }
}

const localOffset = new LocalOffset();

/** `+0900`, with `colon` between hours and minutes. */
function offsetText(ms: number, colon: string): string {
  const minutes = Math.abs(ms) / 60_000;
  return `${ms < 0 ? '-' : '+'}${two(Math.floor(minutes / 60))}${colon}${two(minutes % 60)}`;
}

/** One form of times, in UTC or local. */
abstract class SecondText {
  private second = NEVER;
  private text = '';
  private readonly isLocal: boolean;

  constructor(isLocal: boolean) {
    this.isLocal = isLocal;
  }

  protected abstract render(date: Date, offset: number): string;

  /** Of the second of `wall`, milliseconds since 1970. */
  protected of(wall: number): string {
    const second = Math.floor(wall / 1_000);
    if (second !== this.second) {
      const offset = this.isLocal ? localOffset.at(wall) : 0;
      this.second = second;
      this.text = this.render(new Date(second * 1_000 + offset), offset);
    }
    return this.text;
  }
}

/** `02/Jan/2006:15:04:05 -0700` */
export class CommonTime extends SecondText {
  protected render(date: Date, offset: number): string {
    const day = `${two(date.getUTCDate())}/${MONTHS[date.getUTCMonth()]}/${date.getUTCFullYear()}`;
    return `${day}:${date.toISOString().slice(11, 19)} ${offsetText(offset, '')}`;
  }

  at(wall: number): string {
    return this.of(wall);
  }
}

/** RFC 3339 */
export class Rfc3339Time extends SecondText {
  private whole = NOTHING;
  private beforeFraction = NOTHING;
  private zone = NOTHING;

  protected render(date: Date, offset: number): string {
    const text = date.toISOString().slice(0, 19);
    const zone = offset === 0 ? 'Z' : offsetText(offset, ':');
    this.whole = new Constant(text + zone);
    this.beforeFraction = new Constant(text);
    this.zone = new Constant(zone);
    return text;
  }

  /** With as much of the fraction as there is. */
  write(wall: number, out: LineBytes): void {
    this.of(wall);
    out.constant(this.beforeFraction);
    out.constant(FRACTIONS[Math.floor(wall) % 1_000]);
    out.constant(this.zone);
  }

  /** In whole seconds. */
  writeWhole(wall: number, out: LineBytes): void {
    this.of(wall);
    out.constant(this.whole);
  }
}
