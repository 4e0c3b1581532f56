/**
 * A line of JSON as Traefik writes it (shared/spec logs §1.2), with our fields (§2.3): keys sorted by their bytes, whole
 * nanoseconds and bytes. It is put together once from the options into one row of steps: what is dropped costs nothing, and
 * what is the same for many lines is copied (line-parts.ts).
 */
import type { AccessLogOptions } from '../kernel/access-log-options.ts';
import type { Entry } from './entry.ts';
import { jsonField, jsonString } from './escaping.ts';
import { dropsAll, HeaderFields } from './header-fields.ts';
import { DECIDING } from './json-deciding.ts';
import { gzipRatio, hostOf, portOf, urlObject } from './json-values.ts';
import type { LineBytes } from './line-bytes.ts';
import { LinePart } from './line-parts.ts';
import { fieldModes, fieldNames } from './modes.ts';
import { statusLine } from './status-text.ts';
import { Rfc3339Time } from './times.ts';

type PartName = keyof typeof DECIDING;
type Write = (entry: Entry, out: LineBytes) => void;
/** A constant, what a part has, or what is another in each line. */
type Piece = string | { readonly part: PartName; readonly text: (entry: Entry) => string } | { readonly write: Write };
type Field = readonly [key: string, ...pieces: Piece[]];

const startUtc = new Rfc3339Time(false);
const startLocal = new Rfc3339Time(true);
const written = new Rfc3339Time(true);

/** All of them end in a comma, but those behind `time`, which begin with one. */
const LAST = 'time';

function constantOf(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text));
}

/** Of a part; left out where it is ''. `raw`: JSON, else text that is escaped. */
function ofPart(part: PartName, key: string, value: (entry: Entry) => string | number | boolean, raw = false): Field {
  const name = `"${key}":`;
  const text = (entry: Entry): string => {
    const made = value(entry);
    if (made === '') return '';
    return raw ? `${name}${made},` : `${name}${jsonString(String(made))},`;
  };
  return [key, { part, text }];
}

/** The same of text from a head. */
function ofHead(part: PartName, key: string, value: (entry: Entry) => string): Field {
  return ofPart(
    part,
    key,
    (entry) => {
      const made = value(entry);
      return made === '' ? '' : `"${jsonField(made, entry.latin1)}"`;
    },
    true,
  );
}

function number(key: string, value: (entry: Entry) => number): Field {
  return [key, `"${key}":`, { write: (entry, out) => out.number(value(entry)) }, ','];
}

/** Left out below 0; whether it is decides the part `course`. */
function optional(key: string, value: (entry: Entry) => number): Field {
  const write: Write = (entry, out) => {
    const made = value(entry);
    if (made >= 0) out.number(made);
  };
  const text = (shown: string) => (entry: Entry) => (value(entry) < 0 ? '' : shown);
  return [key, { part: 'course', text: text(`"${key}":`) }, { write }, { part: 'course', text: text(',') }];
}

/** Left out where it is ''. */
function optionalText(key: string, value: (entry: Entry) => string): Field {
  const isLast = key > LAST;
  const before = constantOf(`${isLast ? ',' : ''}"${key}":"`);
  const after = constantOf(isLast ? '"' : '",');
  const write: Write = (entry, out) => {
    const made = value(entry);
    if (made === '') return;
    out.constant(before);
    out.json(made, false);
    out.constant(after);
  };
  return [key, { write }];
}

function time(key: string, write: Write): Field {
  return [key, `"${key}":"`, { write }, key === LAST ? '"' : '",'];
}

const PATH: Piece = { write: ({ path, latin1 }, out) => out.json(path, latin1) };
const CLIENT_PORT: Piece = { write: ({ clientPort }, out) => out.number(clientPort) };
const clientIp = ({ clientAddress }: Entry): string =>
  clientAddress.includes(':') ? `[${clientAddress}]` : clientAddress;

