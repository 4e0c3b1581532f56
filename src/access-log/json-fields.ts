/** The fields of a line of JSON: those of Traefik by its two versions (shared/spec logs §1.2), and ours (§2.3). */
import type { AccessLogOptions } from '../kernel/access-log-options.ts';
import type { Entry } from './entry.ts';
import { jsonField, jsonString } from './escaping.ts';
import { dropsAll } from './header-fields.ts';
import type { DECIDING } from './json-deciding.ts';
import { gzipRatio, hostOf, portOf, urlObject } from './json-values.ts';
import { ORIGIN_PREFIX, REQUEST_PREFIX, SENT_PREFIX, VARYING, type Varying } from './json-varying.ts';
import { fieldModes, fieldNames } from './modes.ts';
import { statusLine } from './status-text.ts';
import { rfc3339Second, rfc3339Zone } from './times.ts';

export type PartName = keyof typeof DECIDING;
/** A constant, what a part has, or what is another in each line. */
export type Piece = string | { readonly part: PartName; readonly text: (entry: Entry) => string } | Varying;
export type Field = readonly [key: string, ...pieces: Piece[]];

/** All of them end in a comma, but those behind `time`, which begin with one. */
const LAST = 'time';

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

function number(key: string, value: Varying): Field {
  return [key, `"${key}":`, value, ','];
}

/** Left out below 0, which `of` says. */
function optional(key: string, value: Varying, of: (entry: Entry) => number): Field {
  const text = (shown: string) => (entry: Entry) => (of(entry) < 0 ? '' : shown);
  return [key, { part: 'course', text: text(`"${key}":`) }, value, { part: 'course', text: text(',') }];
}

/** Left out where it is ''. */
function optionalText(key: string, value: Varying, of: (entry: Entry) => string): Field {
  const isLast = key > LAST;
  const text = (shown: string) => (entry: Entry) => (of(entry) === '' ? '' : shown);
  const before = text(`${isLast ? ',' : ''}"${key}":"`);
  return [key, { part: 'course', text: before }, value, { part: 'course', text: text(isLast ? '"' : '",') }];
}

function startTime(key: string, isLocal: boolean): Field {
  return [
    key,
    { part: 'start', text: ({ wall }) => `"${key}":"${rfc3339Second(wall, isLocal)}` },
    VARYING.startFraction,
    { part: 'start', text: ({ wall }) => `${rfc3339Zone(wall, isLocal)}",` },
  ];
}

/** In whole seconds. */
const END_TIME: Field = [
  LAST,
  { part: 'end', text: ({ now }) => `"${LAST}":"${rfc3339Second(now, true)}${rfc3339Zone(now, true)}"` },
];

const clientIp = ({ clientAddress }: Entry): string =>
  clientAddress.includes(':') ? `[${clientAddress}]` : clientAddress;

/** Those of both versions, in no order. */
function commonFields({ names }: AccessLogOptions): Field[] {
  const name = fieldNames(names);
  return [
    startTime('StartUTC', false),
    startTime('StartLocal', true),
    number('Duration', VARYING.total),
    number('Overhead', VARYING.overhead),
    number('RequestCount', VARYING.count),
    ofPart('course', 'RetryAttempts', ({ course: { tries } }) => Math.max(tries - 1, 0), true),
    ofHead('host', 'RequestAddr', ({ host }) => host),
    ofHead('host', 'RequestHost', ({ host }) => hostOf(host)),
    ofHead('host', 'RequestPort', ({ host }) => (host === '' ? '' : portOf(host))),
    ofPart('course', 'RequestMethod', ({ course: { method, latin1 } }) => `"${jsonField(method, latin1)}"`, true),
    ['RequestPath', '"RequestPath":"', VARYING.path, '",'],
    ofPart('course', 'RequestProtocol', ({ course: { protocol } }) => protocol),
    number('RequestContentSize', VARYING.requestBytes),
    ['ClientAddr', '"ClientAddr":"', { part: 'client', text: clientIp }, ':', VARYING.clientPort, '",'],
    ofHead('client', 'ClientHost', ({ clientHost }) => clientHost),
    ['ClientPort', '"ClientPort":"', VARYING.clientPort, '",'],
    ofHead('client', 'ClientUsername', ({ user }) => (user === '' ? '-' : user)),
    ofPart('course', 'DownstreamStatus', ({ course: { status } }) => status, true),
    number('DownstreamContentSize', VARYING.sentBytes),
    optional('GzipRatio', VARYING.gzipRatio, gzipRatio),
    ofPart('course', name.frontend, ({ course: { frontendName } }) => frontendName),
    ofPart('course', name.backend, ({ course: { backendName } }) => backendName),
    ofPart('course', name.address, ({ course: { address } }) => address),
  ];
}

const FIELDS_17: readonly Field[] = [
  ofPart('course', 'OriginStatus', ({ course: { originStatus } }) => (originStatus > 0 ? originStatus : ''), true),
  optional('OriginContentSize', VARYING.originBytes, ({ course: { originStatus } }) => originStatus - 1),
  optional('OriginDuration', VARYING.originDuration, ({ origin, course: { originStatus } }) =>
    originStatus > 0 ? origin : -1,
  ),
  ofPart('course', 'OriginStatusLine', ({ course: { originStatus } }) =>
    originStatus > 0 ? statusLine(originStatus) : '',
  ),
  ofPart('course', 'DownstreamStatusLine', ({ course: { status } }) => statusLine(status)),
  [
    'RequestLine',
    '"RequestLine":"',
    { part: 'course', text: ({ course: { method, latin1 } }) => `${jsonField(method, latin1)} ` },
    VARYING.path,
    { part: 'course', text: ({ course: { protocol } }) => ` ${protocol}` },
    '",',
  ],
];

