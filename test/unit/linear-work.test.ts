/**
 * What a peer sends costs in proportion to its length, whatever it is: twice as much of it takes twice the steps. Steps
 * are counted (test/harness/steps.ts), not timed.
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { Sticky } from '../../src/data/balancing/sticky.ts';
import { readProxyHeader } from '../../src/data/listener/proxy-header.ts';
import { forwardedAddress, IpStrategy } from '../../src/data/middlewares/client-address.ts';
import { Cors } from '../../src/data/middlewares/cors.ts';
import { CustomRequestHeaders, CustomResponseHeaders } from '../../src/data/middlewares/custom-headers.ts';
import { DenyList } from '../../src/data/middlewares/deny-list.ts';
import { pageTarget } from '../../src/data/middlewares/errors.ts';
import { modifyRequest } from '../../src/data/middlewares/path-modifiers.ts';
import { RequestId } from '../../src/data/middlewares/request-id.ts';
import { redirectReply, slashRedirect } from '../../src/data/reply.ts';
import { RequestIds } from '../../src/data/request-ids.ts';
import { ContextReader } from '../../src/data/tracing/context-reader.ts';
import { requestFields as handshakeFields, isHandshake, responseHead } from '../../src/data/websocket/handshake.ts';
import { acceptedCodings, namesGzip } from '../../src/http/accept-encoding.ts';
import { basicCredentials } from '../../src/http/basic-credentials.ts';
import { ChunkedDecoder } from '../../src/http/chunked-decoder.ts';
import {
  compressed,
  compressedTrailers,
  fieldsOf,
  isTransformable,
  mediaType,
} from '../../src/http/compressed-head.ts';
import { cookieValue, cookieValues, withoutCookie } from '../../src/http/cookies.ts';
import { withStrongForms } from '../../src/http/entity-tags.ts';
import { hostProblem } from '../../src/http/host.ts';
import { queryNames, queryValues, redactedQuery, withoutQueryName } from '../../src/http/query.ts';
import { RequestHead } from '../../src/http/request-head.ts';
import { RequestReader } from '../../src/http/request-reader.ts';
import { absoluteTarget, originForm, targetProblem } from '../../src/http/request-target.ts';
import { ResponseHead } from '../../src/http/response-head.ts';
import { ResponseParser, type ResponseSink } from '../../src/http/response-parser.ts';
import { ResponseText } from '../../src/http/response-text.ts';
import { parseToken } from '../../src/http/token.ts';
import { requestTrailers as ownTrailers } from '../../src/http/trailers.ts';
import { upgradeProblem } from '../../src/http/upgrade.ts';
import { Field } from '../../src/http2/field.ts';
import { RequestBlock, TrailerBlock } from '../../src/http2/request-block.ts';
import { RequestEncoder } from '../../src/http2/request-encoder.ts';
import { ResponseBlock } from '../../src/http2/response-block.ts';
import { AllowedAddresses } from '../../src/kernel/allowed-addresses.ts';
import { ByteOutput } from '../../src/kernel/byte-output.ts';
import { CODINGS } from '../../src/kernel/codings.ts';
import { decodedPath, decodedQuery, encodedPath } from '../../src/kernel/percent.ts';
import { withoutCredentials } from '../../src/kernel/quote.ts';
import { parseObject } from '../../src/kernel/strict-json.ts';
import { firstQueryValue } from '../../src/table/query.ts';
import { RequestText } from '../../src/table/request-text.ts';
import { stepsOf } from '../harness/steps.ts';

const SINK: ResponseSink = {
  writesDate: true,
  responseInterim: () => {},
  responseHead: () => {},
  responseBody: () => {},
  responseWaits: () => {},
  responseEnd: () => {},
};

function parse(text: string, size: number): void {
  const bytes = Buffer.from(text, 'latin1');
  const parser = new ResponseParser();
  parser.expect(SINK, 'GET');
  for (let at = 0; at < bytes.length && parser.problem === ''; at += size) {
    const end = Math.min(bytes.length, at + size);
    const buffer = Buffer.from(bytes.subarray(at, end));
    parser.execute(buffer, 0, buffer.length);
  }
}

/** A head as an engine fills it; names and values in turn. */
function fill(head: RequestHead, method: string, target: string, fields: readonly string[]): void {
  head.begin(method, target, target);
  for (let i = 0; i < fields.length; i += 2) head.add(fields[i].toLowerCase(), fields[i + 1]);
  head.finish();
}

