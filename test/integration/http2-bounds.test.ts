/**
 * What one client of HTTP/2 may cost, and for how long: fields, frames of no use, pieces of a byte, and streams without
 * progress. Time passes 50 times as fast here, as far as timeouts are concerned.
 */
import assert from 'node:assert/strict';
import { after } from 'node:test';
import { startEngines, whole } from '../harness/engines.ts';
import { exchangeTest, openFiles, residentBytes, type Scope } from '../harness/exchanges.ts';
import {
  END_HEADERS,
  END_STREAM,
  FRAME,
  frame,
  hpackField,
  hpackIndexed,
  http2Raw,
  http2Setting,
  requestBlock,
} from '../harness/http2-frames.ts';
import { answering, ok, type RawConnection, startRawServer } from '../harness/raw.ts';
import { addRoute, FAST_TIMERS } from '../harness/tsuji.ts';
import { waitFor } from '../harness/wait.ts';

const engines = await startEngines(
  { after },
  { imports: [FAST_TIMERS], flags: ['--respondingTimeouts.idleTimeout=30s'] },
);
const { tsuji } = engines;
const port = engines.port('tsuji-h2c');
const CANCEL = 8;
const ENHANCE_YOUR_CALM = 11;
const PING = frame(FRAME.ping, 0, 0, Buffer.alloc(8));

const setUp = (t: Scope, serve?: (c: RawConnection) => void) => http2Setting(t, engines, serve);

/** Ends with the test. */
function every(t: Scope, ms: number, act: () => void): void {
  const interval = setInterval(act, ms);
  t.after(() => clearInterval(interval));
}

function windowUpdate(stream: number, bytes: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(bytes);
  return frame(FRAME.windowUpdate, 0, stream, payload);
}

/** Frames of one head, however long it is. */
function headFrames(stream: number, block: Buffer): Buffer {
  const frames: Buffer[] = [];
  for (let at = 0; at < block.length; at += 16_384) {
    const flags = (at === 0 ? END_STREAM : 0) | (at + 16_384 >= block.length ? END_HEADERS : 0);
    frames.push(frame(at === 0 ? FRAME.headers : FRAME.continuation, flags, stream, block.subarray(at, at + 16_384)));
  }
  return Buffer.concat(frames);
}

exchangeTest('100 fields are served, one more is a 431 and costs no other stream; cookies count', tsuji, async (t) => {
  const { host, server } = await setUp(
    t,
    answering(() => ok('fine')),
  );
  const client = engines.client(t as never, 'tsuji-h2c');
  const many = (count: number): Record<string, string> =>
    Object.fromEntries(Array.from({ length: count }, (_, i) => [`x-${i}`, 'y']));
  assert.equal((await whole(client.ask({ host, fields: many(100) }))).status, 200);
  assert.equal((await whole(client.ask({ host, fields: many(101) }))).status, 431);
  assert.equal((await whole(client.ask({ host, fields: many(200) }))).status, 431);
  const cookies = Array.from({ length: 51 }, (_, i) => `c${i}=1`);
  assert.equal((await whole(client.ask({ host, fields: { ...many(50), cookie: cookies } }))).status, 431);
  assert.equal((await whole(client.ask({ host, fields: { ...many(49), cookie: cookies } }))).status, 200);
  assert.equal(server.connections.length, 1);
  // The client adds some of its own.
  const http1 = engines.client(t as never, 'tsuji');
  assert.equal((await whole(http1.ask({ host, fields: many(98) }))).status, 200);
  assert.equal((await whole(http1.ask({ host, fields: many(101) }))).status, 431);
});

exchangeTest('a bomb of references to one field costs its streams and little memory', tsuji, async (t) => {
  const { host } = await setUp(
    t,
    answering(() => ok('fine')),
  );
  const before = await residentBytes(tsuji);
  for (const [name, value] of [
    ['x', 'y'],
    ['cookie', 'a=1'],
  ]) {
    const bomber = await http2Raw(t as never, port);
    // No window: whatever is answered stays here.
    bomber.send(frame(FRAME.settings, 0, 0, Buffer.from([0, 4, 0, 0, 0, 0])));
    for (let i = 0; i < 240; i++) {
      const remembered = i === 0 ? hpackField(name, value, true) : Buffer.alloc(0);
      const references = Buffer.concat(Array.from({ length: 1_850 }, () => hpackIndexed(62)));
      bomber.send(headFrames(2 * i + 1, Buffer.concat([requestBlock(host), remembered, references])));
    }
    const refused = (i: number): boolean =>
      bomber.of(FRAME.rstStream, 2 * i + 1).length > 0 || bomber.of(FRAME.headers, 2 * i + 1).length > 0;
    await waitFor(() => bomber.raw.closed || refused(239), 'the last stream to be refused');
  }
  assert.ok((await residentBytes(tsuji)) - before < 32 << 20);
  // One that has been idle meanwhile may have been ended.
  const other = await http2Raw(t as never, port);
  other.get(1, host);
  await other.answered(1);
});

