/** Connections to servers of HTTP/2, frame by frame: windows, ends, and what a hostile server may do (RFC 9113 §5, §6). */
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { MemoryBudget } from '../../../src/data/memory-budget.ts';
import { type FramesOwner, SessionFrames } from '../../../src/data/upstream/session-frames.ts';
import { type StreamOwner, UpstreamStream } from '../../../src/data/upstream/stream.ts';
import type { UpstreamTimeouts } from '../../../src/data/upstream/timeouts.ts';
import type { UpstreamUser } from '../../../src/data/upstream/upstream.ts';
import { REQUEST_CHUNKED, REQUEST_NO_BODY } from '../../../src/http/request-framing.ts';
import type { ResponseHead } from '../../../src/http/response-head.ts';
import { CODE } from '../../../src/http2/codes.ts';
import { FAULTS, type Fault } from '../../../src/kernel/errors.ts';
import { TimerWheel } from '../../../src/kernel/timer-wheel.ts';
import { MetricsLane } from '../../../src/shared/metrics.ts';
import { createMetricsLane } from '../../../src/shared/metrics-layout.ts';
import { literals } from '../../harness/http2.ts';
import {
  ACK,
  END_HEADERS,
  END_STREAM,
  FRAME,
  type Frame,
  frame,
  hpackIndexed,
  PREFACE,
} from '../../harness/http2-frames.ts';
import { MemorySocket } from '../../harness/memory-socket.ts';

const NO_TIMEOUTS: UpstreamTimeouts = {
  connectMs: 0,
  handshakeMs: 0,
  headMs: 0,
  silenceMs: 0,
  tunnelMs: 0,
  keepAliveMs: 0,
};

const SETTINGS = frame(FRAME.settings, 0, 0);
const OK = literals([[':status', '200']]);
const EMPTY_OK = (id: number): Buffer => frame(FRAME.headers, END_HEADERS | END_STREAM, id, OK);

