/**
 * The access log of one worker (shared/spec logs §1–§2): at the end of each exchange it fills the one entry that there is,
 * asks whether it is wanted, and gives it to the ring, from which the writer takes it.
 */
import type { Entry } from '../../access-log/entry.ts';
import { LineRing, NOTABLE, USUAL } from '../../access-log/line-ring.ts';
import { fieldModes } from '../../access-log/modes.ts';
import { requestPath } from '../../access-log/request-path.ts';
import { isAmong, isNotable, passes } from '../../access-log/selection.ts';
import type { AccessLogOptions } from '../../kernel/access-log-options.ts';
import { addressFamily } from '../../kernel/ip-ranges.ts';
import type { ObservabilityOptions } from '../../middlewares/observability.ts';
import type { BootAccessLog } from '../../protocol/messages.ts';
import type { Outcome } from '../exchange/outcome.ts';
import { Courses, lastServer } from './courses.ts';
import { ExchangeRecord, type RecordNeeds } from './exchange-record.ts';
import { type Place, Places } from './place.ts';

const NS_PER_MS = 1e6;
const CONNECTION_FIELDS = [
  'ClientAddr',
  'ClientPort',
  'TLSVersion',
  'TLSCipher',
  'TLSResumed',
  'TLSClientSubject',
] as const;

/** Milliseconds → whole nanoseconds, below 0 as it is. */
function ns(ms: number): number {
  return ms < 0 ? -1 : Math.round(ms * NS_PER_MS);
}

/** Every element is an address, with a port or without (shared/spec logs §1.5). */
function isChain(forwardedFor: string): boolean {
  return forwardedFor.split(',').every((part) => {
    const text = part.trim();
    const bracketed = /^\[([^\]]*)\](?::\d{1,5})?$/.exec(text);
    if (bracketed !== null) return addressFamily(bracketed[1]) === 6;
    if (addressFamily(text) !== 0) return true;
    const colon = text.indexOf(':');
    return colon > 0 && addressFamily(text.slice(0, colon)) === 4 && /^\d{1,5}$/.test(text.slice(colon + 1));
  });
}

function needsOf(options: AccessLogOptions): RecordNeeds {
  if (options.format !== 'json') return { connection: false, heads: false };
  const keeps = fieldModes(options);
  const { defaultMode, names } = options.headers;
  return {
    connection: CONNECTION_FIELDS.some(keeps),
    heads: defaultMode !== 'drop' || names.some(([, mode]) => mode !== 'drop'),
  };
}

/** What an exchange says of itself, besides its outcome. */
export interface LoggedExchange {
  /** As received. */
  readonly clientTarget: string;
  readonly user: string;
  readonly authWasKnown: boolean | null;
}

/** What decides whether a line is kept: the same for all nodes that see the trace, or the request. */
function keyOf({ trace, requestId }: Outcome): string {
  if (trace !== null) return trace.traceId;
  return requestId === '' ? String(Math.random()) : requestId;
}

/** The rest of the whole is what their sum lacks. */
function fillTimes(entry: Entry, { marks }: Outcome): void {
  entry.now = marks.wall + marks.total;
  entry.wall = marks.wall;
  entry.guard = ns(marks.guard);
  entry.queue = ns(marks.queue);
  entry.connect = ns(marks.connect);
  entry.lost = ns(marks.lost);
  entry.firstByte = ns(marks.firstByte);
  const sum =
    Math.max(entry.guard, 0) +
    Math.max(entry.queue, 0) +
    Math.max(entry.connect, 0) +
    Math.max(entry.lost, 0) +
    Math.max(entry.firstByte, 0);
  // Rounding may have made a little too much of them.
  entry.total = Math.max(entry.total, sum);
  entry.data = entry.total - sum;
}

export class AccessLog {
  private readonly options: AccessLogOptions;
  private readonly entryPoints: readonly string[];
  private readonly ring: LineRing;
  private readonly needs: RecordNeeds;
  private readonly places: Places;
  private readonly courses: Courses;
  private readonly is17: boolean;

