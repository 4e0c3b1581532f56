/**
 * A line of JSON as Traefik writes it (shared/spec logs §1.2), with our fields (§2.3): keys sorted by their bytes, whole
 * nanoseconds and bytes. It is put together once from the options: what is dropped costs nothing.
 */
import type { AccessLogOptions } from '../kernel/access-log-options.ts';
import { decodedPath, encodedPath } from '../kernel/percent.ts';
import type { Entry } from './entry.ts';
import { jsonField, jsonString } from './escaping.ts';
import { HeaderFields, KnownBlocks } from './header-fields.ts';
import { fieldModes, fieldNames } from './modes.ts';
import { statusLine } from './status-text.ts';
import { Rfc3339Time } from './times.ts';

/** `text`: escaped and in quotes; `plain`: in quotes, with nothing to escape; `raw`: JSON. Where it is '' the key is left out. */
type Kind = 'text' | 'plain' | 'raw';
type Value = (entry: Entry) => string | number;
type Piece = readonly [key: string, kind: Kind, value: Value];

const startUtc = new Rfc3339Time(false);
const startLocal = new Rfc3339Time(true);
const written = new Rfc3339Time(true);

/** Nanoseconds, absent below 0. */
function ns(value: number): string | number {
  return value < 0 ? '' : value;
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
  return `${address.includes(':') ? `[${address}]` : address}:${clientPort}`;
}

/** Those of both versions, in no order. */
function commonPieces({ names }: AccessLogOptions): Piece[] {
  const name = fieldNames(names);
  return [
    ['StartUTC', 'plain', ({ wall }) => startUtc.at(wall)],
    ['StartLocal', 'plain', ({ wall }) => startLocal.at(wall)],
    ['Duration', 'raw', ({ total }) => total],
    ['Overhead', 'raw', ({ total, origin }) => (origin < 0 ? total : total - origin)],
    ['RequestCount', 'raw', ({ count }) => count],
    ['RetryAttempts', 'raw', ({ retries }) => retries],
    ['RequestAddr', 'text', ({ host }) => host],
    ['RequestHost', 'text', ({ host }) => hostOf(host)],
    ['RequestPort', 'text', ({ host }) => (host === '' ? '' : portOf(host))],
    ['RequestMethod', 'raw', ({ method, latin1 }) => `"${jsonField(method, latin1)}"`],
    ['RequestPath', 'raw', ({ path, latin1 }) => `"${jsonField(path, latin1)}"`],
    ['RequestProtocol', 'plain', ({ protocol }) => protocol],
    ['RequestContentSize', 'raw', ({ requestBytes }) => requestBytes],
    ['ClientAddr', 'plain', clientAddress],
    ['ClientHost', 'text', ({ clientHost }) => clientHost],
    ['ClientPort', 'plain', ({ clientPort }) => clientPort],
    ['ClientUsername', 'text', ({ user }) => (user === '' ? '-' : user)],
    ['DownstreamStatus', 'raw', ({ status }) => status],
    ['DownstreamContentSize', 'raw', ({ sentBytes }) => sentBytes],
    [
      'GzipRatio',
      'raw',
      ({ originStatus, originBytes, sentBytes }) =>
        originStatus > 0 && sentBytes !== 0 && originBytes !== sentBytes ? originBytes / sentBytes : '',
    ],
    [name.frontend, 'text', ({ frontendName }) => frontendName],
    [name.backend, 'text', ({ backendName }) => backendName],
    [name.address, 'text', ({ address }) => address],
  ];
}

const PIECES_17: readonly Piece[] = [
  ['OriginStatus', 'raw', ({ originStatus }) => (originStatus > 0 ? originStatus : '')],
  ['OriginContentSize', 'raw', ({ originStatus, originBytes }) => (originStatus > 0 ? originBytes : '')],
  ['OriginDuration', 'raw', ({ originStatus, origin }) => (originStatus > 0 ? ns(origin) : '')],
  ['OriginStatusLine', 'plain', ({ originStatus }) => (originStatus > 0 ? statusLine(originStatus) : '')],
  ['DownstreamStatusLine', 'plain', ({ status }) => statusLine(status)],
  [
    'RequestLine',
    'raw',
    ({ method, path, protocol, latin1 }) => `"${jsonField(method, latin1)} ${jsonField(path, latin1)} ${protocol}"`,
  ],
  ['BackendURL', 'raw', backendUrl],
];

