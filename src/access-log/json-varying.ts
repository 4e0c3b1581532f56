/**
 * What is another in each line of JSON. Numbers are put side by side before a line is written, so that its loop has one way for
 * all of them; the rest is written by one switch, since a call of a function per value costs as much as what it writes.
 */
import type { Entry } from './entry.ts';
import type { HeaderFields } from './header-fields.ts';
import { gzipRatio, urlObject } from './json-values.ts';
import { Constant, type LineBytes } from './line-bytes.ts';
import { RepeatedText } from './repeated-text.ts';

/** Whole numbers come first. */
export const VARYING = {
  nothing: 0,
  total: 1,
  overhead: 2,
  count: 3,
  requestBytes: 4,
  clientPort: 5,
  sentBytes: 6,
  originBytes: 7,
  originDuration: 8,
  /** The same, where nothing counts as 0. */
  anyOriginBytes: 9,
  anyOriginDuration: 10,
  guard: 11,
  queue: 12,
  connect: 13,
  lost: 14,
  firstByte: 15,
  data: 16,
  /** Of the second in which it began. */
  startFraction: 17,
  gzipRatio: 18,
  path: 19,
  requestId: 20,
  traceId: 21,
  spanId: 22,
  /** The path of the request where Traefik has it as the URL of a server. */
  replyUrl: 23,
  sentFields: 24,
  originFields: 25,
  requestFields: 26,
} as const;
export type Varying = (typeof VARYING)[keyof typeof VARYING];
const FIRST_TEXT = VARYING.startFraction;

/** Header fields by where they stand; null: they are all dropped. */
export type HeaderBlocks = {
  readonly sent: HeaderFields;
  readonly origin: HeaderFields;
  readonly request: HeaderFields;
} | null;

/** All fractions of a second in milliseconds, without zeros at their end. */
const FRACTIONS = Array.from(
  { length: 1_000 },
  (_, ms) => new Constant(ms === 0 ? '' : `.${String(ms).padStart(3, '0').replace(/0+$/, '')}`),
);

/** What was not reached is absent, and so is its name. */
function reached(value: number): number {
  return value < 0 ? Number.NaN : value;
}

export class VaryingValues {
  /** Of the entry, by what they are (VARYING): NaN for none, and below 0 where `write` has to be called. */
  readonly numbers = new Float64Array(Object.keys(VARYING).length).fill(Number.NaN, 0, FIRST_TEXT).fill(-1, FIRST_TEXT);
  private readonly blocks: HeaderBlocks;
  private readonly path = new RepeatedText();
  private readonly requestId = new RepeatedText();

  constructor(blocks: HeaderBlocks) {
    this.blocks = blocks;
  }

  /** A line of `entry` begins. */
  begin(entry: Entry): void {
    const { numbers } = this;
    const { total, origin, originStatus, originBytes } = entry;
    const hasOrigin = originStatus > 0;
    this.path.begin(entry.path, entry.latin1);
    this.requestId.begin(entry.requestId, false);
    numbers[VARYING.total] = total;
    numbers[VARYING.overhead] = origin < 0 ? total : total - origin;
    numbers[VARYING.count] = entry.count;
    numbers[VARYING.requestBytes] = entry.requestBytes;
    numbers[VARYING.clientPort] = entry.clientPort;
    numbers[VARYING.sentBytes] = entry.sentBytes;
    numbers[VARYING.originBytes] = hasOrigin ? originBytes : Number.NaN;
    numbers[VARYING.originDuration] = hasOrigin ? reached(origin) : Number.NaN;
    numbers[VARYING.anyOriginBytes] = hasOrigin ? originBytes : 0;
    numbers[VARYING.anyOriginDuration] = Math.max(origin, 0);
    numbers[VARYING.guard] = reached(entry.guard);
    numbers[VARYING.queue] = reached(entry.queue);
    numbers[VARYING.connect] = reached(entry.connect);
    numbers[VARYING.lost] = reached(entry.lost);
    numbers[VARYING.firstByte] = reached(entry.firstByte);
    numbers[VARYING.data] = reached(entry.data);
  }

  /** Texts, and numbers that are as they seldom are. */
  write(what: Varying, entry: Entry, out: LineBytes): void {
    const { blocks } = this;
    switch (what) {
      case VARYING.startFraction:
        out.constant(FRACTIONS[Math.floor(entry.wall) % 1_000]);
        return;
      case VARYING.gzipRatio:
        out.number(reached(gzipRatio(entry)));
        return;
      case VARYING.path:
        this.path.write(out);
        return;
      case VARYING.requestId:
        this.requestId.write(out);
        return;
      case VARYING.traceId:
        out.json(entry.traceId, false);
        return;
      case VARYING.spanId:
        out.json(entry.spanId, false);
        return;
      case VARYING.replyUrl:
        if (entry.url.startsWith('/')) out.utf8(`"BackendURL":${urlObject(entry.url, entry.latin1)},`);
        return;
      case VARYING.sentFields:
        blocks?.sent.ofHead(entry.sentHead, out);
        return;
      case VARYING.originFields:
        blocks?.origin.ofHead(entry.originHead, out);
        return;
      case VARYING.requestFields:
        blocks?.request.ofRequest(entry, this.requestId, out);
        return;
      default:
        out.number(this.numbers[what]);
    }
  }
}