/** A head of HTTP/1 with this field, or with fields of that name. */
function request(name: string, value: string): RequestHead {
  const head = new RequestHead();
  fill(head, 'GET', '/', ['Host', 'a', 'X-Forwarded-For', '1.2.3.4', name, value, 'X-A', '1']);
  return head;
}

const ok = (rest: string): string => `HTTP/1.1 200 OK\r\n${rest}`;
const chunked = (rest: string): string => ok(`Transfer-Encoding: chunked\r\n\r\n${rest}`);
const sticky = new Sticky(
  { cookie: 'c', secure: false, httpOnly: false, sameSite: '' } as never,
  { servers: [] } as never,
);

/** What a middleware sees of an exchange. */
const scope = {
  client: { peerAddress: () => '127.0.0.1', secure: false },
  clientAddress: null,
  requestId: '',
  replacedIds: null,
  keep: () => {},
  kept: () => ({ origin: 'http://a', field: null }),
} as never;

function responseText(value: string): ResponseText {
  const response = new ResponseText();
  response.text = `200 OK\r\nVary: ${value}\r\nx-a: ${value}\r\nx-a: 2`;
  return response;
}

const listed = { sourceRange: ['10.0.0.0/8', 'fd00::/8'], useXForwardedFor: true };
const denyList = new DenyList({ ...listed, status: 403 });
/** The head of a request that comes to us, and what stands behind it. */
function readRequest(text: string, size: number): void {
  const bytes = Buffer.from(text, 'latin1');
  const reader = new RequestReader();
  const head = new RequestHead();
  for (let at = 0; at < bytes.length && !(reader.whole && head.problem !== ''); ) {
    const piece = bytes.subarray(at, at + size);
    at += reader.read(piece, 0, piece.length, head, 100_000);
  }
}

/** The chunks of a client's body. */
function readChunks(text: string, size: number): void {
  const bytes = Buffer.from(text, 'latin1');
  const chunks = new ChunkedDecoder(false);
  for (let at = 0; at < bytes.length && !chunks.done && chunks.problem === ''; ) {
    const piece = bytes.subarray(at, at + size);
    at += chunks.decode(piece, 0, piece.length, { chunkData: () => {} });
  }
  ownTrailers(chunks.trailers, false);
}

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n';

const allowed = new AllowedAddresses(listed);
const strategy = new IpStrategy({ depth: 0, excludedIPs: ['::/0', '0.0.0.0/0'] } as never);
const cors = new Cors({
  origins: ['http://a'],
  originPatterns: [],
  methods: ['*'],
  headers: ['*'],
  exposed: ['x'],
  credentials: true,
  vary: true,
  maxAge: null,
} as never);
const requestId = new RequestId({ mode: 'pass', trust: null, inResponse: true, header: 'x' }, {
  requestIds: new RequestIds('on'),
} as never);
const customRequestHeaders = new CustomRequestHeaders({ customRequestHeaders: [['x-a', '']] } as never);
const customResponseHeaders = new CustomResponseHeaders({
  onLocalReplies: true,
  customResponseHeaders: [['X-A', '']],
  addResponseHeaders: [],
  removeResponseHeaders: ['vary'],
} as never);
const NO_MODIFIERS = { stripTemplates: null, addPrefix: '', replacePathRegex: null, replacement: '', replacePath: '' };

