/** HTTP/2 of clients frame by frame (RFC 9113), and the clients that mean harm. */
import assert from 'node:assert/strict';
import { connect } from 'node:http2';
import test, { after } from 'node:test';
import { CODE } from '../../src/http2/codes.ts';
import { HpackDecoder } from '../../src/http2/hpack-decoder.ts';
import { startEngines, whole } from '../harness/engines.ts';
import { exchangeTest, openExchanges, request, residentBytes, type Scope } from '../harness/exchanges.ts';
import { startFrameServer } from '../harness/http2.ts';
import {
  END_HEADERS,
  END_STREAM,
  FRAME,
  frame,
  type Http2Raw,
  hpackField,
  hpackIndexed,
  http2Raw,
  http2Setting,
  requestBlock,
} from '../harness/http2-frames.ts';
import { OWN_HOST } from '../harness/own-host.ts';
import { answering, ok, type RawConnection, startRawServer } from '../harness/raw.ts';
import { addRoute } from '../harness/tsuji.ts';
import { SOON_MS, waitFor } from '../harness/wait.ts';

const engines = await startEngines({ after });
const { tsuji } = engines;
const port = engines.port('tsuji-h2c');

const NO_ERROR = 0;
const CANCEL = Buffer.from([0, 0, 0, 8]);
const MAX_STREAMS = 250;

const setUp = (t: Scope, serve?: (c: RawConnection) => void) => http2Setting(t, engines, serve);

/** The worker lives and serves others. */
async function servesOthers(t: Scope): Promise<void> {
  const { host } = await setUp(
    t,
    answering(() => ok('fine')),
  );
  for (const engine of ['tsuji-h2c', 'tsuji-h2', 'tsuji'] as const) {
    assert.equal(String((await whole(engines.client(t as never, engine).ask({ host }))).body), 'fine');
  }
}

exchangeTest(
  'what HTTP/1.1 has other words for is translated: authority, cookies, a body without a length',
  tsuji,
  async (t) => {
    const { host, server, client } = await setUp(t);
    const fields = [
      ['cookie', 'a=1'],
      ['x-one', '1'],
      ['cookie', 'b=2; c=3'],
      ['te', 'trailers'],
      ['host', host],
    ] as const;
    const block = requestBlock(host, fields, 'POST');
    client.send(frame(FRAME.headers, END_HEADERS, 1, block), frame(FRAME.data, END_STREAM, 1, Buffer.from('body')));
    const upstream = await server.next();
    const got = await request(upstream);
    assert.deepEqual([got.statusLine, got.body], ['POST / HTTP/1.1', 'body']);
    assert.deepEqual(
      ['host', 'cookie', 'x-one', 'te', 'transfer-encoding', 'content-length'].map((name) => got.fields.get(name)),
      [[host], ['a=1; b=2; c=3'], ['1'], ['trailers'], ['chunked'], undefined],
    );
    upstream.send(ok('x'));
    await client.answered(1);
  },
);

exchangeTest('what is malformed costs its stream and never reaches a server', tsuji, async (t) => {
  const { host, server, client } = await setUp(t);
  const malformed: Record<string, Buffer> = {
    connection: requestBlock(host, [['connection', 'keep-alive']]),
    'transfer-encoding': requestBlock(host, [['transfer-encoding', 'chunked']]),
    upgrade: requestBlock(host, [['upgrade', 'foo']]),
    'te that is not trailers': requestBlock(host, [['te', 'gzip']]),
    'a name with capitals': requestBlock(host, [['X-Big', '1']]),
    'an unknown pseudo field': requestBlock(host, [[':other', '1']]),
    'a pseudo field behind the others': Buffer.concat([requestBlock(host, [['x', '1']]), hpackField(':path', '/two')]),
    'two paths': Buffer.concat([hpackField(':path', '/two'), requestBlock(host)]),
    'no path': Buffer.concat(
      [':method GET', ':scheme http', `:authority ${host}`].map((f) => hpackField(f.split(' ')[0], f.split(' ')[1])),
    ),
    'an empty path': Buffer.concat([
      hpackField(':path', ''),
      hpackField(':method', 'GET'),
      hpackField(':scheme', 'http'),
      hpackField(':authority', host),
    ]),
    'another Host': requestBlock(host, [['host', 'other.test']]),
    'a Host with a path': requestBlock(`${host}/x`),
    'a length without a body': requestBlock(host, [['content-length', '5']]),
    'two lengths': requestBlock(host, [
      ['content-length', '0'],
      ['content-length', '1'],
    ]),
  };
  let stream = 1;
  for (const [what, block] of Object.entries(malformed)) {
    const id = stream;
    client.send(frame(FRAME.headers, END_STREAM | END_HEADERS, id, block));
    await waitFor(
      () => client.of(FRAME.rstStream, id).length + client.of(FRAME.headers, id).length > 0 || client.raw.closed,
      `${what} to be refused`,
    );
    assert.equal(client.raw.closed, false, `${what} ended the connection`);
    assert.equal(server.connections.length, 0, `a server saw ${what}`);
    stream += 2;
  }
  const short = frame(FRAME.headers, END_HEADERS, stream, requestBlock(host, [['content-length', '5']], 'POST'));
  client.send(short, frame(FRAME.data, END_STREAM, stream, Buffer.from('abc')));
  await client.reset(stream);
  for (const { received } of server.connections) assert.equal(received.endsWith('abc'), received.includes('length: 5'));
  client.get(stream + 2, 'nobody.test');
  await client.answered(stream + 2);
});

