/**
 * Lines of what the admin address answers (`--accessLog.addInternals`): made on the main thread, into a ring of its own. They are those
 * of answers of ours everywhere else (shared/spec logs §1, §2).
 */
import { Course } from '../../access-log/course.ts';
import type { Entry } from '../../access-log/entry.ts';
import { LineRing, NOTABLE, USUAL } from '../../access-log/line-ring.ts';
import { requestPath } from '../../access-log/request-path.ts';
import { isAmong, isNotable, passes } from '../../access-log/selection.ts';
import type { AccessLogOptions } from '../../kernel/access-log-options.ts';
import { owned } from '../../kernel/owned-text.ts';
import type { BootAccessLog } from '../../protocol/messages.ts';

/** As in events. */
const ENTRY_POINT = 'admin';
/** Of no worker. */
const MAIN = -1;
const NS_PER_MS = 1e6;

/** What is known of one request and its answer at its end. */
export type InternalExchange = {
  readonly peer: string;
  readonly port: number;
  readonly isSecure: boolean;
  /** '' for what was no request. */
  readonly method: string;
  readonly target: string;
  readonly protocol: string;
  /** One character per byte; names in lower case. */
  readonly fields: ReadonlyMap<string, string>;
  /** Milliseconds since 1970, when the head was here. */
  readonly wall: number;
  /** Milliseconds that it has taken. */
  readonly ms: number;
  readonly status: number;
  /** As in a line of HTTP/1, from the status on. */
  readonly head: string;
  /** Of the body, that were given to the system. */
  readonly bytes: number;
  /** All of them. */
  readonly isWhole: boolean;
};

const CAUSES: Readonly<Record<number, string>> = {
  301: 'redirect',
  302: 'redirect',
  400: 'bad_request',
  401: 'unauthorized',
  403: 'forbidden',
  404: 'no_route',
  405: 'bad_method',
  421: 'misdirected',
  431: 'head_too_large',
  500: 'internal',
  505: 'bad_version',
};

/** What the pages say of tsuji, such as 503 of one that is not ready, is their answer. */
function causeOf({ status, isWhole }: InternalExchange): string {
  return isWhole ? (CAUSES[status] ?? 'ok') : 'client_reset';
}

function courseOf(exchange: InternalExchange): Course {
  const { isSecure, method, protocol, status } = exchange;
  return Object.assign(new Course(), {
    ...{ method: owned(method), protocol, status, cause: causeOf(exchange), scheme: isSecure ? 'https' : 'http' },
    ...{ latin1: true, entryPoint: ENTRY_POINT, worker: MAIN },
  });
}

export class InternalLog {
  private readonly options: AccessLogOptions;
  private readonly ring: LineRing;

  constructor({ options, words, memory }: BootAccessLog) {
    this.options = options;
    this.ring = new LineRing(options, words, memory);
  }

  ended(exchange: InternalExchange): void {
    const { ring, options } = this;
    const count = ring.nextRequest();
    if (ring.isOff) return;
    const course = courseOf(exchange);
    const total = Math.round(exchange.ms * NS_PER_MS);
    if (!passes(options.filters, course, total)) return;
    const notable = isNotable(options.filters, course, total);
    if (!notable && options.sampling < 1 && !isAmong(String(Math.random()), options.sampling)) return;
    course.sampleRate = notable ? 1 : options.sampling;
    const { entry } = ring;
    entry.course = course;
    entry.total = total;
    entry.count = count;
    this.fill(entry, exchange);
    ring.put(notable ? NOTABLE : USUAL);
  }

  /** The writer may have all of them. */
  publish(): void {
    this.ring.publish();
  }

  private fill(entry: Entry, { peer, port, target, fields, wall, head, bytes }: InternalExchange): void {
    entry.latin1 = true;
    entry.wall = wall;
    entry.now = Date.now();
    entry.guard = 0;
    entry.data = entry.total;
    entry.clientHost = peer;
    entry.clientAddress = peer;
    entry.clientPort = port;
    entry.path = requestPath(target, this.options.queryParameters === 'keep');
    entry.host = fields.get('host') ?? '';
    entry.sentBytes = bytes;
    let lines = '';
    for (const [name, value] of fields) if (name !== 'host') lines += `${name}: ${value}\r\n`;
    entry.clientFields = lines;
    entry.requestFields = lines;
    entry.sentHead = head;
  }
}
