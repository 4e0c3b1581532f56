/**
 * Frames against the states of streams and connections (RFC 9113 §5, §6), case by case: what h2spec tries, and what it does
 * not. Every case is sent whole and cut at every byte.
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import { frame, hpackField, hpackIndexed } from '../../../harness/http2-frames.ts';
import {
  block,
  CODE,
  EMPTY_SETTINGS,
  FLAG,
  FRAME,
  Http2Memory,
  PREFACE,
  request,
  SETTINGS_ACK,
} from '../../../harness/http2-memory.ts';

const { protocol, flowControl, streamClosed, frameSize, compression, cancel } = CODE;
const END = FLAG.endHeaders | FLAG.endStream;

function headers(id: number, payload: Buffer = block(), flags: number = END): Buffer {
  return frame(FRAME.headers, flags, id, payload);
}

function data(id: number, content: string, flags = 0): Buffer {
  return frame(FRAME.data, flags, id, Buffer.from(content));
}

function number(type: number, id: number, value: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(value);
  return frame(type, 0, id, payload);
}

const rst = (id: number): Buffer => number(FRAME.rstStream, id, cancel);
const windowUpdate = (id: number, by: number): Buffer => number(FRAME.windowUpdate, id, by);

function setting(id: number, value: number): Buffer {
  const payload = Buffer.alloc(6);
  payload.writeUInt16BE(id);
  payload.writeUInt32BE(value, 2);
  return frame(FRAME.settings, 0, 0, payload);
}

const post = (id: number, ...fields: [string, string][]): Buffer =>
  headers(id, block('/', fields, 'POST'), FLAG.endHeaders);
const priority = (id: number, on: number): Buffer => {
  const payload = Buffer.alloc(5);
  payload.writeUInt32BE(on);
  return frame(FRAME.priority, 0, id, payload);
};
/** A block that depends on its own stream. */
const dependent = (id: number, flags: number = END): Buffer => {
  const first = Buffer.alloc(5);
  first.writeUInt32BE(id);
  return headers(id, Buffer.concat([first, block()]), flags | FLAG.priority);
};
const fields = (...pairs: (readonly [string, string])[]): Buffer =>
  Buffer.concat(pairs.map(([name, value]) => hpackField(name, value)));
const PING = frame(FRAME.ping, 0, 0, Buffer.from('payload!'));

/** Ends the connection with this code; resets stream N so; or nothing happens. */
type Outcome = { readonly goaway: number } | { readonly reset: number; readonly on: number } | 'fine';
const gone = (goaway: number): Outcome => ({ goaway });
const reset = (on: number, code: number): Outcome => ({ reset: code, on });