exchangeTest('CONNECT is refused, OPTIONS * is served', tsuji, async (t) => {
  const { host, server, client } = await setUp(t);
  client.send(
    frame(
      FRAME.headers,
      END_HEADERS,
      1,
      Buffer.concat([hpackField(':method', 'CONNECT'), hpackField(':authority', host)]),
    ),
  );
  await client.answered(1);
  const star = [
    [':method', 'OPTIONS'],
    [':scheme', 'http'],
    [':path', '*'],
    [':authority', host],
  ];
  client.send(
    frame(
      FRAME.headers,
      END_HEADERS | END_STREAM,
      3,
      Buffer.concat(star.map(([name, value]) => hpackField(name, value))),
    ),
  );
  const upstream = await server.next();
  assert.match(await upstream.until('\r\n\r\n'), /^OPTIONS \* HTTP/);
  upstream.send(ok(''));
  await client.answered(3);
  assert.equal(server.connections.length, 1);
});

exchangeTest('a stream that is reset ends its request to the server at once, and no other', tsuji, async (t) => {
  const { host, server, client } = await setUp(t);
  client.get(1, host);
  const other = await server.next();
  client.send(
    frame(FRAME.headers, END_HEADERS, 3, requestBlock(host, [], 'POST')),
    frame(FRAME.data, 0, 3, Buffer.from('half')),
  );
  const upstream = await server.next();
  await upstream.until('half');
  client.send(frame(FRAME.rstStream, 0, 3, CANCEL));
  await waitFor(() => upstream.closed, 'the server to be told', SOON_MS);
  assert.equal(upstream.received.includes('0\r\n\r\n'), false, 'a broken upload that looks whole');
  other.send(ok('x'));
  await client.answered(1);
});

exchangeTest('an answer before the end of the upload ends the stream without an error', tsuji, async (t) => {
  const { host, server, client } = await setUp(t);
  client.send(
    frame(FRAME.headers, END_HEADERS, 1, requestBlock(host, [], 'POST')),
    frame(FRAME.data, 0, 1, Buffer.from('half')),
  );
  const upstream = await server.next();
  await upstream.until('half');
  upstream.send('HTTP/1.1 413 Too Much\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno');
  await client.answered(1);
  assert.equal(await client.reset(1), NO_ERROR);
  assert.equal(String(client.of(FRAME.data, 1)[0].payload), 'no');
});

exchangeTest('an answer that the server breaks off is reset, not ended', tsuji, async (t) => {
  const { host, client } = await setUp(t, (connection) => {
    connection.socket.once('data', () => connection.socket.end('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf'));
  });
  client.get(1, host);
  assert.notEqual(await client.reset(1), NO_ERROR);
  assert.ok(client.of(FRAME.data, 1).every(({ flags }) => (flags & END_STREAM) === 0));
});