/** Those of both versions, in no order. */
function commonFields({ names }: AccessLogOptions): Field[] {
  const name = fieldNames(names);
  return [
    time('StartUTC', ({ wall }, out) => startUtc.write(wall, out)),
    time('StartLocal', ({ wall }, out) => startLocal.write(wall, out)),
    number('Duration', ({ total }) => total),
    number('Overhead', ({ total, origin }) => (origin < 0 ? total : total - origin)),
    number('RequestCount', ({ count }) => count),
    ofPart('course', 'RetryAttempts', ({ retries }) => retries, true),
    ofHead('host', 'RequestAddr', ({ host }) => host),
    ofHead('host', 'RequestHost', ({ host }) => hostOf(host)),
    ofHead('host', 'RequestPort', ({ host }) => (host === '' ? '' : portOf(host))),
    ofPart('course', 'RequestMethod', ({ method, latin1 }) => `"${jsonField(method, latin1)}"`, true),
    ['RequestPath', '"RequestPath":"', PATH, '",'],
    ofPart('course', 'RequestProtocol', ({ protocol }) => protocol),
    number('RequestContentSize', ({ requestBytes }) => requestBytes),
    ['ClientAddr', '"ClientAddr":"', { part: 'client', text: clientIp }, ':', CLIENT_PORT, '",'],
    ofHead('client', 'ClientHost', ({ clientHost }) => clientHost),
    ['ClientPort', '"ClientPort":"', CLIENT_PORT, '",'],
    ofHead('client', 'ClientUsername', ({ user }) => (user === '' ? '-' : user)),
    ofPart('course', 'DownstreamStatus', ({ status }) => status, true),
    number('DownstreamContentSize', ({ sentBytes }) => sentBytes),
    optional('GzipRatio', gzipRatio),
    ofPart('course', name.frontend, ({ frontendName }) => frontendName),
    ofPart('course', name.backend, ({ backendName }) => backendName),
    ofPart('course', name.address, ({ address }) => address),
  ];
}

const FIELDS_17: readonly Field[] = [
  ofPart('course', 'OriginStatus', ({ originStatus }) => (originStatus > 0 ? originStatus : ''), true),
  optional('OriginContentSize', ({ originStatus, originBytes }) => (originStatus > 0 ? originBytes : -1)),
  optional('OriginDuration', ({ originStatus, origin }) => (originStatus > 0 ? origin : -1)),
  ofPart('course', 'OriginStatusLine', ({ originStatus }) => (originStatus > 0 ? statusLine(originStatus) : '')),
  ofPart('course', 'DownstreamStatusLine', ({ status }) => statusLine(status)),
  [
    'RequestLine',
    '"RequestLine":"',
    { part: 'course', text: ({ method, latin1 }) => `${jsonField(method, latin1)} ` },
    PATH,
    { part: 'course', text: ({ protocol }) => ` ${protocol}` },
    '",',
  ],
];

/** The URL of a server is its own, the path of a request that of one line. */
const BACKEND_URL: Field = [
  'BackendURL',
  {
    part: 'course',
    text: ({ url }) => (url === '' || url.startsWith('/') ? '' : `"BackendURL":${urlObject(url, false)},`),
  },
  {
    write: ({ url, latin1 }, out) => {
      if (url.startsWith('/')) out.utf8(`"BackendURL":${urlObject(url, latin1)},`);
    },
  },
];

const FIELDS_3: readonly Field[] = [
  ofPart('course', 'OriginStatus', ({ originStatus }) => originStatus, true),
  number('OriginContentSize', ({ originStatus, originBytes }) => (originStatus > 0 ? originBytes : 0)),
  number('OriginDuration', ({ origin }) => Math.max(origin, 0)),
  ofPart('course', 'RequestScheme', ({ scheme }) => scheme),
  // The path of a request stands there in the lines of Traefik 1.7 only.
  ofPart('course', 'ServiceURL', ({ url }) => (url.startsWith('/') ? '' : url)),
  ofPart('course', 'entryPointName', ({ entryPoint }) => entryPoint),
  ofPart('client', 'TLSClientSubject', ({ tlsSubject }) => tlsSubject),
  optionalText('TraceId', ({ traceId }) => traceId),
  optionalText('SpanId', ({ spanId }) => spanId),
];

/** Of TLS, and of a trace: Traefik 3 has them, so has 1.7 as ours. */
const SHARED_FIELDS: readonly Field[] = [
  ofPart('course', 'TLSVersion', ({ tlsVersion }) => tlsVersion),
  ofPart('course', 'TLSCipher', ({ tlsCipher }) => tlsCipher),
  optionalText('trace_id', ({ traceId }) => traceId),
  optionalText('span_id', ({ spanId }) => spanId),
];