/** The URL of a server is its own, the path of a request that of one line. */
const BACKEND_URL: Field = [
  'BackendURL',
  {
    part: 'course',
    text: ({ course: { url } }) => (url === '' ? '' : `"BackendURL":${urlObject(url, false)},`),
  },
  VARYING.replyUrl,
];

const FIELDS_3: readonly Field[] = [
  ofPart('course', 'OriginStatus', ({ course: { originStatus } }) => originStatus, true),
  number('OriginContentSize', VARYING.anyOriginBytes),
  number('OriginDuration', VARYING.anyOriginDuration),
  ofPart('course', 'RequestScheme', ({ course: { scheme } }) => scheme),
  // The path of a request stands there in the lines of Traefik 1.7 only.
  ofPart('course', 'ServiceURL', ({ course: { url } }) => url),
  ofPart('course', 'entryPointName', ({ course: { entryPoint } }) => entryPoint),
  ofPart('client', 'TLSClientSubject', ({ tlsSubject }) => tlsSubject),
  optionalText('TraceId', VARYING.traceId, ({ traceId }) => traceId),
  optionalText('SpanId', VARYING.spanId, ({ spanId }) => spanId),
];

/** Of TLS, and of a trace: Traefik 3 has them, so has 1.7 as ours. */
const SHARED_FIELDS: readonly Field[] = [
  ofPart('course', 'TLSVersion', ({ course: { tlsVersion } }) => tlsVersion),
  ofPart('course', 'TLSCipher', ({ course: { tlsCipher } }) => tlsCipher),
  optionalText('trace_id', VARYING.traceId, ({ traceId }) => traceId),
  optionalText('span_id', VARYING.spanId, ({ spanId }) => spanId),
];

const OUR_FIELDS: readonly Field[] = [
  ofPart('course', 'Cause', ({ course: { cause } }) => cause),
  optionalText('RequestId', VARYING.requestId, ({ requestId }) => requestId),
  optional('GuardDuration', VARYING.guard, ({ guard }) => guard),
  optional('QueueDuration', VARYING.queue, ({ queue }) => queue),
  optional('ConnectDuration', VARYING.connect, ({ connect }) => connect),
  optional('LostDuration', VARYING.lost, ({ lost }) => lost),
  optional('FirstByteDuration', VARYING.firstByte, ({ firstByte }) => firstByte),
  optional('DataDuration', VARYING.data, ({ data }) => data),
  ofPart('course', 'Tries', ({ course: { tries } }) => tries, true),
  ofPart('course', 'ServerName', ({ course: { server } }) => server),
  ofPart('course', 'EntryPointName', ({ course: { entryPoint } }) => entryPoint),
  ofPart('course', 'Worker', ({ course: { worker } }) => worker, true),
  ofPart(
    'course',
    'Reused',
    ({ course: { upstreamProtocol, reused } }) => (upstreamProtocol === '' ? '' : reused),
    true,
  ),
  ofPart('course', 'UpstreamProtocol', ({ course: { upstreamProtocol } }) => upstreamProtocol),
  ofPart('course', 'UpstreamAddr', ({ course: { upstreamAddress } }) => upstreamAddress),
  ofPart('course', 'SampleRate', ({ course: { sampleRate } }) => (sampleRate < 1 ? sampleRate : ''), true),
  ofPart(
    'course',
    'TLSResumed',
    ({ course: { tlsVersion, tlsResumed } }) => (tlsVersion === '' ? '' : tlsResumed),
    true,
  ),
  ofPart('course', 'CacheHit', ({ course: { cacheHit } }) => (cacheHit === null ? '' : cacheHit), true),
];

const OUR_FIELDS_3: readonly Field[] = [
  ofPart('course', 'Frontend', ({ course: { frontend } }) => frontend),
  ofPart('course', 'Backend', ({ course: { backend } }) => backend),
];

const OWN_FIELDS: readonly Field[] = [['level', '"level":"info",'], ['msg', '"msg":"",'], END_TIME];

const HEADER_FIELDS: readonly Field[] = [
  [SENT_PREFIX, VARYING.sentFields],
  [ORIGIN_PREFIX, VARYING.originFields],
  [REQUEST_PREFIX, VARYING.requestFields],
];

/** In the order of their keys. */
export function fieldsOf(options: AccessLogOptions): Field[] {
  const { names, extras } = options;
  const keeps = fieldModes(options);
  const is3 = names === '3';
  const all = [...commonFields(options), ...(is3 ? FIELDS_3 : [...FIELDS_17, BACKEND_URL])];
  if (extras || is3) all.push(...SHARED_FIELDS);
  if (extras) all.push(...OUR_FIELDS, ...(is3 ? OUR_FIELDS_3 : []));
  const kept = all.filter(([key]) => keeps(key));
  return [...kept, ...(dropsAll(options) ? [] : HEADER_FIELDS), ...OWN_FIELDS].sort(([one], [other]) =>
    one < other ? -1 : 1,
  );
}