exchangeTest('what a server wants in no table goes into none towards the client', tsuji, async (t) => {
  const secret = hpackField('x-secret', '1');
  secret[0] = 0x10;
  const fields = Buffer.concat([hpackField(':status', '200'), secret, hpackField('x-open', '2')]);
  const server = await startFrameServer(t as never, (connection, { type, stream }) => {
    if (type === FRAME.headers) connection.send(frame(FRAME.headers, END_STREAM | END_HEADERS, stream, fields));
  });
  const client = await http2Raw(t as never, port);
  client.get(1, await addRoute(tsuji, [server.url]));
  await client.answered(1);
  const [{ payload }] = client.of(FRAME.headers, 1);
  const seen: [string, boolean][] = [];
  const problem = new HpackDecoder().decode(payload, 0, payload.length, {
    field: ({ name, neverIndexed }) => seen.push([name, neverIndexed]) > 0,
  });
  assert.equal(problem, '');
  assert.deepEqual(
    seen.filter(([name]) => name.startsWith('x-')),
    [
      ['x-secret', true],
      ['x-open', false],
    ],
  );
});

exchangeTest('the code of a server that resets its answer reaches the client where it is for it', tsuji, async (t) => {
  let answering = 0;
  const server = await startFrameServer(t as never, (connection, { type, stream }) => {
    if (type !== FRAME.headers) return;
    answering = stream;
    connection.send(frame(FRAME.headers, END_HEADERS, stream, hpackField(':status', '200')));
    connection.send(frame(FRAME.data, 0, stream, Buffer.from('half')));
  });
  const host = await addRoute(tsuji, [server.url]);
  const client = await http2Raw(t as never, port);
  const told: number[] = [];
  const { cancel, enhanceYourCalm, refusedStream, protocol, internal } = CODE;
  for (const code of [cancel, enhanceYourCalm, refusedStream, protocol]) {
    const id = 2 * told.length + 1;
    client.get(id, host);
    await client.answered(id);
    server.connections[0].send(frame(FRAME.rstStream, 0, answering, Buffer.from([0, 0, 0, code])));
    told.push(await client.reset(id));
  }
  assert.deepEqual(told, [cancel, enhanceYourCalm, internal, internal]);
});

test('10 000 streams over four connections get each their own answer', async (t) => {
  const server = await startRawServer(
    t,
    answering((head) => ok(head.split(' ', 2)[1])),
  );
  const host = await addRoute(tsuji, [server.url]);
  const ask = async (session: import('node:http2').ClientHttp2Session, path: string): Promise<void> => {
    const stream = session.request({ ':path': path, ':authority': host });
    let body = '';
    for await (const chunk of stream) body += chunk;
    assert.equal(body, path);
  };
  await Promise.all(
    [0, 1, 2, 3].map(async (number) => {
      const session = connect(`http://${OWN_HOST}:${port}`);
      t.after(() => session.destroy());
      let next = 0;
      const runner = async (): Promise<void> => {
        while (next < 2_500) await ask(session, `/${number}-${next++}`);
      };
      await Promise.all(Array.from({ length: 100 }, runner));
    }),
  );
});

exchangeTest('the client is told how many streams it may have, and may not have more', tsuji, async (t) => {
  const { host, server, client } = await setUp(t);
  const settings = client.of(FRAME.settings, 0)[0].payload;
  const told = new Map<number, number>();
  for (let at = 0; at < settings.length; at += 6) told.set(settings.readUInt16BE(at), settings.readUInt32BE(at + 2));
  assert.deepEqual([told.get(3), told.get(6)], [MAX_STREAMS, 65_536]);
  for (let i = 0; i < MAX_STREAMS; i++) client.get(2 * i + 1, host);
  await waitFor(() => server.connections.length === MAX_STREAMS, 'all of them');
  client.get(2 * MAX_STREAMS + 1, host);
  const refused = (): boolean => client.of(FRAME.rstStream, 2 * MAX_STREAMS + 1).length > 0;
  await waitFor(() => refused() || client.of(FRAME.goaway, 0).length > 0, 'one more to be refused');
  client.raw.destroy();
  await waitFor(() => server.open === 0, 'the servers to be told');
  assert.equal(server.connections.length, MAX_STREAMS);
});

