/**
 * A line of JSON as Traefik writes it (shared/spec logs §1.2), with our fields (§2.3): keys sorted by their bytes, whole
 * nanoseconds and bytes. It is put together once from the options: what is dropped costs nothing.
 */
import type { AccessLogOptions } from '../kernel/access-log-options.ts';
import { decodedPath, encodedPath } from '../kernel/percent.ts';
import type { Entry } from './entry.ts';
import { jsonField, jsonString } from './escaping.ts';
import { HeaderFields } from './header-fields.ts';
import { fieldModes, fieldNames } from './modes.ts';
import { statusLine } from './status-text.ts';
import { Rfc3339Time } from './times.ts';

/** The value as JSON, '' where there is none. */
type Value = (entry: Entry) => string | number;
type Piece = readonly [key: string, value: Value];

const startUtc = new Rfc3339Time(false);
const startLocal = new Rfc3339Time(true);
const written = new Rfc3339Time(true);

/** A string that is absent when it is empty. */
function text(of: (entry: Entry) => string): Value {
  return (entry) => {
    const value = of(entry);
    return value === '' ? '' : `"${jsonField(value, entry.latin1)}"`;
  };
}

/** Nanoseconds, absent below 0. */
function ns(of: (entry: Entry) => number): Value {
  return (entry) => {
    const value = of(entry);
    return value < 0 ? '' : value;
  };
}

/** `Host` and port of it, as Go splits them. */
function hostOf(authority: string): string {
  const end = authority.lastIndexOf(':');
  return end < 0 || end < authority.lastIndexOf(']') ? authority : authority.slice(0, end);
}

function portOf(authority: string): string {
  const end = authority.lastIndexOf(':');
  return end < 0 || end < authority.lastIndexOf(']') ? '-' : authority.slice(end + 1);
}

