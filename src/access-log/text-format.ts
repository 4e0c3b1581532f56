/**
 * The common log format as Traefik writes it (shared/spec logs §1.1), its generic form, and ours with timers and the cause
 * (§2.1). What is dropped is printed in its absent form, as there.
 */
import { firstValue } from '../http/fields.ts';
import type { AccessLogFormat, AccessLogOptions, HeaderMode } from '../kernel/access-log-options.ts';
import type { Entry } from './entry.ts';
import { bareField, quotedField } from './escaping.ts';
import type { LineBytes } from './line-bytes.ts';
import { fieldModes, fieldNames, headerMode } from './modes.ts';
import { CommonTime } from './times.ts';

const NS_PER_MS = 1e6;
const ABSENT = '"-"';
const REDACTED = '"REDACTED"';

function wholeMs(ns: number): number {
  return ns < 0 ? -1 : Math.trunc(ns / NS_PER_MS);
}

/** w of the text: the lost time is in it. */
function waitedMs({ queue, lost }: Entry): number {
  return queue < 0 ? -1 : wholeMs(queue + Math.max(lost, 0));
}

/** Of the client: `name` in lower case. */
function headerText(fields: string, name: string, mode: HeaderMode, latin1: boolean): string {
  const value = mode === 'drop' ? '' : firstValue(fields, name);
  if (value === '') return ABSENT;
  return mode === 'redact' ? REDACTED : `"${quotedField(value, latin1)}"`;
}

function extension(entry: Entry): string {
  const { guard, connect, firstByte, total, requestId } = entry;
  const { cause, tries } = entry.course;
  const times = `${wholeMs(guard)}/${waitedMs(entry)}/${wholeMs(connect)}/${wholeMs(firstByte)}/${wholeMs(total)}`;
  return `${cause} ${times} ${tries} ${requestId === '' ? '-' : bareField(requestId, false)}`;
}

/** The prefix that Traefik cuts off. */
const FRONTEND = 'frontend-';

export class TextFormat {
  private readonly format: AccessLogFormat;
  private readonly is3: boolean;
  private readonly absent: string;
  private readonly referer: HeaderMode;
  private readonly userAgent: HeaderMode;
  /** null: both times are dropped. */
  private readonly time: CommonTime | null;
  private readonly keepsHost: boolean;
  private readonly keepsUser: boolean;
  private readonly keepsMethod: boolean;
  private readonly keepsPath: boolean;
  private readonly keepsProtocol: boolean;
  private readonly keepsStatus: boolean;
  private readonly keepsBytes: boolean;
  private readonly keepsCount: boolean;
  private readonly keepsFrontend: boolean;
  private readonly keepsUrl: boolean;
  private readonly keepsDuration: boolean;

  constructor(options: AccessLogOptions) {
    const keeps = fieldModes(options);
    const names = fieldNames(options.names);
    this.format = options.format;
    this.is3 = options.names === '3';
    this.absent = this.is3 ? ABSENT : '-';
    this.referer = headerMode(options, 'referer');
    this.userAgent = headerMode(options, 'user-agent');
    const isLocal = !keeps('StartUTC');
    this.time = isLocal && !keeps('StartLocal') ? null : new CommonTime(isLocal);
    this.keepsHost = keeps('ClientHost');
    this.keepsUser = keeps('ClientUsername');
    this.keepsMethod = keeps('RequestMethod');
    this.keepsPath = keeps('RequestPath');
    this.keepsProtocol = keeps('RequestProtocol');
    this.keepsStatus = keeps(this.is3 ? 'DownstreamStatus' : 'OriginStatus');
    this.keepsBytes = keeps(this.is3 ? 'DownstreamContentSize' : 'OriginContentSize');
    this.keepsCount = keeps('RequestCount');
    this.keepsFrontend = keeps(names.frontend);
    this.keepsUrl = keeps(names.url);
    this.keepsDuration = keeps('Duration');
  }

  /** With its LF. */
  write(entry: Entry, out: LineBytes): void {
    out.utf8(this.line(entry));
  }

  private line(entry: Entry): string {
    const { latin1, clientFields } = entry;
    const host = this.keepsHost && entry.clientHost !== '' ? entry.clientHost : '-';
    const user = this.keepsUser && entry.user !== '' ? bareField(entry.user, latin1) : '-';
    const at = this.time === null ? '-' : this.time.at(entry.wall);
    const referer = headerText(clientFields, 'referer', this.referer, latin1);
    const userAgent = headerText(clientFields, 'user-agent', this.userAgent, latin1);
    const line = `${host} - ${user} [${at}] "${this.request(entry)}" ${this.answer(entry)} ${referer} ${userAgent}`;
    if (this.format === 'genericCLF') return `${line}\n`;
    const count = this.keepsCount ? entry.count : '-';
    const duration = this.keepsDuration ? wholeMs(entry.total) : 0;
    const whole = `${line} ${count} ${this.places(entry)} ${duration}ms`;
    return this.format === 'extended' ? `${whole} ${extension(entry)}\n` : `${whole}\n`;
  }

  private request({ path, latin1, course: { method, protocol } }: Entry): string {
    const one = this.keepsMethod && method !== '' ? bareField(method, latin1) : '-';
    const two = this.keepsPath && path !== '' ? bareField(path, latin1) : '-';
    return `${one} ${two} ${this.keepsProtocol ? protocol : '-'}`;
  }

  private answer({ sentBytes, originBytes, course: { status, originStatus } }: Entry): string {
    if (this.is3) return `${this.keepsStatus ? status : '-'} ${this.keepsBytes ? sentBytes : '-'}`;
    if (originStatus === 0) return '- -';
    return `${this.keepsStatus ? originStatus : '-'} ${this.keepsBytes ? originBytes : '-'}`;
  }

  private places({ path, latin1, course }: Entry): string {
    const { absent } = this;
    const { frontendName } = course;
    const url = course.hasPathAsUrl ? path : course.url;
    const name = frontendName.startsWith(FRONTEND) ? frontendName.slice(FRONTEND.length) : frontendName;
    const frontend = this.keepsFrontend && name !== '' ? `"${quotedField(name, false)}"` : absent;
    return `${frontend} ${this.keepsUrl && url !== '' ? `"${quotedField(url, latin1)}"` : absent}`;
  }
}