const FLOODS: Record<string, (client: Http2Raw, host: string) => Buffer | null> = {
  'streams that are reset as soon as they are opened': (client, host) => {
    const id = (client as Http2Raw & { next?: number }).next ?? 1;
    (client as Http2Raw & { next?: number }).next = id + 2;
    return Buffer.concat([
      frame(FRAME.headers, END_STREAM | END_HEADERS, id, requestBlock(host)),
      frame(FRAME.rstStream, 0, id, CANCEL),
    ]);
  },
  'PING frames': () => frame(FRAME.ping, 0, 0, Buffer.alloc(8)),
  'SETTINGS frames': () => frame(FRAME.settings, 0, 0, Buffer.from([0, 3, 0, 0, 0, 100])),
  'CONTINUATION frames': (client) => {
    if (client.raw.bytes === (client as Http2Raw & { begun?: number }).begun)
      return frame(FRAME.continuation, 0, 1, hpackField('x', 'y'));
    (client as Http2Raw & { begun?: number }).begun = client.raw.bytes;
    return frame(FRAME.headers, END_STREAM, 1, requestBlock('x'));
  },
  'frames that are not allowed': () => frame(FRAME.windowUpdate, 0, 0, Buffer.alloc(4)),
};

for (const [what, next] of Object.entries(FLOODS)) {
  exchangeTest(`a flood is ended: ${what}`, tsuji, async (t) => {
    const { host, server, client } = await setUp(
      t,
      answering(() => ok('x')),
    );
    let sent = 0;
    while (!client.raw.closed && client.of(FRAME.goaway, 0).length === 0 && sent < 20_000) {
      const burst: Buffer[] = [];
      for (let i = 0; i < 50; i++) burst.push(next(client, host)!);
      sent += burst.length;
      await new Promise<void>((resolve) => client.raw.socket.write(Buffer.concat(burst), () => resolve()));
      await new Promise(setImmediate);
    }
    await client.untilEnded(SOON_MS);
    assert.ok(server.connections.length < 1_500);
    await servesOthers(t);
  });
}

exchangeTest('a flood of empty frames is ended', tsuji, async (t) => {
  const { host, client } = await setUp(t);
  client.send(frame(FRAME.headers, END_HEADERS, 1, requestBlock(host, [], 'POST')));
  for (let sent = 0; sent < 20_000 && !client.raw.closed; sent += 50) {
    client.send(...Array.from({ length: 50 }, () => frame(FRAME.data, 0, 1)));
    await new Promise(setImmediate);
  }
  await client.untilEnded(SOON_MS);
  await servesOthers(t);
});

exchangeTest(
  'bombs of fields are refused: too many, too long, and small ones that unpack to large ones',
  tsuji,
  async (t) => {
    const { host, server } = await setUp(t);
    const before = await residentBytes(tsuji);
    const many = Array.from({ length: 3_000 }, (_, i) => [`x${i}`, 'y'] as const);
    const bombs: Buffer[] = [
      requestBlock(host, many),
      requestBlock(
        host,
        Array.from({ length: 9 }, (_, i) => [`x${i}`, 'y'.repeat(8_000)] as const),
      ),
      Buffer.concat([
        requestBlock(host),
        hpackField('x', 'y'.repeat(3_900), true),
        ...Array.from({ length: 12_000 }, () => hpackIndexed(62)),
      ]),
    ];
    for (const bomb of bombs) {
      const client = await http2Raw(t as never, port);
      const frames: Buffer[] = [];
      for (let at = 0; at < bomb.length; at += 16_384) {
        const last = at + 16_384 >= bomb.length;
        const flags = (at === 0 ? END_STREAM : 0) | (last ? END_HEADERS : 0);
        frames.push(frame(at === 0 ? FRAME.headers : FRAME.continuation, flags, 1, bomb.subarray(at, at + 16_384)));
      }
      client.send(...frames);
      await waitFor(
        () =>
          client.raw.closed ||
          client.of(FRAME.goaway, 0).length > 0 ||
          client.of(FRAME.rstStream, 1).length + client.of(FRAME.headers, 1).length > 0,
        'the bomb to be refused',
      );
    }
    assert.equal(server.connections.length, 0, 'a server saw it');
    assert.ok((await residentBytes(tsuji)) - before < 32 << 20);
    const client = await http2Raw(t as never, port);
    client.get(
      1,
      host,
      Array.from({ length: 100 }, (_, i) => [`x-${i}`, 'y'] as const),
    );
    const got = await request(await server.next());
    assert.ok(got.fields.size > 100);
    server.connections[0].send(ok('x'));
    await client.answered(1);
    await servesOthers(t);
  },
);