const CASES: readonly (readonly [string, readonly Buffer[], Outcome])[] = [
  // §5.1: idle
  ['DATA on an idle stream', [data(1, 'x')], gone(protocol)],
  ['RST_STREAM on an idle stream', [rst(1)], gone(protocol)],
  ['WINDOW_UPDATE on an idle stream', [windowUpdate(1, 1)], gone(protocol)],
  ['PRIORITY on an idle stream', [priority(1, 0)], 'fine'],
  ['CONTINUATION on an idle stream', [frame(FRAME.continuation, FLAG.endHeaders, 1)], gone(protocol)],
  ['DATA on an even stream', [request(1), data(2, 'x')], gone(protocol)],
  ['HEADERS on an even stream', [headers(2)], gone(protocol)],
  ['a lower number than the last', [request(5), request(3)], gone(streamClosed)],
  // §5.1: half-closed (remote)
  ['DATA behind the end of a request', [request(1), data(1, 'x')], reset(1, streamClosed)],
  ['HEADERS behind the end of a request', [request(1), headers(1)], reset(1, streamClosed)],
  ['WINDOW_UPDATE behind the end of a request', [request(1), windowUpdate(1, 1)], 'fine'],
  ['PRIORITY behind the end of a request', [request(1), priority(1, 0)], 'fine'],
  ['CONTINUATION behind the end of a request', [request(1), frame(FRAME.continuation, END, 1)], gone(protocol)],
  // §5.1: closed
  ['DATA behind a RST_STREAM', [post(1), rst(1), data(1, 'x')], reset(1, streamClosed)],
  ['HEADERS behind a RST_STREAM', [post(1), rst(1), headers(1)], gone(streamClosed)],
  ['CONTINUATION behind a RST_STREAM', [post(1), rst(1), frame(FRAME.continuation, END, 1)], gone(protocol)],
  ['RST_STREAM and WINDOW_UPDATE behind a RST_STREAM', [post(1), rst(1), rst(1), windowUpdate(1, 0)], 'fine'],
  ['DATA on a stream that was answered', [request(1, '/now'), data(1, 'x')], reset(1, streamClosed)],
  ['HEADERS on a stream that was answered', [request(1, '/now'), headers(1)], gone(streamClosed)],
  [
    'PRIORITY and WINDOW_UPDATE on one that was answered',
    [request(1, '/now'), priority(1, 0), windowUpdate(1, 9)],
    'fine',
  ],
  [
    'DATA, HEADERS and RST_STREAM for a stream that we have reset',
    [post(1), windowUpdate(1, 0), data(1, 'x'), headers(1), rst(1), data(1, 'y', FLAG.endStream)],
    reset(1, protocol),
  ],
  // §5.3
  ['PRIORITY on itself', [post(1), priority(1, 1)], reset(1, protocol)],
  ['HEADERS that depend on themselves', [dependent(1)], reset(1, protocol)],
  ['trailers that depend on themselves', [post(1), dependent(1)], reset(1, protocol)],
  // §6.9
  ['an increment of 0 on a stream', [post(1), windowUpdate(1, 0)], reset(1, protocol)],
  ['an increment of 0 on the connection', [windowUpdate(0, 0)], gone(protocol)],
  ['a window of the connection beyond 2^31-1', [windowUpdate(0, 0x7fff_ffff)], gone(flowControl)],
  ['a window of a stream beyond 2^31-1', [post(1), windowUpdate(1, 0x7fff_ffff)], reset(1, flowControl)],
  ['the largest window that can be', [post(1), windowUpdate(1, 0x7fff_0000), windowUpdate(0, 0x7fff_0000)], 'fine'],
  [
    'settings that make a window too large',
    [post(1), windowUpdate(1, 0x7fff_0000), setting(4, 65_536)],
    gone(flowControl),
  ],
  // §6.5
  ['ENABLE_PUSH of 2', [setting(2, 2)], gone(protocol)],
  ['INITIAL_WINDOW_SIZE of 2^31', [setting(4, 0x8000_0000)], gone(flowControl)],
  ['MAX_FRAME_SIZE of 2^14-1', [setting(5, 16_383)], gone(protocol)],
  ['MAX_FRAME_SIZE of 2^24', [setting(5, 0x100_0000)], gone(protocol)],
  [
    'the most that settings may say',
    [setting(5, 0xff_ffff), setting(4, 0x7fff_ffff), setting(1, 0), setting(3, 0), setting(99, 7)],
    'fine',
  ],
  ['SETTINGS that acknowledge nothing', [SETTINGS_ACK, SETTINGS_ACK], 'fine'],
  // §6.4, 6.7, 6.8, 4.1
  ['an answer to no PING', [frame(FRAME.ping, FLAG.ack, 0, Buffer.alloc(8))], 'fine'],
  ['GOAWAY of a client', [frame(FRAME.goaway, 0, 0, Buffer.alloc(8))], 'fine'],
  ['frames of unknown types', [frame(0xbb, 0xff, 0, PING), frame(0xbb, 0, 7), frame(0xff, 1, 2, PING)], 'fine'],
  ['unknown flags', [frame(FRAME.ping, 0xfe, 0, Buffer.alloc(8))], 'fine'],
  ['PUSH_PROMISE', [post(1), frame(FRAME.pushPromise, FLAG.endHeaders, 1, Buffer.alloc(4))], gone(protocol)],
  ['PRIORITY_UPDATE for stream 0', [frame(FRAME.priorityUpdate, 0, 0, Buffer.alloc(4))], gone(protocol)],
  ['PRIORITY_UPDATE for an idle stream', [frame(FRAME.priorityUpdate, 0, 0, Buffer.from('\0\0\0\x09u=1'))], 'fine'],
  // §4.3, RFC 7541
  ['an index beyond the table', [headers(1, hpackIndexed(70))], gone(compression)],
  ['an index of 0', [headers(1, Buffer.from([0x80]))], gone(compression)],
  ['a bad block on a stream that is closed', [request(1, '/now'), headers(1, Buffer.from([0x80]))], gone(compression)],
  ['a bad block in trailers', [post(1), headers(1, Buffer.from([0x80]))], gone(compression)],
  ['a block with part of a field', [headers(1, Buffer.concat([block(), Buffer.from([0])]))], gone(compression)],
  // §8.1
  [
    'a second head that does not end its stream',
    [post(1), headers(1, fields(['x', 'y']), FLAG.endHeaders)],
    reset(1, protocol),
  ],
  ['trailers with a pseudo field', [post(1), headers(1, fields([':path', '/']))], reset(1, protocol)],
  ['trailers with an upper-case name', [post(1), headers(1, fields(['X', 'y']))], reset(1, protocol)],
  ['trailers', [post(1), data(1, 'body'), headers(1, fields(['x', 'y']))], 'fine'],
  ['more DATA than announced', [post(1, ['content-length', '1']), data(1, 'xy')], reset(1, protocol)],
  ['less DATA than announced', [post(1, ['content-length', '3']), data(1, 'xy', FLAG.endStream)], reset(1, protocol)],
  [
    'less DATA than announced, then trailers',
    [post(1, ['content-length', '3']), headers(1, fields(['x', 'y']))],
    reset(1, protocol),
  ],
  ['DATA where none was announced', [post(1, ['content-length', '0']), data(1, 'x')], reset(1, protocol)],
  [
    'as much DATA as announced, in pieces and padded',
    [
      post(1, ['content-length', '4']),
      data(1, 'ab'),
      frame(FRAME.data, FLAG.padded, 1, Buffer.from('\x03c\0\0\0')),
      data(1, 'd', FLAG.endStream),
    ],
    'fine',
  ],
];