exchangeTest('the heads of one session have a bound in sum', tsuji, async (t) => {
  const { host, server, client } = await setUp(t);
  const long = Array.from({ length: 8 }, (_, i) => [`x-${i}`, 'y'.repeat(7_500)] as const);
  for (let i = 0; i < 100; i++) client.send(headFrames(2 * i + 1, requestBlock(host, long)));
  assert.equal(await client.reset(199), ENHANCE_YOUR_CALM);
  assert.ok(server.connections.length < 80, `${server.connections.length} heads of 60 KiB`);
  assert.equal(client.raw.closed, false);
  client.raw.destroy();
});

exchangeTest(
  '12 000 PINGs among 2 000 calls are those of an honest client, as many alone a flood',
  tsuji,
  async (t) => {
    const { host, client } = await setUp(
      t,
      answering(() => ok('x')),
    );
    for (let i = 0; i < 2_000; i++) {
      client.get(2 * i + 1, host);
      client.send(PING, PING, PING, PING, PING, PING);
      if (i % 100 === 99) await client.answered(2 * i + 1);
    }
    assert.equal(client.raw.closed, false);
    while (!client.raw.closed && client.of(FRAME.goaway, 0).length === 0) {
      client.send(...Array.from({ length: 200 }, () => PING));
      await new Promise(setImmediate);
    }
    await client.untilEnded();
  },
);