/** Where text of a peer gets to; `size` where it comes in pieces. */
const PLACES: Record<string, (text: string) => void> = {
  'a field of a request': (text) => request('x', text).values('x'),
  'a Content-Length of a request': (text) => request('content-length', text),
  'a Transfer-Encoding of a request': (text) => request('transfer-encoding', text),
  'a Connection of a request': (text) => request('connection', text),
  'a TE of a request': (text) => request('te', text),
  'an Upgrade of a request': (text) => request('upgrade', text),
  'a name in a request': (text) => request(`x-forwarded${text}`, '1').distrustForwarded(),
  'a Host': (text) => hostProblem(text),
  'a Host that is routed': (text) => new RequestText().setHost(text),
  'a path that is routed': (text) => new RequestText().setPath(`/${text}`),
  'a target': (text) => targetProblem(text),
  'a target with a host': (text) => originForm(`http://${text}`, 'a'),
  'a path to decode': (text) => decodedPath(text),
  'a path to encode': (text) => encodedPath(text),
  'a query': (text) => firstQueryValue(text, 'b'),
  'a value of a query': (text) => decodedQuery(text),
  'a path to redirect': (text) => slashRedirect('GET', `/${text}`, `/${text}`),
  'a URL to redirect to': (text) => redirectReply('GET', true, `http://${text}`),
  'a cookie': (text) => cookieValue([text], 'b'),
  'a cookie with a token': (text) => cookieValues([text], 'b').join() + withoutCookie([text], 'b'),
  'a query with a token': (text) => queryValues(text, 'b').join() + withoutQueryName(text, 'b'),
  'a token': (text) => parseToken(`${text}.${text}.${text}`),
  'what a token says': (text) => parseObject(`{"a":${JSON.stringify([text, { [text]: text }])}}`),
  'a sticky cookie': (text) => sticky.find({ values: () => [`c=http://${text}`] } as never),
  'an Accept-Encoding': (text) => namesGzip([text]) || acceptedCodings([text], CODINGS),
  'an If-None-Match': (text) => withStrongForms(text),
  'a handshake': (text) => isHandshake(() => text),
  'fields of a handshake': (text) => handshakeFields(`x-a: ${text}\r\n`.repeat(2)),
  'the answer to a handshake': (text) => responseHead(101, 'x', ['Connection', text, 'X-A', text]),
  'a PROXY header': (text) => readProxyHeader(Buffer.from(`PROXY TCP4 ${text}`)),
  'a request that is read': (text) => readRequest(`GET /${text} HTTP/1.1\r\n${text}\r\n\r\n`, 65_536),
  'a field that is read': (text) => readRequest(`${GET}X: ${text}\r\nY:${text}\r\n\r\n`, 65_536),
  'a Connection that is read': (text) => readRequest(`${GET}Connection: ${text}\r\n\r\n`, 65_536),
  'lines of a request in single bytes': (text) => readRequest(`${GET}${text}\r\n\r\n`, 1),
  'a field in single bytes': (text) => readRequest(`${GET}X: ${text}\r\n\r\n`, 1),
  'a target that names a host': (text) => absoluteTarget(`http://${text}`, 'OPTIONS'),
  'chunks of a client': (text) => readChunks(text, 65_536),
  'chunks of a client in single bytes': (text) => readChunks(text, 1),
  'an extension of a client': (text) => readChunks(`1;${text}\r\na\r\n`, 65_536),
  'trailers of a client': (text) => readChunks(`0\r\nX: ${text}\r\n\r\n`, 1),
  'fields of HTTP/2': (text) => {
    const block = new RequestBlock(100);
    block.begin(new RequestHead());
    block.field(new Field(':method', 'GET'));
    block.field(new Field(':scheme', 'http'));
    block.field(new Field(':authority', 'a'));
    block.field(new Field(':path', `/${text}`));
    block.field(new Field('cookie', text));
    block.field(new Field('x', text));
  },
  'trailers of HTTP/2': (text) => {
    const block = new TrailerBlock(100);
    block.begin(false);
    block.field(new Field('x', text));
  },
  'a head for HTTP/2': (text) => {
    const encoder = new RequestEncoder('http', 'a');
    if (encoder.read(`GET /${text} HTTP/1.1\r\nhost: a\r\nx: ${text}\r\n\r\n`, true, ''))
      encoder.write(new ByteOutput());
    encoder.readTrailers(`x: ${text}\r\n${text}: 1\r\n`, false);
  },
  'a head from HTTP/2': (text) => {
    const head = new ResponseHead();
    const block = new ResponseBlock();
    block.begin(head);
    for (const name of [':status', 'content-length', 'x', 'trailer']) block.field(new Field(name, text));
    block.finish(head);
    block.begin(null);
    block.field(new Field('x', text));
  },
  'a field of a response': (text) => parse(ok(`X: ${text}\r\n\r\n`), 65_536),
  'a Content-Length of a response': (text) => parse(ok(`Content-Length: 1${text}x\r\n\r\n`), 65_536),
  'a Transfer-Encoding of a response': (text) => parse(ok(`Transfer-Encoding: ${text}\r\n\r\n`), 65_536),
  'a Connection of a response': (text) => parse(ok(`Connection: ${text}\r\nA: 1\r\n\r\n`), 65_536),
  'a Keep-Alive of a response': (text) => parse(ok(`Keep-Alive: ${text}\r\n\r\n`), 65_536),
  'a reason phrase': (text) => parse(`HTTP/1.1 200 ${text}\r\n\r\n`, 65_536),
  'lines of a response': (text) => parse(ok(text), 65_536),
  'a response in single bytes': (text) => parse(ok(`X: ${text}\r\n\r\n`), 1),
  'lines of a response in single bytes': (text) => parse(ok(text), 1),
  chunks: (text) => parse(chunked(text), 65_536),
  'chunks in single bytes': (text) => parse(chunked(text), 1),
  'an extension of a chunk': (text) => parse(chunked(`1;${text}\r\na\r\n`), 65_536),
  'a trailer': (text) => parse(chunked(`0\r\nX: ${text}\r\n\r\n`), 65_536),
  'trailers in single bytes': (text) => parse(chunked(`0\r\nX: ${text}\r\n\r\n`), 1),
  'a head to compress': (text) => {
    const value = text.replaceAll('\r\n', ' ');
    compressed(fieldsOf(`200 OK\r\nVary: ${value}\r\nETag: ${value}\r\nSignature: ${value}`), 'gzip');
  },
  'a head that may be compressed': (text) => {
    const fields = fieldsOf(`200 OK\r\nCache-Control: ${text}\r\nContent-Encoding: ${text}\r\nContent-Type: ${text}`);
    return isTransformable(fields) && mediaType(fields);
  },
  'X-Forwarded-For of a deny list': (text) => denyList.request(scope, request('x-forwarded-for', text)),
  'X-Forwarded-For of an allow list': (text) => allowed.allow(text, '127.0.0.1'),
  'X-Forwarded-For that tells the client': (text) => strategy.request(scope, request('x-forwarded-for', text)),
  'X-Forwarded-For to some depth': (text) => forwardedAddress(text, 2_000),
  'addresses of X-Forwarded-For': (text) => allowed.allow(`${text.replaceAll('a', '1::')},1::`, '127.0.0.1'),
  'an Origin': (text) => cors.request(scope, request('origin', text)),
  'a Vary': (text) => cors.response(scope, responseText(text)),
  'headers that are asked for': (text) => {
    const head = new RequestHead();
    const fields = [
      'Host',
      'a',
      'Origin',
      'http://a',
      'Access-Control-Request-Method',
      text,
      'Access-Control-Request-Headers',
      text,
    ];
    fill(head, 'OPTIONS', '/', fields);
    cors.request(scope, head);
  },
  'headers that are set': (text) => customRequestHeaders.request(scope, request('x-a', text)),
  'headers that are set in a response': (text) => customResponseHeaders.response(scope, responseText(text)),
  'fields of a trace': (text) => {
    for (const name of ['traceparent', 'tracestate', 'b3', 'x-b3-traceid']) {
      const head = request(name, text);
      head.add('traceparent', '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01');
      new ContextReader(['tracecontext', 'b3', 'b3multi', 'baggage']).read(head, true);
    }
  },
  'a query of which only names are shown': (text) => queryNames(text),
  'a query whose values are hidden': (text) => redactedQuery(text, new Set(['a'])),
  'an id of a request': (text) => requestId.request(scope, request('x', text)),
  'a name and a password': (text) => basicCredentials(`Basic ${text}`),
  'a path that is modified': (text) => {
    for (const stripPrefixes of [null, ['/a', '/']]) {
      const head = new RequestHead();
      fill(head, 'GET', `/${text}`, ['Host', 'a']);
      modifyRequest({ ...NO_MODIFIERS, stripPrefixes } as never, head);
    }
  },
  'the path of an error page': (text) => {
    const head = new RequestHead();
    fill(head, 'GET', `/${text}`, ['Host', 'a']);
    pageTarget({ query: '/{status}?{url}' } as never, head, 500, false);
  },
  'an answer to an upgrade': (text) =>
    upgradeProblem(text, 'key', text, `101 Switching Protocols\r\nSec-WebSocket-Accept: ${text}`),
  'URLs in a message': (text) => withoutCredentials(`@${text.replaceAll(':', '://')} @`),
  'trailers of what was compressed': (text) => compressedTrailers(`x: ${text}\r\n`),
};