async function outcomeOf(pieces: readonly Uint8Array[]): Promise<{ outcome: Outcome; alive: boolean }> {
  const memory = new Http2Memory();
  for (const piece of pieces) memory.send(piece);
  const goaway = await memory.goaway();
  const resets = (await memory.frames()).filter(({ type }) => type === FRAME.rstStream);
  const pings = await memory.of(FRAME.ping, 0);
  const alive = pings.some(({ payload }) => payload.toString() === 'the end!');
  await memory.ended();
  if (goaway >= 0) return { outcome: gone(goaway), alive };
  if (resets.length === 0) return { outcome: 'fine', alive };
  assert.equal(resets.length, 1, 'resets');
  return { outcome: reset(resets[0].stream, resets[0].payload.readUInt32BE(0)), alive };
}

const START = Buffer.concat([Buffer.from(PREFACE), EMPTY_SETTINGS]);
const PROBE = frame(FRAME.ping, 0, 0, Buffer.from('the end!'));

for (const [name, frames, expected] of CASES) {
  test(`${name}: ${JSON.stringify(expected)}`, async () => {
    const bytes = Buffer.concat([START, ...frames, PROBE]);
    const alive = expected === 'fine' || 'on' in expected;
    assert.deepEqual(await outcomeOf([bytes]), { outcome: expected, alive });
    const cuts = Array.from({ length: bytes.length - START.length }, (_, at) => START.length + at);
    for (const cut of cuts.filter((_, at) => at % 7 === 0)) {
      assert.deepEqual(await outcomeOf([bytes.subarray(0, cut), bytes.subarray(cut)]), { outcome: expected, alive });
    }
    assert.deepEqual(await outcomeOf([...bytes].map((byte) => Buffer.from([byte]))), { outcome: expected, alive });
  });
}

test('a connection begins with the preface, then SETTINGS', async () => {
  for (const [bytes, code] of [
    [Buffer.from('PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n'), protocol],
    [Buffer.concat([Buffer.from(PREFACE), PING]), protocol],
    [Buffer.concat([Buffer.from(PREFACE), SETTINGS_ACK]), protocol],
    [Buffer.concat([Buffer.from(PREFACE), request(1)]), protocol],
    [Buffer.concat([Buffer.from(PREFACE), frame(FRAME.data, 0, 1)]), protocol],
    [Buffer.concat([Buffer.from(PREFACE), frame(FRAME.settings, 0, 0, Buffer.alloc(3))]), frameSize],
  ] as const) {
    assert.deepEqual(await outcomeOf([bytes]), { outcome: gone(code), alive: false });
    assert.deepEqual(await outcomeOf([...bytes].map((byte) => Buffer.from([byte]))), {
      outcome: gone(code),
      alive: false,
    });
  }
});