function number(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function setting(id: number, value: number): Buffer {
  return frame(FRAME.settings, 0, 0, Buffer.concat([Buffer.from([0, id]), number(value)]));
}

function framesOf(bytes: Buffer): Frame[] {
  const frames: Frame[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = bytes.readUIntBE(at, 3);
    const payload = bytes.subarray(at + 9, at + 9 + length);
    frames.push({ type: bytes[at + 3], flags: bytes[at + 4], stream: bytes.readUInt32BE(at + 5), payload });
    at += 9 + length;
  }
  return frames;
}

/** Whoever has sent a request: what it hears. */
class User implements UpstreamUser {
  readonly writesDate = false;
  head = '';
  body = '';
  pieces = 0;
  trailers: string | null = null;
  fault: Fault | null = null;
  detail = '';
  waits = 0;
  writable = 0;
  readonly interim: number[] = [];
  /** Takes no more behind a piece. */
  stalls = false;
  stream!: UpstreamStream;

  upstreamConnected(): void {}
  upstreamWritable(): void {
    this.writable++;
  }
  upstreamFailed(fault: Fault, detail: string): void {
    this.fault = fault;
    this.detail = detail;
  }
  crash(error: unknown): void {
    throw error;
  }
  responseInterim(head: ResponseHead): void {
    this.interim.push(head.status);
  }
  responseHead(head: ResponseHead): void {
    this.head = head.text;
    this.stream.headArrived();
  }
  responseBody(chunk: Uint8Array): void {
    this.pieces++;
    this.body += Buffer.from(chunk).toString('latin1');
    if (this.stalls) this.stream.pause();
  }
  responseWaits(): void {
    this.waits++;
  }
  responseEnd(trailers: string): void {
    this.trailers = trailers;
    this.stream.done(true);
  }
}

class Session implements FramesOwner, StreamOwner {
  readonly peer = '';
  readonly timeouts = NO_TIMEOUTS;
  readonly wheel = new TimerWheel();
  readonly budget = new MemoryBudget({ worker: 0, connection: 0 }, new MetricsLane(createMetricsLane([1])));
  readonly socket = new MemorySocket();
  readonly frames = new SessionFrames(this, this.socket, 'http', 'server');
  readonly streams = new Set<UpstreamStream>();
  limit = 100;
  pongs = 0;
  lost = '';
  broken = false;
  gone: number[] = [];

  constructor() {
    this.frames.begin();
  }

  static async begun(): Promise<Session> {
    const session = new Session();
    await session.socket.settle();
    assert.equal(session.socket.sent().subarray(0, PREFACE.length).toString(), PREFACE);
    session.give(SETTINGS);
    await session.sent();
    return session;
  }

  limited(streams: number): void {
    this.limit = streams;
  }
  pingAnswered(): void {
    this.pongs++;
  }
  goneAway(code: number, lastId: number): void {
    this.gone = [code, lastId];
  }
  heard(): void {}
  connectionLost(reason: string, broken: boolean): void {
    this.lost = reason;
    this.broken = broken;
    for (const stream of [...this.streams]) stream.orphaned(true, broken, reason);
  }
  crash(error: unknown): void {
    throw error;
  }
  needsHttp1(): boolean {
    return true;
  }
  forget(stream: UpstreamStream): void {
    this.streams.delete(stream);
  }

  request(body: number = REQUEST_NO_BODY, head = 'GET / HTTP/1.1\r\nhost: a\r\n\r\n'): User {
    const user = new User();
    user.stream = new UpstreamStream(this, user);
    this.streams.add(user.stream);
    user.stream.use();
    user.stream.sendHead(head, 'GET', body, body === REQUEST_NO_BODY, false, false, '');
    return user;
  }

  give(...frames: readonly Buffer[]): void {
    this.socket.give(Buffer.concat(frames));
  }

  async sent(): Promise<Frame[]> {
    await this.socket.settle();
    return framesOf(this.socket.sent());
  }

  /** The code of the GOAWAY that it was ended with. */
  async ended(): Promise<number> {
    const goaway = (await this.sent()).find(({ type }) => type === FRAME.goaway);
    assert.ok(goaway !== undefined && this.socket.closed, 'not ended');
    return goaway.payload.readUInt32BE(4);
  }
}

test('a response that is cut at any byte is the same response', async () => {
  const bytes = Buffer.concat([
    frame(FRAME.headers, END_HEADERS, 1, literals([[':status', '103']])),
    frame(FRAME.headers, END_HEADERS, 1, OK),
    frame(FRAME.data, 8, 1, Buffer.from('\x02hello\0\0', 'latin1')),
    frame(FRAME.data, 0, 1, Buffer.from(' world')),
    frame(FRAME.headers, END_HEADERS | END_STREAM, 1, literals([['x-sum', '1']])),
  ]);
  for (let cut = 0; cut < bytes.length; cut++) {
    const session = await Session.begun();
    const user = session.request();
    session.give(bytes.subarray(0, cut));
    session.give(bytes.subarray(cut));
    assert.deepEqual(
      [user.interim, user.head, user.body, user.trailers, user.fault],
      [[103], '200 OK', 'hello world', 'x-sum: 1\r\n', null],
    );
    assert.equal(session.streams.size, 0);
  }
});

test('DATA of a byte each that come in one read are one piece', async () => {
  const session = await Session.begun();
  const user = session.request();
  const bytes = Array.from('abcdefgh', (char) => frame(FRAME.data, 0, 1, Buffer.from(char)));
  session.give(frame(FRAME.headers, END_HEADERS, 1, OK), ...bytes);
  assert.deepEqual([user.body, user.pieces], ['abcdefgh', 1]);
});

test('a head without more is shown when the read is over', async () => {
  const session = await Session.begun();
  const user = session.request();
  session.give(frame(FRAME.headers, END_HEADERS, 1, OK));
  assert.equal(user.waits, 1);
});

test('a window is opened by what the client has taken, and what it has not taken waits', async () => {
  const session = await Session.begun();
  const user = session.request();
  const other = session.request();
  user.stalls = true;
  const piece = Buffer.alloc(16_384, 'x');
  session.give(frame(FRAME.headers, END_HEADERS, 1, OK), ...new Array<Buffer>(16).fill(frame(FRAME.data, 0, 1, piece)));
  assert.equal(user.body.length, 16_384);
  assert.equal((await session.sent()).filter(({ type }) => type === FRAME.windowUpdate).length, 0);
  assert.ok(session.budget.heldBytes >= 15 * 16_384);
  session.give(EMPTY_OK(3));
  assert.equal(other.trailers, '');
  user.stalls = false;
  user.stream.resume();
  const updates = (await session.sent()).filter(({ type, stream }) => type === FRAME.windowUpdate && stream === 1);
  assert.equal(user.body.length, 262_144);
  assert.equal(
    updates.reduce((sum, { payload }) => sum + payload.readUInt32BE(), 0),
    262_144,
  );
  assert.equal(session.budget.heldBytes, 0);
});

test('a response that has come whole is given whole, also when its connection has ended meanwhile', async () => {
  const session = await Session.begun();
  const user = session.request();
  user.stalls = true;
  session.give(
    frame(FRAME.headers, END_HEADERS, 1, OK),
    frame(FRAME.data, 0, 1, Buffer.alloc(2_000, 'x')),
    frame(FRAME.data, END_STREAM, 1, Buffer.alloc(2_000, 'y')),
  );
  session.socket.giveEnd();
  assert.equal(session.lost, 'connection closed');
  assert.equal(user.body.length, 2_000);
  user.stalls = false;
  user.stream.resume();
  await session.socket.settle();
  assert.deepEqual([user.body.length, user.trailers, user.fault], [4_000, '', null]);
});

test('a body goes out as far as windows go, goes on with them, and its end is the last frame', async () => {
  const session = await Session.begun();
  session.give(setting(4, 10));
  const user = session.request(REQUEST_CHUNKED);
  assert.equal(user.stream.write(Buffer.alloc(25, 'x')), false);
  assert.equal(user.stream.backlog, 15);
  user.stream.endBody('');
  const sizes = (frames: Frame[]): number[][] =>
    frames.filter(({ type }) => type === FRAME.data).map(({ payload, flags }) => [payload.length, flags]);
  assert.deepEqual(sizes(await session.sent()), [[10, 0]]);
  session.give(setting(4, 0));
  session.give(frame(FRAME.windowUpdate, 0, 1, number(10)));
  assert.deepEqual(sizes(await session.sent()), []);
  session.give(setting(4, 12));
  assert.deepEqual(sizes(await session.sent()), [[12, 0]]);
  session.give(frame(FRAME.windowUpdate, 0, 1, number(100)));
  assert.deepEqual(sizes(await session.sent()), [[3, END_STREAM]]);
});

test('several uploads share what the connection takes', async () => {
  const session = await Session.begun();
  session.give(setting(4, 1_000_000));
  const users = [1, 2, 3].map(() => session.request(REQUEST_CHUNKED));
  for (const user of users) user.stream.write(Buffer.alloc(40_000, 'x'));
  const sent = (frames: Frame[], id: number): number =>
    frames
      .filter(({ type, stream }) => type === FRAME.data && stream === id)
      .reduce((n, { payload }) => n + payload.length, 0);
  const first = await session.sent();
  assert.equal(
    [1, 3, 5].reduce((sum, id) => sum + sent(first, id), 0),
    65_535,
  );
  session.give(frame(FRAME.windowUpdate, 0, 0, number(1_000_000)));
  const rest = await session.sent();
  for (const id of [1, 3, 5]) assert.equal(sent(first, id) + sent(rest, id), 40_000);
  for (const user of users.slice(1)) assert.equal(user.writable, 1);
});

test('a body that finds much before it goes on when that is out', async () => {
  const session = await Session.begun();
  session.give(setting(4, 1_000_000), frame(FRAME.windowUpdate, 0, 0, number(1_000_000)));
  const head = `GET / HTTP/1.1\r\nhost: a\r\nx: ${'y'.repeat(15_000)}\r\n\r\n`;
  for (let i = 0; i < 20; i++) session.request(REQUEST_NO_BODY, head);
  const user = session.request(REQUEST_CHUNKED);
  user.stream.write(Buffer.alloc(200_000));
  user.stream.endBody('');
  const sent = (await session.sent()).filter(({ type }) => type === FRAME.data);
  assert.equal(
    sent.reduce((sum, { payload }) => sum + payload.length, 0),
    200_000,
  );
});

test('a server that reads nothing is not sent ever more, and is not read from while it asks for answers', async () => {
  const session = await Session.begun();
  session.socket.limit(0);
  session.give(setting(4, 0x7fff_ffff), frame(FRAME.windowUpdate, 0, 0, number(0x7fff_0000)));
  const user = session.request(REQUEST_CHUNKED);
  for (let i = 0; i < 100; i++) user.stream.write(Buffer.alloc(65_536));
  assert.ok(session.socket.backlog < 300_000, `${session.socket.backlog}`);
  const ping = frame(FRAME.ping, 0, 0, Buffer.alloc(8));
  for (let i = 0; i < 20 && !session.socket.paused; i++) {
    session.give(...new Array<Buffer>(9_000).fill(ping));
    session.give(
      ...new Array<Buffer>(10_000).fill(frame(FRAME.headers, END_HEADERS, 1, literals([[':status', '103']]))),
    );
  }
  assert.ok(session.socket.backlog < 2_000_000);
});

const HOSTILE: Record<string, [frames: Buffer[], code: number]> = {
  'no SETTINGS in front': [[frame(FRAME.ping, 0, 0, Buffer.alloc(8))], CODE.protocol],
  'DATA of a stream that was never opened': [[SETTINGS, frame(FRAME.data, 0, 5, Buffer.from('a'))], CODE.protocol],
  'HEADERS of a stream of its own': [[SETTINGS, frame(FRAME.headers, END_HEADERS, 2, OK)], CODE.protocol],
  'a push': [[SETTINGS, frame(FRAME.pushPromise, END_HEADERS, 1, Buffer.concat([number(2), OK]))], CODE.protocol],
  'RST_STREAM of a stream that was never opened': [[SETTINGS, frame(FRAME.rstStream, 0, 7, number(8))], CODE.protocol],
  'a window of streams that is too large': [[setting(4, 0x8000_0000)], CODE.flowControl],
  'a window of the connection that is too large': [
    [SETTINGS, frame(FRAME.windowUpdate, 0, 0, number(0x7fff_ffff))],
    CODE.flowControl,
  ],
  'windows that a change makes too large': [
    [SETTINGS, frame(FRAME.windowUpdate, 0, 1, number(0x7fff_0000)), setting(4, 0x7fff_ffff)],
    CODE.flowControl,
  ],
  'more than the window of a stream': [
    [
      SETTINGS,
      frame(FRAME.headers, END_HEADERS, 1, OK),
      ...new Array<Buffer>(17).fill(frame(FRAME.data, 0, 1, Buffer.alloc(16_384))),
    ],
    CODE.flowControl,
  ],
  'a frame size that may not be': [[setting(5, 100)], CODE.protocol],
  'an update of the window by nothing': [[SETTINGS, frame(FRAME.windowUpdate, 0, 0, number(0))], CODE.protocol],
  'fields that cannot be decoded': [
    [SETTINGS, frame(FRAME.headers, END_HEADERS, 1, hpackIndexed(100))],
    CODE.compression,
  ],
};

for (const [what, [frames, code]] of Object.entries(HOSTILE)) {
  test(`${what}: the connection ends with the right code, and its requests fail`, async () => {
    const session = new Session();
    await session.socket.settle();
    session.socket.sent();
    const user = session.request();
    user.stalls = true;
    session.give(...frames);
    assert.equal(await session.ended(), code);
    assert.deepEqual([session.broken, user.fault], [true, FAULTS.badResponse]);
    assert.equal(session.streams.size, 0);
  });
}

const FLOODS: Record<string, Buffer> = {
  PINGs: frame(FRAME.ping, 0, 0, Buffer.alloc(8)),
  SETTINGS: frame(FRAME.settings, 0, 0),
  'SETTINGS of many entries': frame(FRAME.settings, 0, 0, Buffer.alloc(6_000)),
  'empty DATA': frame(FRAME.data, 0, 1),
  'updates of windows': frame(FRAME.windowUpdate, 0, 0, number(1)),
  PRIORITY: frame(FRAME.priority, 0, 1, Buffer.alloc(5)),
  'frames of unknown types': frame(0x77, 0, 1, Buffer.alloc(5)),
  'DATA of a stream that is over': frame(FRAME.data, 0, 3, Buffer.from('abcdefgh')),
  'HEADERS of a stream that is over': frame(FRAME.headers, END_HEADERS, 3, OK),
  'RST_STREAM of a stream that is over': frame(FRAME.rstStream, 0, 3, number(8)),
};

for (const [what, flood] of Object.entries(FLOODS)) {
  test(`a flood of ${what} ends the connection`, async () => {
    const session = await Session.begun();
    session.request();
    session.request();
    session.give(EMPTY_OK(3), frame(FRAME.headers, END_HEADERS, 1, OK));
    for (let i = 0; i < 40 && !session.socket.closed && session.lost === ''; i++) {
      session.give(...new Array<Buffer>(1_000).fill(flood));
    }
    assert.equal(await session.ended(), CODE.enhanceYourCalm);
    assert.match(session.lost, /^too many /);
  });
}

test('a server may answer each request with a PING and an update of both windows', async () => {
  const session = await Session.begun();
  const ping = frame(FRAME.ping, 0, 0, Buffer.alloc(8));
  const update = frame(FRAME.windowUpdate, 0, 0, number(1));
  for (let id = 1; id < 20_000; id += 2) {
    const user = session.request();
    session.give(ping, update, frame(FRAME.headers, END_HEADERS, id, OK), frame(FRAME.data, END_STREAM, id));
    assert.equal(user.trailers, '');
  }
  assert.equal(session.lost, '');
});

test('whatever frames come, nothing is thrown and every request has one end at most', () => {
  const payload = fc.oneof(
    fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
    fc.constantFrom(OK, Buffer.alloc(8), number(1), number(8), literals([[':status', '103']]), literals([['x', 'y']])),
  );
  const one = fc
    .tuple(
      fc.oneof(fc.nat({ max: 9 }), fc.constantFrom(0, 1)),
      fc.constantFrom(0, 1, 4, 5, 8, 13),
      fc.nat({ max: 6 }),
      payload,
    )
    .map(([type, flags, id, bytes]) => frame(type, flags, id, bytes));
  fc.assert(
    fc.property(fc.array(one, { maxLength: 12 }), fc.nat({ max: 200 }), (frames, cut) => {
      const session = new Session();
      session.give(SETTINGS);
      const users = [session.request(), session.request(REQUEST_CHUNKED), session.request()];
      users[2].stalls = true;
      const bytes = Buffer.concat(frames);
      session.give(bytes.subarray(0, cut));
      session.give(bytes.subarray(cut));
      assert.deepEqual(session.socket.crashes, []);
      for (const { fault, trailers } of users) assert.ok(fault === null || trailers === null);
      if (session.lost !== '') assert.equal(session.streams.size, 0);
    }),
    { numRuns: 300 },
  );
});

test('interim responses have an end', async () => {
  const session = await Session.begun();
  const user = session.request();
  for (let i = 0; i < 40; i++) session.give(frame(FRAME.headers, END_HEADERS, 1, literals([[':status', '103']])));
  assert.equal(user.fault, FAULTS.badResponse);
  assert.equal(user.interim.length, 32);
  const [reset] = (await session.sent()).filter(({ type }) => type === FRAME.rstStream);
  assert.equal(reset.payload.readUInt32BE(), CODE.protocol);
});

test('what still comes of a stream that was given up is read past', async () => {
  const session = await Session.begun();
  const user = session.request();
  user.stream.abandon(user);
  const remembered = Buffer.concat([OK, Buffer.from('400161023132', 'hex')]);
  session.give(frame(FRAME.headers, END_HEADERS, 1, remembered), frame(FRAME.data, END_STREAM, 1, Buffer.from('late')));
  const next = session.request();
  // The table goes on.
  session.give(frame(FRAME.headers, END_HEADERS | END_STREAM, 3, Buffer.concat([OK, hpackIndexed(62)])));
  assert.equal(next.head, '200 OK\r\na: 12');
  assert.equal(session.lost, '');
});

for (const [name, code, fault] of [
  ['REFUSED_STREAM', CODE.refusedStream, FAULTS.streamRefused],
  ['HTTP_1_1_REQUIRED', CODE.http11Required, FAULTS.streamRefused],
  ['INTERNAL_ERROR', CODE.internal, FAULTS.streamReset],
  ['NO_ERROR', CODE.noError, FAULTS.streamReset],
] as const) {
  test(`${name} before an answer, and within one`, async () => {
    const session = await Session.begun();
    const [unanswered, answered] = [session.request(), session.request()];
    session.give(
      frame(FRAME.rstStream, 0, 1, number(code)),
      frame(FRAME.headers, END_HEADERS, 3, OK),
      frame(FRAME.rstStream, 0, 3, number(code)),
    );
    assert.deepEqual([unanswered.fault, answered.fault], [fault, FAULTS.truncated]);
    assert.equal(session.streams.size, 0);
  });
}

test('a server that wants no more of a request whose answer is whole is not failed for it', async () => {
  const session = await Session.begun();
  const user = session.request(REQUEST_CHUNKED);
  session.give(EMPTY_OK(1), frame(FRAME.rstStream, 0, 1, number(CODE.noError)));
  assert.deepEqual([user.trailers, user.fault], ['', null]);
});

test('PINGs are answered with what they bring, and SETTINGS acknowledged', async () => {
  const session = await Session.begun();
  session.give(frame(FRAME.ping, 0, 0, Buffer.from('12345678')), setting(3, 7), setting(1, 0));
  const answers = (await session.sent()).map(({ type, flags, payload }) => [type, flags, payload.toString()]);
  assert.deepEqual(answers, [
    [FRAME.ping, ACK, '12345678'],
    [FRAME.settings, ACK, ''],
    [FRAME.settings, ACK, ''],
  ]);
  assert.equal(session.limit, 7);
});

test('a long head goes out in several frames', async () => {
  const session = await Session.begun();
  session.request(REQUEST_NO_BODY, `GET / HTTP/1.1\r\nhost: a\r\nx: ${'y'.repeat(40_000)}\r\n\r\n`);
  const sent = await session.sent();
  assert.deepEqual(
    sent.map(({ type, flags }) => [type, flags]),
    [
      [FRAME.headers, END_STREAM],
      [FRAME.continuation, 0],
      [FRAME.continuation, END_HEADERS],
    ],
  );
});
