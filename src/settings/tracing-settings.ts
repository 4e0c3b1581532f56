/**
 * Where spans are sent, and which (shared/spec logs §5.3). What the flags do not say the variables of OpenTelemetry may
 * (open-telemetry/opentelemetry-specification, protocol/exporter.md): they switch nothing on.
 */
import { TsujiError } from '../kernel/errors.ts';
import { quoted } from '../kernel/quote.ts';
import {
  PROPAGATORS,
  type Propagator,
  SPAN_ENCODINGS,
  type SpanEncoding,
  TRACE_TRUSTS,
  type TraceTrust,
} from '../kernel/tracing-options.ts';
import { parseInteger } from './flag-values.ts';
import type { Given } from './given.ts';
import type { Warn } from './setting-warning.ts';
import type { TlsSettings, TracingSettings } from './settings.ts';

const HTTP = 'tracing.otlp.http';
const HEADERS = `${HTTP}.headers`;
const RESOURCE = 'tracing.resourceAttributes';
const TRACES_PATH = '/v1/traces';
/** What Traefik 1.7 sends spans to by protocols that nobody maintains any more. */
const BACKENDS = ['', 'jaeger', 'zipkin', 'datadog'];
const NUMBER = /^(?:\d+(?:\.\d*)?|\.\d+)$/;
const FIELD_NAME = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/;
const FIELD_VALUE = /^[\t\x20-\x7e]*$/;
const MOST_CAPTURED = 64;
/** For a batch that is not full (shared/spec logs §5.5), milliseconds. */
const INTERVAL_MS = 5_000;
const LONGEST_INTERVAL_MS = 60_000;
const PROTOCOLS: ReadonlyMap<string, SpanEncoding> = new Map([
  ['http/protobuf', 'protobuf'],
  ['http/json', 'json'],
]);
const NOT_OBEYED = ['TIMEOUT', 'COMPRESSION', 'INSECURE'];

function bad(flag: string, reason: string): TsujiError {
  return new TsujiError('BAD_SETTING', `--${flag}: ${reason}`);
}

/** Of an exporter: the variable for traces counts more than that for all signals. */
function otlpVariable(given: Given, name: string): string {
  return given.otel.get(`OTEL_EXPORTER_OTLP_TRACES_${name}`) ?? given.otel.get(`OTEL_EXPORTER_OTLP_${name}`) ?? '';
}

function textOf(given: Given, flag: string, variable: string): string {
  return given.has(flag) || variable === '' ? given.text(flag) : variable;
}

function oneOf<Word extends string>(flag: string, text: string, words: readonly Word[]): Word {
  const word = words.find((known) => known === text);
  if (word === undefined)
    throw bad(flag, `${quoted(text)} is none of ${words.filter((each) => each !== '').join(', ')}`);
  return word;
}

function endpointOf(given: Given): string {
  const flag = `${HTTP}.endpoint`;
  let text = given.text(flag);
  if (!given.has(flag)) {
    const whole = given.otel.get('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT');
    const base = given.otel.get('OTEL_EXPORTER_OTLP_ENDPOINT');
    if (whole !== undefined) text = whole;
    else if (base !== undefined) text = `${base.replace(/\/+$/, '')}${TRACES_PATH}`;
  }
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    // Not quoted where it may hold a password.
    const shown = text.includes('@') ? 'it' : quoted(text);
    throw bad(flag, `${shown} is no URL: write http://collector:4318${TRACES_PATH}`);
  }
  if (url.username !== '' || url.password !== '') throw bad(flag, `a user stands in it; say that in --${HEADERS}`);
  if (url.pathname === '/') url.pathname = TRACES_PATH;
  return url.href;
}

type Pair = readonly [name: string, value: string];