const OUR_FIELDS: readonly Field[] = [
  ofPart('course', 'Cause', ({ cause }) => cause),
  optionalText('RequestId', ({ requestId }) => requestId),
  optional('GuardDuration', ({ guard }) => guard),
  optional('QueueDuration', ({ queue }) => queue),
  optional('ConnectDuration', ({ connect }) => connect),
  optional('LostDuration', ({ lost }) => lost),
  optional('FirstByteDuration', ({ firstByte }) => firstByte),
  optional('DataDuration', ({ data }) => data),
  ofPart('course', 'Tries', ({ tries }) => tries, true),
  ofPart('course', 'ServerName', ({ server }) => server),
  ofPart('course', 'EntryPointName', ({ entryPoint }) => entryPoint),
  ofPart('course', 'Worker', ({ worker }) => worker, true),
  ofPart('course', 'Reused', ({ upstreamProtocol, reused }) => (upstreamProtocol === '' ? '' : reused), true),
  ofPart('course', 'UpstreamProtocol', ({ upstreamProtocol }) => upstreamProtocol),
  ofPart('course', 'UpstreamAddr', ({ upstreamAddress }) => upstreamAddress),
  ofPart('course', 'SampleRate', ({ sampleRate }) => (sampleRate < 1 ? sampleRate : ''), true),
  ofPart('course', 'TLSResumed', ({ tlsVersion, tlsResumed }) => (tlsVersion === '' ? '' : tlsResumed), true),
  ofPart('course', 'CacheHit', ({ cacheHit }) => (cacheHit === null ? '' : cacheHit), true),
];

const OUR_FIELDS_3: readonly Field[] = [
  ofPart('course', 'Frontend', ({ frontend }) => frontend),
  ofPart('course', 'Backend', ({ backend }) => backend),
];

const OWN_FIELDS: readonly Field[] = [
  ['level', '"level":"info",'],
  ['msg', '"msg":"",'],
  time(LAST, ({ now }, out) => written.writeWhole(now, out)),
];

function headerFields(options: AccessLogOptions): Field[] {
  if (dropsAll(options)) return [];
  const sent = new HeaderFields(options, 'downstream_', true);
  const origin = new HeaderFields(options, 'origin_', true);
  const request = new HeaderFields(options, 'request_', false);
  return [
    [sent.prefix, { write: ({ sentHead }, out) => sent.ofHead(sentHead, out) }],
    [origin.prefix, { write: ({ originHead }, out) => origin.ofHead(originHead, out) }],
    [request.prefix, { write: (entry, out) => request.ofRequest(entry, out) }],
  ];
}

/** In the order of their keys. */
function fieldsOf(options: AccessLogOptions): Field[] {
  const { names, extras } = options;
  const keeps = fieldModes(options);
  const is3 = names === '3';
  const all = [...commonFields(options), ...(is3 ? FIELDS_3 : [...FIELDS_17, BACKEND_URL])];
  if (extras || is3) all.push(...SHARED_FIELDS);
  if (extras) all.push(...OUR_FIELDS, ...(is3 ? OUR_FIELDS_3 : []));
  const kept = all.filter(([key]) => keeps(key));
  return [...kept, ...headerFields(options), ...OWN_FIELDS].sort(([one], [other]) => (one < other ? -1 : 1));
}

/** Text that stands together: constants, and what one part has. */
type Run = { part: PartName | null; readonly texts: (string | ((entry: Entry) => string))[] };

/** As few runs as may be, and what stands between them. */
function runsOf(pieces: readonly Piece[]): (Run | Write)[] {
  const made: (Run | Write)[] = [];
  for (const piece of pieces) {
    if (typeof piece === 'object' && 'write' in piece) {
      made.push(piece.write);
      continue;
    }
    const part = typeof piece === 'string' ? null : piece.part;
    const text = typeof piece === 'string' ? piece : piece.text;
    const last = made.at(-1);
    if (
      last !== undefined &&
      typeof last !== 'function' &&
      (part === null || last.part === null || last.part === part)
    ) {
      last.part ??= part;
      last.texts.push(text);
    } else {
      made.push({ part, texts: [text] });
    }
  }
  return made;
}

export class JsonFormat {
  private readonly parts: LinePart[] = [];
  private readonly steps: readonly Write[];

  constructor(options: AccessLogOptions) {
    const parts = new Map<PartName, LinePart>();
    const pieces = fieldsOf(options).flatMap(([, ...pieces]) => pieces);
    this.steps = runsOf(['{', ...pieces, '}\n']).map((run) =>
      typeof run === 'function' ? run : this.step(run, parts),
    );
    this.parts = [...parts.values()];
  }

  private step({ part: name, texts }: Run, parts: Map<PartName, LinePart>): Write {
    if (name === null) {
      const text = constantOf(texts.join(''));
      return (_entry, out) => out.constant(text);
    }
    let part = parts.get(name);
    if (part === undefined) {
      part = new LinePart(DECIDING[name]);
      parts.set(name, part);
    }
    const of = part;
    const index = of.add((entry) => texts.map((text) => (typeof text === 'string' ? text : text(entry))).join(''));
    return (_entry, out) => out.constant(of.runs[index]);
  }

  /** With its LF. */
  write(entry: Entry, out: LineBytes): void {
    const { parts, steps } = this;
    for (let i = 0; i < parts.length; i++) parts[i].begin(entry);
    for (let i = 0; i < steps.length; i++) steps[i](entry, out);
  }
}