const PIECES_3: readonly Piece[] = [
  ['OriginStatus', 'raw', ({ originStatus }) => originStatus],
  ['OriginContentSize', 'raw', ({ originStatus, originBytes }) => (originStatus > 0 ? originBytes : 0)],
  ['OriginDuration', 'raw', ({ origin }) => Math.max(origin, 0)],
  ['RequestScheme', 'plain', ({ scheme }) => scheme],
  ['ServiceURL', 'text', ({ url }) => url],
  ['entryPointName', 'text', ({ entryPoint }) => entryPoint],
  ['TLSClientSubject', 'text', ({ tlsSubject }) => tlsSubject],
  ['TraceId', 'plain', ({ traceId }) => traceId],
  ['SpanId', 'plain', ({ spanId }) => spanId],
];

/** Of TLS, and of a trace: Traefik 3 has them, so has 1.7 as ours. */
const SHARED_PIECES: readonly Piece[] = [
  ['TLSVersion', 'plain', ({ tlsVersion }) => tlsVersion],
  ['TLSCipher', 'plain', ({ tlsCipher }) => tlsCipher],
  ['trace_id', 'plain', ({ traceId }) => traceId],
  ['span_id', 'plain', ({ spanId }) => spanId],
];

const OUR_PIECES: readonly Piece[] = [
  ['Cause', 'plain', ({ cause }) => cause],
  ['RequestId', 'text', ({ requestId }) => requestId],
  ['GuardDuration', 'raw', ({ guard }) => ns(guard)],
  ['QueueDuration', 'raw', ({ queue }) => ns(queue)],
  ['ConnectDuration', 'raw', ({ connect }) => ns(connect)],
  ['LostDuration', 'raw', ({ lost }) => ns(lost)],
  ['FirstByteDuration', 'raw', ({ firstByte }) => ns(firstByte)],
  ['DataDuration', 'raw', ({ data }) => ns(data)],
  ['Tries', 'raw', ({ tries }) => tries],
  ['ServerName', 'text', ({ server }) => server],
  ['EntryPointName', 'text', ({ entryPoint }) => entryPoint],
  ['Worker', 'raw', ({ worker }) => worker],
  ['Reused', 'raw', ({ upstreamProtocol, reused }) => (upstreamProtocol === '' ? '' : reused ? 'true' : 'false')],
  ['UpstreamProtocol', 'plain', ({ upstreamProtocol }) => upstreamProtocol],
  ['UpstreamAddr', 'plain', ({ upstreamAddress }) => upstreamAddress],
  ['SampleRate', 'raw', ({ sampleRate }) => (sampleRate < 1 ? sampleRate : '')],
  ['TLSResumed', 'raw', ({ tlsVersion, tlsResumed }) => (tlsVersion === '' ? '' : tlsResumed ? 'true' : 'false')],
  ['CacheHit', 'raw', ({ cacheHit }) => (cacheHit === null ? '' : cacheHit ? 'true' : 'false')],
];

const OUR_PIECES_3: readonly Piece[] = [
  ['Frontend', 'text', ({ frontend }) => frontend],
  ['Backend', 'text', ({ backend }) => backend],
];

/** Pieces of a line behind its `{`, each with a comma behind it; `time`, which has none, is among them. */
type LinePiece = (entry: Entry) => string;

function piece(key: string, kind: Kind, value: Value): LinePiece {
  const isLast = key > 'time';
  const quote = kind === 'raw' ? '' : '"';
  const before = `${isLast ? ',' : ''}${jsonString(key)}:${quote}`;
  const after = `${quote}${isLast ? '' : ','}`;
  if (kind !== 'text') {
    return (entry) => {
      const made = value(entry);
      return made === '' ? '' : before + made + after;
    };
  }
  return (entry) => {
    const made = value(entry) as string;
    return made === '' ? '' : before + jsonField(made, entry.latin1) + after;
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
  const fields = all.filter(([key]) => keeps(key)).map(([key, kind, value]) => [key, piece(key, kind, value)] as const);
  const headers = new HeaderFields(options);
  const sent = new KnownBlocks('downstream_', true);
  const origin = new KnownBlocks('origin_', true);
  const request = new KnownBlocks('request_', false);
  const blocks: (readonly [string, LinePiece])[] = headers.isEmpty
    ? []
    : [
        [sent.prefix, ({ sentHead }) => headers.ofHead(sent, sentHead)],
        [origin.prefix, ({ originHead }) => headers.ofHead(origin, originHead)],
        [request.prefix, (entry) => headers.ofRequest(request, entry)],
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
