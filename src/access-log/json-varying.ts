/**
 * What is another in each line of JSON, and how each is written: one switch in one place, since a call of a function per value
 * costs as much as what it writes.
 */
import type { Entry } from './entry.ts';
import type { HeaderFields } from './header-fields.ts';
import { gzipRatio, urlObject } from './json-values.ts';
import type { LineBytes } from './line-bytes.ts';
import { Rfc3339Time } from './times.ts';

export const VARYING = {
  nothing: 0,
  startUtc: 1,
  startLocal: 2,
  /** When the line is made. */
  time: 3,
  total: 4,
  overhead: 5,
  count: 6,
  path: 7,
  requestBytes: 8,
  clientPort: 9,
  sentBytes: 10,
  originBytes: 11,
  originDuration: 12,
  /** The same, where nothing counts as 0. */
  anyOriginBytes: 13,
  anyOriginDuration: 14,
  guard: 15,
  queue: 16,
  connect: 17,
  lost: 18,
  firstByte: 19,
  data: 20,
  requestId: 21,
  traceId: 22,
  spanId: 23,
  gzipRatio: 24,
  /** The path of the request where Traefik has it as the URL of a server. */
  replyUrl: 25,
  sentFields: 26,
  originFields: 27,
  requestFields: 28,
} as const;
export type Varying = (typeof VARYING)[keyof typeof VARYING];

/** Header fields by where they stand; null: they are all dropped. */
export type HeaderBlocks = {
  readonly sent: HeaderFields;
  readonly origin: HeaderFields;
  readonly request: HeaderFields;
} | null;

const startUtc = new Rfc3339Time(false);
const startLocal = new Rfc3339Time(true);
const written = new Rfc3339Time(true);

/** What was not reached is absent, and so is its name. */
function reached(value: number, out: LineBytes): void {
  if (value >= 0) out.number(value);
}

export function writeVarying(what: Varying, entry: Entry, out: LineBytes, blocks: HeaderBlocks): void {
  switch (what) {
    case VARYING.nothing:
      return;
    case VARYING.startUtc:
      startUtc.write(entry.wall, out);
      return;
    case VARYING.startLocal:
      startLocal.write(entry.wall, out);
      return;
    case VARYING.time:
      written.writeWhole(entry.now, out);
      return;
    case VARYING.total:
      out.number(entry.total);
      return;
    case VARYING.overhead:
      out.number(entry.origin < 0 ? entry.total : entry.total - entry.origin);
      return;
    case VARYING.count:
      out.number(entry.count);
      return;
    case VARYING.path:
      out.json(entry.path, entry.latin1);
      return;
    case VARYING.requestBytes:
      out.number(entry.requestBytes);
      return;
    case VARYING.clientPort:
      out.number(entry.clientPort);
      return;
    case VARYING.sentBytes:
      out.number(entry.sentBytes);
      return;
    case VARYING.originBytes:
      if (entry.originStatus > 0) out.number(entry.originBytes);
      return;
    case VARYING.originDuration:
      if (entry.originStatus > 0) reached(entry.origin, out);
      return;
    case VARYING.anyOriginBytes:
      out.number(entry.originStatus > 0 ? entry.originBytes : 0);
      return;
    case VARYING.anyOriginDuration:
      out.number(Math.max(entry.origin, 0));
      return;
    case VARYING.guard:
      reached(entry.guard, out);
      return;
    case VARYING.queue:
      reached(entry.queue, out);
      return;
    case VARYING.connect:
      reached(entry.connect, out);
      return;
    case VARYING.lost:
      reached(entry.lost, out);
      return;
    case VARYING.firstByte:
      reached(entry.firstByte, out);
      return;
    case VARYING.data:
      reached(entry.data, out);
      return;
    case VARYING.requestId:
      out.json(entry.requestId, false);
      return;
    case VARYING.traceId:
      out.json(entry.traceId, false);
      return;
    case VARYING.spanId:
      out.json(entry.spanId, false);
      return;
    case VARYING.gzipRatio:
      reached(gzipRatio(entry), out);
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
      blocks?.request.ofRequest(entry, out);
      return;
    default:
  }
}
