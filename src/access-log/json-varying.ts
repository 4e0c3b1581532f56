/**
 * What is another in each line of JSON: numbers, and texts that are put in their rooms (line-composer.ts) where they differ from those
 * of the line before.
 */
import type { AccessLogOptions } from '../kernel/access-log-options.ts';
import type { Entry } from './entry.ts';
import { dropsAll, HeaderFields, SentId } from './header-fields.ts';
import { gzipRatio, urlObject } from './json-values.ts';
import { type LineComposer, NO_NUMBER, PieceText } from './line-composer.ts';

/** Whole numbers come first. */
export const VARYING = {
  nothing: NO_NUMBER,
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
/** Is it a number, or nothing? */
export function isNumber(what: Varying): boolean {
  return what < VARYING.startFraction;
}

export const SENT_PREFIX = 'downstream_';
export const ORIGIN_PREFIX = 'origin_';
export const REQUEST_PREFIX = 'request_';

/** Header fields by where they stand. */
type HeaderBlocks = {
  readonly sent: HeaderFields;
  readonly origin: HeaderFields;
  readonly request: HeaderFields;
  readonly id: SentId;
};

const FRACTION_BYTES = 8;
/** All fractions of a second in milliseconds, without zeros at their end. */
const FRACTIONS = Array.from({ length: 1_000 }, (_, ms) =>
  ms === 0 ? '' : `.${String(ms).padStart(3, '0').replace(/0+$/, '')}`,
);
const FRACTION_LENGTHS = Uint8Array.from(FRACTIONS, ({ length }) => length);

/** What was not reached is absent, and so is its name. */
function reached(value: number): number {
  return value < 0 ? Number.NaN : value;
}

/** `null`: they are all dropped. */
function blocksOf(options: AccessLogOptions, composer: LineComposer, id: PieceText): HeaderBlocks | null {
  if (dropsAll(options)) return null;
  return {
    sent: new HeaderFields(options, SENT_PREFIX, true, composer),
    origin: new HeaderFields(options, ORIGIN_PREFIX, true, composer),
    request: new HeaderFields(options, REQUEST_PREFIX, false, composer),
    id: new SentId(options, REQUEST_PREFIX, composer, id),
  };
}

export class VaryingValues {
  private readonly composer: LineComposer;
  private readonly blocks: HeaderBlocks | null;
  private readonly path: PieceText;
  private readonly requestId: PieceText;
  private readonly traceId: PieceText;
  private readonly spanId: PieceText;
  private readonly gzipRatio: PieceText;
  private readonly replyUrl: PieceText;
  /** Where the texts of FRACTIONS stand, and the pieces that have one of them. */
  private readonly fractions: number;
  private readonly fractionPieces: number[] = [];
  /** Those above that have a room of their own. */
  private readonly texts: ReadonlyMap<Varying, PieceText>;
  /** Of the entry before. */
  private lastPath = '';
  private lastIsLatin1 = false;

  constructor(options: AccessLogOptions, composer: LineComposer) {
    this.composer = composer;
    this.path = new PieceText(composer);
    this.requestId = new PieceText(composer);
    this.traceId = new PieceText(composer);
    this.spanId = new PieceText(composer);
    this.gzipRatio = new PieceText(composer);
    this.replyUrl = new PieceText(composer);
    this.texts = new Map([
      [VARYING.path, this.path],
      [VARYING.requestId, this.requestId],
      [VARYING.traceId, this.traceId],
      [VARYING.spanId, this.spanId],
      [VARYING.gzipRatio, this.gzipRatio],
      [VARYING.replyUrl, this.replyUrl],
    ]);
    this.fractions = composer.room();
    const out = composer.begin(this.fractions);
    for (const fraction of FRACTIONS) out.ascii(fraction.padEnd(FRACTION_BYTES));
    this.blocks = blocksOf(options, composer, this.requestId);
  }

  /** A text comes next in a line. */
  addTo(what: Varying): void {
    const { blocks } = this;
    switch (what) {
      case VARYING.startFraction:
        this.fractionPieces.push(this.composer.add());
        return;
      case VARYING.sentFields:
        blocks?.sent.addTo(null);
        return;
      case VARYING.originFields:
        blocks?.origin.addTo(null);
        return;
      case VARYING.requestFields:
        blocks?.request.addTo(blocks.id);
        return;
      default:
        this.texts.get(what)?.add();
    }
  }

  /** What `entry` has. */
  put(entry: Entry): void {
    this.putNumbers(entry);
    this.putPath(entry);
    this.putText(this.requestId, entry.requestId);
    this.putText(this.traceId, entry.traceId);
    this.putText(this.spanId, entry.spanId);
    const ratio = gzipRatio(entry);
    this.putText(this.gzipRatio, ratio < 0 ? '' : String(ratio));
    const { composer, blocks, fractionPieces } = this;
    const ms = Math.floor(entry.wall) % 1_000;
    const fraction = this.fractions + ms * FRACTION_BYTES;
    for (let i = 0; i < fractionPieces.length; i++) composer.set(fractionPieces[i], fraction, FRACTION_LENGTHS[ms]);
    if (blocks === null) return;
    blocks.sent.put(entry.sentHead, '', true, entry.place);
    blocks.origin.put(entry.originHead, '', true, entry.place);
    blocks.request.put(entry.requestFields, entry.forwardedFields, entry.latin1, 0);
    blocks.id.put(entry.isIdSent);
  }

  private putText(text: PieceText, value: string): void {
    if (value === '') {
      if (text.length > 0) text.setLength(0);
      return;
    }
    text.begin().json(value, false);
    text.ended();
  }

  /** Lines that follow each other often have the same. */
  private putPath({ path, latin1, course: { hasPathAsUrl } }: Entry): void {
    const isSame = path === this.lastPath && latin1 === this.lastIsLatin1;
    if (!isSame) {
      this.lastPath = path;
      this.lastIsLatin1 = latin1;
      this.path.begin().json(path, latin1);
      this.path.ended();
    }
    if (!hasPathAsUrl || path === '') {
      if (this.replyUrl.length > 0) this.replyUrl.setLength(0);
      return;
    }
    this.replyUrl.begin().utf8(`"BackendURL":${urlObject(path, latin1)},`);
    this.replyUrl.ended();
  }

  private putNumbers(entry: Entry): void {
    const { numbers } = this.composer;
    const { total, origin, originBytes } = entry;
    const hasOrigin = entry.course.originStatus > 0;
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
}