/** What is repeated: all of it, or between a beginning and an end that it does not match. */
const UNITS = [
  ' ',
  '\t',
  ',',
  'a,',
  'a, ',
  ';',
  '=',
  '&',
  '%',
  '%41',
  '%zz',
  '+',
  ':',
  '[',
  '/',
  '/a',
  '.',
  '..',
  '"',
  '\\',
  '@',
  '-',
  '_',
  'a',
  '0',
  '\xe9',
  'a: b\r\n',
  'close,',
  'x-a,',
  'q=0;',
  'gzip;',
  '\r\n ',
  'a:\r\n b\r\n',
  'a: b\n',
  '1\r\na\r\n',
  '?',
  '#',
  '\0',
  ']',
];
const SIZE = 4_096;
/** V8 counts a loop twice now and then when it changes over to compiled code, never less than it was. */
const TRIES = 3;

type Around = readonly [before: string, behind: string];

function stepsFor(place: string, units: readonly string[], [before, behind]: Around, length: number): number {
  const texts = units.map((unit) => before + unit.repeat(Math.ceil(length / unit.length)) + behind);
  const { count, patterns } = stepsOf(() => {
    for (const text of texts) PLACES[place](text);
  });
  assert.deepEqual(patterns, [], `${place}: regular expressions over what a peer has sent`);
  return count;
}

function assertLinear(place: string, units: readonly string[], around: Around): void {
  let once = 0;
  let twice = 0;
  for (let i = 0; i < TRIES; i++) {
    once = stepsFor(place, units, around, SIZE);
    twice = stepsFor(place, units, around, 2 * SIZE);
    if (twice <= 2.3 * once + SIZE / 2) return;
  }
  // One of them: which?
  if (units.length > 1) for (const unit of units) assertLinear(place, [unit], around);
  assert.fail(`${place}, ${JSON.stringify(units)}: ${once} steps, and ${twice} for twice as much`);
}

for (const place of Object.keys(PLACES)) {
  test(`${place}: twice as much takes twice the steps`, () => assertLinear(place, UNITS, ['', 'x']));
}

test('so does anything that is repeated anywhere', () => {
  const text = fc.string({ unit: fc.constantFrom(...new Set(UNITS)), maxLength: 3 });
  const unit = fc.string({ unit: fc.constantFrom(...new Set(UNITS)), minLength: 1, maxLength: 4 });
  fc.assert(fc.property(fc.constantFrom(...Object.keys(PLACES)), fc.tuple(unit), fc.tuple(text, text), assertLinear), {
    numRuns: 100,
  });
});