  /** `entryPoints`: their names. */
  constructor({ options, words, memory }: BootAccessLog, worker: number, entryPoints: readonly string[]) {
    this.options = options;
    this.entryPoints = entryPoints;
    this.ring = new LineRing(options, words, memory);
    this.needs = needsOf(options);
    this.places = new Places(options.names, options.provider);
    this.is17 = options.names === '1.7';
    this.courses = new Courses(worker, entryPoints, this.is17);
  }

  /** For one exchange, and all that it serves later. */
  record(): ExchangeRecord {
    return new ExchangeRecord(this.needs);
  }

  /** The number of one more request of this process. */
  nextRequest(): number {
    return this.ring.nextRequest();
  }

  /** It is over. */
  ended(outcome: Outcome, exchange: LoggedExchange, record: ExchangeRecord): void {
    if (this.ring.isOff) return;
    const own = outcome.frontend?.options?.observability as ObservabilityOptions | undefined;
    if (own?.accessLogs === false) return;
    const { ring, options } = this;
    const total = ns(outcome.marks.total);
    if (!passes(options.filters, outcome, total)) return;
    const share = own?.sampling ?? options.sampling;
    const notable = isNotable(options.filters, outcome, total);
    if (!notable && share < 1 && !isAmong(keyOf(outcome), share)) return;
    const { entry } = ring;
    entry.total = total;
    this.fill(entry, outcome, record, exchange);
    this.fillCourse(entry, outcome, record, notable ? 1 : share, exchange.authWasKnown);
    ring.put(notable ? NOTABLE : USUAL);
  }

  private fill(entry: Entry, outcome: Outcome, record: ExchangeRecord, exchange: LoggedExchange): void {
    fillTimes(entry, outcome);
    entry.latin1 = record.latin1;
    entry.clientAddress = record.peer;
    entry.clientHost = record.forwardedFor !== '' && isChain(record.forwardedFor) ? record.forwardedFor : record.peer;
    entry.clientPort = record.port;
    // In 1.7 a name that was not let in is nobody's.
    entry.user = this.is17 && outcome.cause === 'unauthorized' ? '' : exchange.user;
    entry.path = requestPath(exchange.clientTarget, this.options.queryParameters === 'keep');
    entry.host = record.host;
    entry.requestBytes = outcome.requestBytes;
    entry.sentBytes = record.packedBytes < 0 ? outcome.responseBytes : record.packedBytes;
    entry.count = record.count;
    entry.requestId = outcome.requestId;
    entry.traceId = outcome.trace?.traceId ?? '';
    entry.spanId = outcome.trace?.spanId ?? '';
    entry.tlsSubject = record.tls === null ? '' : record.tls.clientSubject;
    entry.clientFields = record.clientFields;
    entry.requestFields = record.requestFields;
    entry.isIdSent = record.isIdSent;
    entry.forwardedFields = record.forwardedFields;
    entry.originHead = record.originHead;
    entry.sentHead = record.sentHead;
  }

  private fillCourse(
    entry: Entry,
    outcome: Outcome,
    record: ExchangeRecord,
    sampleRate: number,
    cacheHit: boolean | null,
  ): void {
    const { frontend, backend, tries, cause, status } = outcome;
    const server = lastServer(outcome);
    let place: Place;
    let originStatus = 0;
    if (tries > 0 && frontend !== null && backend !== null && server !== null) {
      place = this.places.ofServer(frontend, backend, server);
      // What we say for a server that does not answer is said where its answer would be.
      originStatus = record.originStatus > 0 ? record.originStatus : status;
    } else {
      place = this.places.ofReply(cause, this.entryPoints[outcome.entryPoint], frontend);
      if (place.isOrigin) originStatus = status;
    }
    entry.place = place.number;
    entry.originBytes = place.isOrigin ? outcome.responseBytes : 0;
    entry.origin = place.isOrigin ? entry.total - Math.max(entry.guard, 0) : -1;
    entry.course = this.courses.of(place, outcome, record, originStatus, sampleRate, cacheHit);
  }
}