/** Go's url.URL. */
function urlObject(url: string, latin1: boolean): string {
  const [origin = '', scheme = '', host = ''] = /^([a-z][a-z0-9+.-]*):\/\/([^/?#]*)/i.exec(url) ?? [];
  const rest = url.slice(origin.length);
  const mark = rest.indexOf('?');
  const raw = mark < 0 ? rest : rest.slice(0, mark);
  const query = mark < 0 ? '' : rest.slice(mark + 1);
  const path = decodedPath(raw) ?? raw;
  const rawPath = encodedPath(path) === raw ? '' : raw;
  const text = (value: string): string => `"${jsonField(value, latin1)}"`;
  return (
    `{"Scheme":${text(scheme)},"Opaque":"","User":null,"Host":${text(host)},"Path":${jsonString(path)},` +
    `"RawPath":${text(rawPath)},"ForceQuery":${mark >= 0 && query === ''},"RawQuery":${text(query)},` +
    '"Fragment":"","RawFragment":""}'
  );
}

/** The URLs of servers are few and stay. */
const urlObjects = new Map<string, string>();
const MOST_OBJECTS = 1_024;

function backendUrl({ url, latin1 }: Entry): string {
  if (url === '') return '';
  const known = urlObjects.get(url);
  if (known !== undefined) return known;
  const made = urlObject(url, latin1);
  // The path of a request, which is another one each time, begins with a slash.
  if (!url.startsWith('/')) {
    if (urlObjects.size >= MOST_OBJECTS) urlObjects.clear();
    urlObjects.set(url, made);
  }
  return made;
}

function clientAddress({ clientAddress: address, clientPort }: Entry): string {
  return `"${address.includes(':') ? `[${address}]` : address}:${clientPort}"`;
}

/** Those of both versions, in no order. */
function commonPieces({ names }: AccessLogOptions): Piece[] {
  const name = fieldNames(names);
  return [
    ['StartUTC', ({ wall }) => `"${startUtc.at(wall)}"`],
    ['StartLocal', ({ wall }) => `"${startLocal.at(wall)}"`],
    ['Duration', ({ total }) => total],
    ['Overhead', ({ total, origin }) => (origin < 0 ? total : total - origin)],
    ['RequestCount', ({ count }) => count],
    ['RetryAttempts', ({ retries }) => retries],
    ['RequestAddr', text(({ host }) => host)],
    ['RequestHost', text(({ host }) => (host === '' ? '' : hostOf(host)))],
    ['RequestPort', text(({ host }) => (host === '' ? '' : portOf(host)))],
    ['RequestMethod', ({ method, latin1 }) => `"${jsonField(method, latin1)}"`],
    ['RequestPath', ({ path, latin1 }) => `"${jsonField(path, latin1)}"`],
    ['RequestProtocol', ({ protocol }) => `"${protocol}"`],
    ['RequestContentSize', ({ requestBytes }) => requestBytes],
    ['ClientAddr', clientAddress],
    ['ClientHost', text(({ clientHost }) => clientHost)],
    ['ClientPort', ({ clientPort }) => `"${clientPort}"`],
    ['ClientUsername', ({ user, latin1 }) => (user === '' ? '"-"' : `"${jsonField(user, latin1)}"`)],
    ['DownstreamStatus', ({ status }) => status],
    ['DownstreamContentSize', ({ sentBytes }) => sentBytes],
    [
      'GzipRatio',
      ({ originStatus, originBytes, sentBytes }) =>
        originStatus > 0 && sentBytes !== 0 && originBytes !== sentBytes ? originBytes / sentBytes : '',
    ],
    [name.frontend, text(({ frontendName }) => frontendName)],
    [name.backend, text(({ backendName }) => backendName)],
    [name.address, text(({ address }) => address)],
  ];
}

const PIECES_17: readonly Piece[] = [
  ['OriginStatus', ({ originStatus }) => (originStatus > 0 ? originStatus : '')],
  ['OriginContentSize', ({ originStatus, originBytes }) => (originStatus > 0 ? originBytes : '')],
  ['OriginDuration', ({ originStatus, origin }) => (originStatus > 0 && origin >= 0 ? origin : '')],
  ['OriginStatusLine', ({ originStatus }) => (originStatus > 0 ? `"${statusLine(originStatus)}"` : '')],
  ['DownstreamStatusLine', ({ status }) => `"${statusLine(status)}"`],
  [
    'RequestLine',
    ({ method, path, protocol, latin1 }) => `"${jsonField(method, latin1)} ${jsonField(path, latin1)} ${protocol}"`,
  ],
  ['BackendURL', backendUrl],
];

const PIECES_3: readonly Piece[] = [
  ['OriginStatus', ({ originStatus }) => originStatus],
  ['OriginContentSize', ({ originStatus, originBytes }) => (originStatus > 0 ? originBytes : 0)],
  ['OriginDuration', ({ origin }) => Math.max(origin, 0)],
  ['RequestScheme', ({ scheme }) => `"${scheme}"`],
  ['ServiceURL', text(({ url }) => url)],
  ['entryPointName', text(({ entryPoint }) => entryPoint)],
  ['TLSClientSubject', text(({ tlsSubject }) => tlsSubject)],
  ['TraceId', text(({ traceId }) => traceId)],
  ['SpanId', text(({ spanId }) => spanId)],
];

/** Of TLS, and of a trace: Traefik 3 has them, so has 1.7 as ours. */
const SHARED_PIECES: readonly Piece[] = [
  ['TLSVersion', text(({ tlsVersion }) => tlsVersion)],
  ['TLSCipher', text(({ tlsCipher }) => tlsCipher)],
  ['trace_id', text(({ traceId }) => traceId)],
  ['span_id', text(({ spanId }) => spanId)],
];

const OUR_PIECES: readonly Piece[] = [
  ['Cause', ({ cause }) => `"${cause}"`],
  ['RequestId', text(({ requestId }) => requestId)],
  ['GuardDuration', ns(({ guard }) => guard)],
  ['QueueDuration', ns(({ queue }) => queue)],
  ['ConnectDuration', ns(({ connect }) => connect)],
  ['LostDuration', ns(({ lost }) => lost)],
  ['FirstByteDuration', ns(({ firstByte }) => firstByte)],
  ['DataDuration', ns(({ data }) => data)],
  ['Tries', ({ tries }) => tries],
  ['ServerName', text(({ server }) => server)],
  ['EntryPointName', text(({ entryPoint }) => entryPoint)],
  ['Worker', ({ worker }) => worker],
  ['Reused', ({ upstreamProtocol, reused }) => (upstreamProtocol === '' ? '' : String(reused))],
  ['UpstreamProtocol', text(({ upstreamProtocol }) => upstreamProtocol)],
  ['UpstreamAddr', text(({ upstreamAddress }) => upstreamAddress)],
  ['SampleRate', ({ sampleRate }) => (sampleRate < 1 ? sampleRate : '')],
  ['TLSResumed', ({ tlsVersion, tlsResumed }) => (tlsVersion === '' ? '' : String(tlsResumed))],
  ['CacheHit', ({ cacheHit }) => (cacheHit === null ? '' : String(cacheHit))],
];

const OUR_PIECES_3: readonly Piece[] = [
  ['Frontend', text(({ frontend }) => frontend)],
  ['Backend', text(({ backend }) => backend)],
];

/** Pieces of a line behind its `{`, each with a comma behind it; `time`, which has none, is among them. */
type LinePiece = (entry: Entry) => string;

function piece(key: string, value: Value, isLast: boolean): LinePiece {
  const before = isLast ? `,${jsonString(key)}:` : `${jsonString(key)}:`;
  const after = isLast ? '' : ',';
  return (entry) => {
    const made = value(entry);
    return made === '' ? '' : before + made + after;
  };
}

function byKey([one]: readonly [string, unknown], [other]: readonly [string, unknown]): number {
  return one < other ? -1 : 1;
}

/** In the order of their keys. */
function piecesOf(options: AccessLogOptions): LinePiece[] {
  const { names, extras } = options;
  const keeps = fieldModes(options);
  const is3 = names === '3';
  const all = [...commonPieces(options), ...(is3 ? PIECES_3 : PIECES_17)];
  if (extras || is3) all.push(...SHARED_PIECES);
  if (extras) all.push(...OUR_PIECES, ...(is3 ? OUR_PIECES_3 : []));
  const fields = all
    .filter(([key]) => keeps(key))
    .map(([key, value]) => [key, piece(key, value, key > 'time')] as const);
  const headers = new HeaderFields(options);
  const blocks: (readonly [string, LinePiece])[] = headers.isEmpty
    ? []
    : [
        ['downstream_', ({ sentHead }) => headers.ofHead('downstream_', sentHead)],
        ['origin_', ({ originHead }) => headers.ofHead('origin_', originHead)],
        ['request_', (entry) => headers.ofRequest(entry)],
      ];
  const own: (readonly [string, LinePiece])[] = [
    ['level', () => '"level":"info","msg":"",'],
    ['time', ({ now }) => `"time":"${written.wholeAt(now)}"`],
  ];
  return [...fields, ...blocks, ...own].sort(byKey).map(([, make]) => make);
}

export class JsonFormat {
  private readonly pieces: readonly LinePiece[];

  constructor(options: AccessLogOptions) {
    this.pieces = piecesOf(options);
  }

  /** With its LF. */
  line(entry: Entry): string {
    const { pieces } = this;
    let line = '{';
    for (let i = 0; i < pieces.length; i++) line += pieces[i](entry);
    return `${line}}\n`;
  }
}