/** Fields of a request that breaks a rule of §8.2 or §8.3. */
const good = [
  [':method', 'GET'],
  [':scheme', 'https'],
  [':path', '/'],
  [':authority', 'h'],
] as const;
const without = (name: string) => good.filter(([each]) => each !== name);
const MALFORMED: readonly (readonly [string, readonly (readonly [string, string])[]])[] = [
  ['no :method', without(':method')],
  ['no :scheme', without(':scheme')],
  ['no :path', without(':path')],
  ['neither :authority nor Host', without(':authority')],
  ['an empty :path', [...without(':path'), [':path', '']]],
  ['a :path that is no path', [...without(':path'), [':path', 'a']]],
  ['a :path in absolute form', [...without(':path'), [':path', 'https://h/']]],
  ['a :path with a fragment', [...without(':path'), [':path', '/#a']]],
  ['a :path with a blank', [...without(':path'), [':path', '/ HTTP/1.1']]],
  ['* for GET', [...without(':path'), [':path', '*']]],
  ['two :method', [...good, [':method', 'GET']]],
  ['two :path', [...good, [':path', '/']]],
  ['two :scheme', [...good, [':scheme', 'https']]],
  ['two :authority', [...good, [':authority', 'h']]],
  ['an unknown pseudo field', [...good, [':x', 'y']]],
  ['a pseudo field of a response', [...good, [':status', '200']]],
  ['a pseudo field behind a field', [...without(':path'), ['x', 'y'], [':path', '/']]],
  ['an upper-case name', [...good, ['X', 'y']]],
  ['an empty name', [...good, ['', 'y']]],
  ['a name that is no token', [...good, ['x y', 'z']]],
  ['a line break in a value', [...good, ['x', 'y\r\nz: 1']]],
  ['a NUL in a value', [...good, ['x', 'y\0']]],
  ['a blank before a value', [...good, ['x', ' y']]],
  ['connection', [...good, ['connection', 'close']]],
  ['transfer-encoding', [...good, ['transfer-encoding', 'chunked']]],
  ['keep-alive', [...good, ['keep-alive', '1']]],
  ['proxy-connection', [...good, ['proxy-connection', 'close']]],
  ['upgrade', [...good, ['upgrade', 'h2c']]],
  ['te other than trailers', [...good, ['te', 'gzip']]],
  ['a Host that differs', [...good, ['host', 'other']]],
  ['user information in :authority', [...without(':authority'), [':authority', 'a@h']]],
  ['an empty :authority', [...without(':authority'), [':authority', '']]],
  ['a method that is no token', [...without(':method'), [':method', 'GE T']]],
  ['a Content-Length that is none', [...good, ['content-length', 'x']]],
  ['two Content-Lengths', [...good, ['content-length', '0'], ['content-length', '1']]],
  ['a Content-Length without a body', [...good, ['content-length', '1']]],
  [':protocol without CONNECT', [...good, [':protocol', 'websocket']]],
  [
    'CONNECT with a path',
    [
      [':method', 'CONNECT'],
      [':path', '/'],
      [':authority', 'h:1'],
    ],
  ],
  [
    'an extended CONNECT that ends its stream',
    [...without(':method'), [':method', 'CONNECT'], [':protocol', 'websocket']],
  ],
];

for (const [name, pairs] of MALFORMED) {
  test(`a request with ${name} is told so and reset, and the next one is served`, async () => {
    const memory = new Http2Memory().start();
    memory.send(headers(1, fields(...pairs)), request(3, '/now'));
    const heads = await memory.heads();
    assert.equal(heads.get(1)?.[0][0], ':status: 400');
    assert.equal(await memory.reset(1), protocol);
    assert.equal(await memory.body(1), '400 Bad Request');
    assert.equal(heads.get(3)?.[0][0], ':status: 404');
    assert.equal(memory.asked.length, 0);
    await memory.ended();
  });
}
