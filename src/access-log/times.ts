/** Times as Go prints them. What stays the same for a second, or for an hour, is made once. */
import type { LineBytes } from './line-bytes.ts';

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const HOUR_MS = 3_600_000;
const NEVER = Number.NaN;
const NOTHING = new Uint8Array(0);
const POINT = 0x2e;
const ZERO = 0x30;

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

/** RFC 3339, written digit by digit: no text is made of what is another one in each line. */
export class Rfc3339Time extends SecondText {
  private start = NOTHING;
  private zone = NOTHING;

  protected render(date: Date, offset: number): string {
    const text = date.toISOString().slice(0, 19);
    this.start = Buffer.from(text);
    this.zone = Buffer.from(offset === 0 ? 'Z' : offsetText(offset, ':'));
    return text;
  }

  /** With as much of the fraction as there is. */
  write(wall: number, out: LineBytes): void {
    this.of(wall);
    out.constant(this.start);
    const ms = Math.floor(wall) % 1_000;
    if (ms !== 0) {
      const tenths = (ms / 100) | 0;
      const hundredths = ((ms / 10) | 0) % 10;
      const thousandths = ms % 10;
      out.byte(POINT);
      out.byte(ZERO + tenths);
      if (hundredths + thousandths > 0) out.byte(ZERO + hundredths);
      if (thousandths > 0) out.byte(ZERO + thousandths);
    }
    out.constant(this.zone);
  }

  /** In whole seconds. */
  writeWhole(wall: number, out: LineBytes): void {
    this.of(wall);
    out.constant(this.start);
    out.constant(this.zone);
  }
}