exchangeTest('a flood of WINDOW_UPDATE frames is ended', tsuji, async (t) => {
  const { client } = await setUp(t);
  const burst = Buffer.concat(Array.from({ length: 1_000 }, () => windowUpdate(0, 1)));
  while (!client.raw.closed && client.of(FRAME.goaway, 0).length === 0) {
    client.send(burst);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await client.untilEnded();
});

exchangeTest('an upload byte by byte reaches the server in larger pieces, or is ended as a flood', tsuji, async (t) => {
  const { host, server, client } = await setUp(t);
  const byte = frame(FRAME.data, 0, 1, Buffer.from('x'));
  client.send(frame(FRAME.headers, END_HEADERS, 1, requestBlock(host, [], 'POST')));
  const upstream = await server.next();
  await upstream.until('\r\n\r\n');
  upstream.received = '';
  client.send(Buffer.concat(Array.from({ length: 5_000 }, () => byte)), frame(FRAME.data, END_STREAM, 1));
  await waitFor(() => upstream.received.endsWith('0\r\n\r\n'), 'the end of the upload');
  const sizes = [...upstream.received.matchAll(/([0-9a-f]+)\r\nx/g)].map(([, size]) => Number.parseInt(size, 16));
  assert.equal(
    sizes.reduce((sum, size) => sum + size, 0),
    5_000,
  );
  assert.ok(sizes.length < 100, `${sizes.length} pieces`);
  upstream.send(ok('x'));
  await client.answered(1);
  client.send(frame(FRAME.headers, END_HEADERS, 3, requestBlock(host, [], 'POST')));
  const burst = Buffer.concat(Array.from({ length: 1_000 }, () => frame(FRAME.data, 0, 3, Buffer.from('x'))));
  while (!client.raw.closed && client.of(FRAME.goaway, 0).length === 0) {
    client.send(burst);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await client.untilEnded();
});

exchangeTest(
  'a client that takes nothing loses its stream whatever PINGs it sends, one that takes a little keeps it',
  tsuji,
  async (t) => {
    const big = 'x'.repeat(60_000);
    const { host, client: stalled } = await setUp(
      t,
      answering(() => ok(big)),
    );
    const slow = await http2Raw(t as never, port);
    // A window of 2 000 bytes: 60 s without progress are 1.2 s here.
    for (const client of [stalled, slow]) {
      client.send(frame(FRAME.settings, 0, 0, Buffer.from([0, 4, 0, 0, 0x07, 0xd0])));
      client.get(1, host);
      await client.answered(1);
      every(t, 20, () => client.send(PING));
    }
    every(t, 100, () => stalled.send(windowUpdate(1, 10)));
    every(t, 100, () => slow.send(windowUpdate(1, 400)));
    assert.equal(await stalled.reset(1), CANCEL);
    assert.ok(stalled.of(FRAME.data, 1).every(({ flags }) => (flags & END_STREAM) === 0));
    const bytes = (): number => slow.of(FRAME.data, 1).reduce((sum, { payload }) => sum + payload.length, 0);
    const before = bytes();
    await waitFor(() => bytes() > before + 2_000, 'more of the other response');
    slow.send(windowUpdate(1, 60_000), windowUpdate(0, 60_000));
    await waitFor(() => bytes() === big.length, 'all of it');
    assert.equal(slow.of(FRAME.rstStream, 1).length, 0);
  },
);

exchangeTest(
  'an upload that does not come ends its stream whatever PINGs come; a silent call of gRPC lives on',
  tsuji,
  async (t) => {
    const { host, server, client } = await setUp(t);
    const grpc = requestBlock(host, [['content-type', 'application/grpc+proto']], 'POST');
    client.send(frame(FRAME.headers, END_HEADERS, 1, grpc));
    const calm = await server.next();
    client.send(frame(FRAME.headers, END_HEADERS, 3, requestBlock(host, [], 'POST')));
    const silent = await server.next();
    client.send(frame(FRAME.headers, END_HEADERS, 5, requestBlock(host, [], 'POST')));
    const slow = await server.next();
    every(t, 20, () => client.send(PING));
    every(t, 500, () => client.send(frame(FRAME.data, 0, 5, Buffer.alloc(1_100, 'x'))));
    assert.equal(await client.reset(3), CANCEL);
    await waitFor(() => silent.closed, 'its server to be told');
    assert.deepEqual([calm.closed, slow.closed], [false, false]);
    client.send(frame(FRAME.data, END_STREAM, 1, Buffer.from('message')), frame(FRAME.data, END_STREAM, 5));
    await calm.until('message');
    for (const upstream of [calm, slow]) upstream.send(ok('x'));
    await client.answered(1);
    await client.answered(5);
  },
);

exchangeTest('a connection without streams is idle, whatever PINGs come', tsuji, async (t) => {
  const { host, client } = await setUp(
    t,
    answering(() => ok('x')),
  );
  client.get(1, host);
  await client.answered(1);
  every(t, 20, () => client.send(PING));
  assert.equal(await client.untilEnded(), 0);
  await waitFor(() => client.raw.closed, 'the connection to be closed');
});

exchangeTest('half a head does not keep a connection that is idle', tsuji, async (t) => {
  const { host, client } = await setUp(t);
  client.send(frame(FRAME.headers, END_STREAM | END_HEADERS, 1, requestBlock(host)).subarray(0, 14));
  assert.equal(await client.untilEnded(), 0);
  await waitFor(() => client.raw.closed, 'the connection to be closed');
});

exchangeTest('a client that reads nothing at all is gone some time after its streams', tsuji, async (t) => {
  const before = await openFiles(tsuji);
  const server = await startRawServer(
    t,
    answering(() => ok('x'.repeat(20_000_000))),
  );
  const host = await addRoute(tsuji, [server.url]);
  const clients = await Promise.all(Array.from({ length: 4 }, () => http2Raw(t as never, port)));
  for (const client of clients) {
    client.raw.socket.pause();
    // The largest window, so that it is the connection that is full.
    client.send(frame(FRAME.settings, 0, 0, Buffer.from([0, 4, 0x7f, 0xff, 0xff, 0xff])), windowUpdate(0, 0x7000_0000));
    client.get(1, host);
  }
  await waitFor(() => server.connections.length === clients.length, 'the requests');
  await waitFor(() => server.connections.every(({ closed }) => closed), 'the server to be told');
  await waitFor(async () => (await openFiles(tsuji)) <= before + 1, 'the connections to be closed');
});

exchangeTest('what HTTP/2 has no word for does not break it: statuses above 599, bodies of 205', tsuji, async (t) => {
  const answers = new Map([
    ['/600', 'HTTP/1.1 600 Odd\r\nContent-Length: 3\r\n\r\nodd'],
    ['/999', 'HTTP/1.1 999 Odd\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nodd\r\n0\r\n\r\n'],
    ['/205', 'HTTP/1.1 205 Reset Content\r\nContent-Length: 5\r\n\r\nhello'],
    ['/205-chunked', 'HTTP/1.1 205 Reset Content\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n'],
    ['/204', 'HTTP/1.1 204 No Content\r\n\r\n'],
    ['/304', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n'],
  ]);
  const { host } = await setUp(
    t,
    answering((head) => answers.get(head.split(' ')[1])!),
  );
  const h2 = engines.client(t as never, 'tsuji-h2c');
  const http1 = engines.client(t as never, 'tsuji');
  for (const path of answers.keys()) {
    const wanted = Number(path.slice(1, 4));
    const got = await whole(h2.ask({ host, path }));
    assert.deepEqual([got.status, String(got.body)], wanted > 599 ? [502, 'Bad Gateway'] : [wanted, ''], path);
    assert.equal(got.fields['content-length'], wanted > 599 ? '11' : path === '/304' ? '5' : undefined, path);
    assert.equal((await whole(http1.ask({ host, path }))).status, wanted, path);
  }
  assert.equal(tsuji.output.includes('event=own_error'), false);
});

exchangeTest('early hints reach a client of HTTP/2', tsuji, async (t) => {
  const { host } = await setUp(
    t,
    answering(() => `HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nLink: </b>\r\n\r\n${ok('x')}`),
  );
  const asked = engines.client(t as never, 'tsuji-h2c').ask({ host });
  assert.equal((await whole(asked)).status, 200);
  assert.deepEqual(
    asked.interim.map(({ status, fields }) => [status, fields.link]),
    [[103, '</a>, </b>']],
  );
});