exchangeTest('a client that opens no window holds little of our memory', tsuji, async (t) => {
  const { host, server, client } = await setUp(t);
  const before = await residentBytes(tsuji);
  for (let i = 0; i < 50; i++) client.get(2 * i + 1, host);
  await waitFor(() => server.connections.length === 50, 'the requests');
  for (const upstream of server.connections) {
    upstream.send(`HTTP/1.1 200 OK\r\nContent-Length: ${8 << 20}\r\n\r\n`);
    upstream.send(Buffer.alloc(8 << 20));
  }
  let last = -1;
  await waitFor(async () => {
    const waiting = server.connections.reduce((sum, { socket }) => sum + socket.writableLength, 0);
    const still = waiting === last;
    last = waiting;
    await openExchanges(tsuji);
    return still;
  }, 'the flow to stop');
  assert.ok(last > 50 << 20, 'the servers were not slowed down');
  assert.ok((await residentBytes(tsuji)) - before < 96 << 20);
  client.raw.destroy();
});

test('on SIGTERM the client gets GOAWAY, and what runs may end', async (t) => {
  const ending = await startEngines(t);
  const server = await startRawServer(t);
  const host = await addRoute(ending.tsuji, [server.url]);
  const client = await http2Raw(t, ending.port('tsuji-h2c'));
  client.get(1, host);
  const upstream = await server.next();
  await upstream.until('\r\n\r\n');
  ending.tsuji.kill('SIGTERM');
  await waitFor(() => client.of(FRAME.goaway, 0).length > 0, 'GOAWAY');
  assert.equal(client.of(FRAME.goaway, 0)[0].payload.readUInt32BE(4), NO_ERROR);
  upstream.send(ok('done'));
  await client.answered(1);
  assert.equal(
    await waitFor(() => client.of(FRAME.data, 1)[0], 'the body').then(({ payload }) => String(payload)),
    'done',
  );
  assert.deepEqual(await ending.tsuji.ended(), { code: 0, signal: null });
});

test('a drain waits for an answer that its client takes slowly', async (t) => {
  const ending = await startEngines(t);
  const server = await startRawServer(
    t,
    answering(() => ok('x'.repeat(40_000))),
  );
  const host = await addRoute(ending.tsuji, [server.url]);
  const client = await http2Raw(t, ending.port('tsuji-h2c'));
  const bytes = (): number => client.of(FRAME.data, 1).reduce((sum, { payload }) => sum + payload.length, 0);
  // A window of 10 000 bytes; the answer comes from its server in one piece, so its exchange is soon over.
  client.send(frame(FRAME.settings, 0, 0, Buffer.from([0, 4, 0, 0, 0x27, 0x10])));
  client.get(1, host);
  await waitFor(() => bytes() === 10_000, 'the window to be used up');
  await waitFor(async () => (await openExchanges(ending.tsuji)) === 0, 'the exchange to end');
  ending.tsuji.kill('SIGTERM');
  await waitFor(() => client.of(FRAME.goaway, 0).length > 0, 'GOAWAY');
  // Longer than a worker lingers.
  await new Promise((resolve) => setTimeout(resolve, 600));
  const more = Buffer.from([0, 8, 0, 0]);
  client.send(frame(FRAME.windowUpdate, 0, 0, more), frame(FRAME.windowUpdate, 0, 1, more));
  await waitFor(
    () => bytes() === 40_000,
    () => `the rest, so far ${bytes()}`,
    SOON_MS,
  );
  assert.deepEqual(await ending.tsuji.ended(), { code: 0, signal: null });
});

test('an idle HTTP/2 connection ends with GOAWAY after --respondingTimeouts.idleTimeout', async (t) => {
  const short = await startEngines(t, { flags: ['--respondingTimeouts.idleTimeout=300ms'] });
  const client = await http2Raw(t, short.port('tsuji-h2c'));
  assert.equal(await client.untilEnded(SOON_MS), NO_ERROR);
  await waitFor(() => client.raw.closed, 'the connection to be closed', SOON_MS);
});