function pairOf(text: string, origin: string): Pair {
  const equals = text.indexOf('=');
  // Its value may be a secret.
  if (equals < 1) throw new TsujiError('BAD_SETTING', `${origin}: an item is not of the form name=value`);
  return [text.slice(0, equals).trim(), text.slice(equals + 1).trim()];
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** `--flag=a=1,b=2`, `--flag.a=1`, and the variable with what neither names. */
function pairsOf(given: Given, flag: string, variable: string, ofVariable: string): Pair[] {
  const below = `${flag}.`.toLowerCase();
  const single = given.names().flatMap((name): Pair[] => {
    return name.toLowerCase().startsWith(below) ? [[name.slice(below.length), given.text(name)]] : [];
  });
  const list = given.list(flag).map((text) => pairOf(text, `--${flag}`));
  const others = ofVariable.split(',').flatMap((text): Pair[] => {
    if (text.trim() === '') return [];
    const [name, value] = pairOf(text, variable);
    return [[decoded(name), decoded(value)]];
  });
  const all = new Map<string, Pair>();
  for (const pair of [...others, ...list, ...single]) all.set(pair[0].toLowerCase(), pair);
  return [...all.values()];
}

function headersOf(given: Given): Pair[] {
  const pairs = pairsOf(given, HEADERS, 'OTEL_EXPORTER_OTLP_HEADERS', otlpVariable(given, 'HEADERS'));
  for (const [name, value] of pairs) {
    if (!FIELD_NAME.test(name)) throw bad(HEADERS, `${quoted(name)} is no name of a header`);
    if (!FIELD_VALUE.test(value)) throw bad(HEADERS, `the value of ${quoted(name)} is none of a header`);
  }
  return pairs;
}

function tlsOf(given: Given): TlsSettings {
  const part = (name: string, variable: string): string =>
    textOf(given, `${HTTP}.tls.${name}`, otlpVariable(given, variable));
  return {
    ca: part('ca', 'CERTIFICATE'),
    cert: part('cert', 'CLIENT_CERTIFICATE'),
    key: part('key', 'CLIENT_KEY'),
    insecureSkipVerify: given.boolean(`${HTTP}.tls.insecureSkipVerify`),
  };
}

function encodingOf(given: Given, warn: Warn): SpanEncoding {
  const flag = `${HTTP}.encoding`;
  const protocol = otlpVariable(given, 'PROTOCOL');
  if (given.has(flag) || protocol === '') return oneOf(flag, given.text(flag), SPAN_ENCODINGS);
  const encoding = PROTOCOLS.get(protocol);
  if (encoding !== undefined) return encoding;
  const names = [...PROTOCOLS.keys()].join(', ');
  warn('OTEL_EXPORTER_OTLP_PROTOCOL', `${quoted(protocol)} is none of ${names}: spans go by the first`);
  return 'protobuf';
}

function rateOf(given: Given): number {
  const text = given.text('tracing.sampleRate');
  const rate = Number(text);
  if (!NUMBER.test(text) || rate > 1) throw bad('tracing.sampleRate', `${quoted(text)} is no number from 0 to 1`);
  return rate;
}

function fieldsOf(given: Given, flag: string): string[] {
  const names = given.list(flag);
  if (names.length > MOST_CAPTURED) throw bad(flag, `${names.length} names are more than ${MOST_CAPTURED}`);
  for (const name of names) if (!FIELD_NAME.test(name)) throw bad(flag, `${quoted(name)} is no name of a header`);
  return [...new Set(names.map((name) => name.toLowerCase()))];
}

function propagationOf(given: Given, backend: string): Propagator[] {
  const flag = 'tracing.propagation';
  const named = given.list(flag).map((text) => oneOf(flag, text, PROPAGATORS));
  return [...new Set<Propagator>(backend === 'zipkin' ? [...named, 'b3multi'] : named)];
}

/** Of a batch, as OpenTelemetry's own exporters have it. */
function intervalOf(given: Given, warn: Warn): number {
  const variable = 'OTEL_BSP_SCHEDULE_DELAY';
  const text = given.otel.get(variable) ?? '';
  const ms = parseInteger(text);
  if (ms !== null && ms >= 1 && ms <= LONGEST_INTERVAL_MS) return ms;
  if (text !== '')
    warn(variable, `${quoted(text)} is no number from 1 to ${LONGEST_INTERVAL_MS}: it is ${INTERVAL_MS}`);
  return INTERVAL_MS;
}

function resourceOf(given: Given): Pair[] {
  const variable = 'OTEL_RESOURCE_ATTRIBUTES';
  const pairs = pairsOf(given, RESOURCE, variable, given.otel.get(variable) ?? '');
  const service = given.has('tracing.serviceName') ? '' : (given.otel.get('OTEL_SERVICE_NAME') ?? '');
  const isNamed = pairs.some(([name]) => name === 'service.name');
  if (service !== '' || given.has('tracing.serviceName') || !isNamed) {
    const name = service === '' ? given.text('tracing.serviceName') : service;
    return [['service.name', name], ...pairs.filter(([key]) => key !== 'service.name')];
  }
  return pairs;
}

/** null: there are no traces. */
export function fillTracing(given: Given, warn: Warn): TracingSettings | null {
  if (!given.enabled('tracing')) return null;
  const backend = oneOf('tracing.backend', given.text('tracing.backend').toLowerCase(), BACKENDS);
  if (backend !== '') {
    const also = backend === 'zipkin' ? ', and B3 fields are propagated' : ', and its fields pass as they are';
    warn('tracing.backend', `${backend}: spans go by OTLP to --${HTTP}.endpoint${also}`);
  }
  for (const name of NOT_OBEYED) {
    if (otlpVariable(given, name) !== '') warn(`OTEL_EXPORTER_OTLP_${name}`, 'it is not obeyed');
  }
  const headers = headersOf(given);
  return {
    endpoint: endpointOf(given),
    headers,
    tls: tlsOf(given),
    intervalMs: intervalOf(given, warn),
    resource: resourceOf(given),
    options: {
      propagation: propagationOf(given, backend),
      trust: oneOf<TraceTrust>('tracing.trust', given.text('tracing.trust'), TRACE_TRUSTS),
      sampleRate: rateOf(given),
      maxPerSecond: given.integer('tracing.maxPerSecond'),
      response: given.boolean('tracing.response'),
      spanNameLimit: given.integer('tracing.spanNameLimit'),
      capturedRequestHeaders: fieldsOf(given, 'tracing.capturedRequestHeaders'),
      capturedResponseHeaders: fieldsOf(given, 'tracing.capturedResponseHeaders'),
      safeQueryParams: given.list('tracing.safeQueryParams'),
      encoding: encodingOf(given, warn),
    },
  };
}
