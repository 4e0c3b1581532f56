/** Times as Go prints them, in parts that stay the same for a second. */

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const SECOND_MS = 1_000;
const QUARTER_MS = 900_000;
const NEVER = Number.NaN;

function two(number: number): string {
  return number < 10 ? `0${number}` : `${number}`;
}

/** Of `wall`, milliseconds since 1970. */
export function secondOf(wall: number): number {
  return Math.floor(wall / SECOND_MS);
}

/** Between local time and UTC, as minutes are asked for once a quarter of an hour of UTC: zones change at those. */
class LocalOffset {
  private quarter = NEVER;
  private ms = 0;

  /** Milliseconds that local time is ahead. */
  at(wall: number): number {
    const quarter = Math.floor(wall / QUARTER_MS);
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

/** `2006-01-02T15:04:05` of UTC or local time: what of RFC 3339 stands before fraction and zone. */
export function rfc3339Second(wall: number, isLocal: boolean): string {
  const offset = isLocal ? localOffset.at(wall) : 0;
  return new Date(secondOf(wall) * SECOND_MS + offset).toISOString().slice(0, 19);
}

/** `Z`, `+09:00` */
export function rfc3339Zone(wall: number, isLocal: boolean): string {
  const offset = isLocal ? localOffset.at(wall) : 0;
  return offset === 0 ? 'Z' : offsetText(offset, ':');
}

/** `02/Jan/2006:15:04:05 -0700`, kept for a second. */
export class CommonTime {
  private second = NEVER;
  private text = '';
  private readonly isLocal: boolean;

  constructor(isLocal: boolean) {
    this.isLocal = isLocal;
  }

  /** Of `wall`, milliseconds since 1970. */
  at(wall: number): string {
    const second = secondOf(wall);
    if (second !== this.second) {
      const offset = this.isLocal ? localOffset.at(wall) : 0;
      const date = new Date(second * SECOND_MS + offset);
      const day = `${two(date.getUTCDate())}/${MONTHS[date.getUTCMonth()]}/${date.getUTCFullYear()}`;
      this.second = second;
      this.text = `${day}:${date.toISOString().slice(11, 19)} ${offsetText(offset, '')}`;
    }
    return this.text;
  }
}
