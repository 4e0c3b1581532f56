/** HTTP/2 servers that misbehave, frame by frame: what is broken is never taken for whole, and nobody else suffers. */
import assert from 'node:assert/strict';
import { after } from 'node:test';
import {
  brokenResponse,
  exchangeTest,
  openUpstream,
  type Received,
  response,
  type Scope,
} from '../harness/exchanges.ts';
import { literals, startFrameServer } from '../harness/http2.ts';
import { END_HEADERS, END_STREAM, FRAME, type Frame, frame } from '../harness/http2-frames.ts';
import { type RawConnection, rawClient } from '../harness/raw.ts';
import { addRoute, startTsuji } from '../harness/tsuji.ts';
import { waitFor } from '../harness/wait.ts';

const tsuji = await startTsuji({ after }, { flags: ['--logLevel=DEBUG'] });
const impatient = await startTsuji(
  { after },
  { flags: ['--forwardingTimeouts.responseHeaderTimeout=200ms', '--forwardingTimeouts.dialTimeout=1s'] },
);

const get = (host: string, method = 'GET'): string => `${method} / HTTP/1.1\r\nHost: ${host}\r\n\r\n`;

type Fields = readonly (readonly [string, string])[];

function head(stream: number, fields: Fields, flags: number = END_HEADERS): Buffer {
  return frame(FRAME.headers, flags, stream, literals(fields));
}

const OK: Fields = [[':status', '200']];
const WHOLE: Fields = [...OK, ['content-length', '5']];

function data(stream: number, text: string, flags = 0): Buffer {
  return frame(FRAME.data, flags, stream, Buffer.from(text, 'latin1'));
}

function number(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

const reset = (stream: number, code: number): Buffer => frame(FRAME.rstStream, 0, stream, number(code));
const goaway = (lastStream: number, code: number): Buffer =>
  frame(FRAME.goaway, 0, 0, Buffer.concat([number(lastStream), number(code)]));

function hello(connection: RawConnection, stream: number): void {
  connection.send(Buffer.concat([head(stream, WHOLE), data(stream, 'hello', END_STREAM)]));
}

type Script = (connection: RawConnection, stream: number, n: number) => void;

/** A server that answers the nth request, counted over all its connections, with `script`. */
function scripted(t: Scope, script: Script): ReturnType<typeof startFrameServer> {
  let requests = 0;
  return startFrameServer(t, (connection: RawConnection, seen: Frame) => {
    if (seen.type === FRAME.headers) script(connection, seen.stream, requests++);
  });
}

async function ask(t: Scope, url: string, through = tsuji, method = 'GET'): Promise<Received> {
  const client = await rawClient(t, through.port);
  client.send(get(await addRoute(through, [url]), method));
  return response(client, method);
}

/** What the server sends in place of a response, whether a head must have gone to the client, and then. */
const BROKEN: readonly (readonly [string, Fields, string, (connection: RawConnection, stream: number) => void])[] = [
  ['reset with an error', OK, 'torn', (c, s) => c.send(reset(s, 2))],
  ['reset without an error', OK, 'torn', (c, s) => c.send(reset(s, 0))],
  ['cancelled', OK, 'torn', (c, s) => c.send(reset(s, 8))],
  ['refused after its head', OK, 'torn', (c, s) => c.send(reset(s, 7))],
  ['ended by its connection', OK, 'torn', (c) => c.socket.end()],
  ['ended by the reset of its connection', OK, 'torn', (c) => c.socket.resetAndDestroy()],
  ['ended by a GOAWAY with an error', OK, 'torn', (c) => c.send(goaway(1, 2))],
  ['ended by a GOAWAY and the end of its connection', OK, 'torn', (c) => c.socket.end(goaway(99, 0))],
  ['ended by garbage', OK, 'torn', (c) => c.send('garbage garbage garbage garbage')],
  ['shorter than its length', WHOLE, 'torn', (c, s) => c.send(data(s, '', END_STREAM))],
  ['longer than its length', WHOLE, 'torn', (c, s) => c.send(data(s, 'and more', END_STREAM))],
  ['ended by trailers with a head in them', OK, 'torn', (c, s) => c.send(head(s, OK, END_HEADERS | END_STREAM))],
];

/** Until its response is broken off, or a local reply says so, where nothing of it had gone out. */
async function untilTold(client: RawConnection): Promise<void> {
  const local = / 50[02] [\s\S]*(Bad Gateway|Server Error)$/;
  await waitFor(() => client.closed || local.test(client.received), 'the client to be told');
}

for (const [what, fields, text, end] of BROKEN) {
  exchangeTest(`a response that is ${what} is never taken for a whole one`, tsuji, async (t) => {
    for (const together of [true, false]) {
      let go: (() => void) | null = null;
      const server = await scripted(t, (connection, stream) => {
        connection.send(Buffer.concat([head(stream, fields), data(stream, text)]));
        go = () => end(connection, stream);
        if (together) end(connection, stream);
      });
      const client = await rawClient(t, tsuji.port);
      client.send(get(await addRoute(tsuji, [server.url])));
      if (!together) {
        await waitFor(
          () => client.received.endsWith('torn') || client.received.endsWith('torn\r\n'),
          'the first piece',
        );
        (go as unknown as () => void)();
      }
      await untilTold(client);
      if (client.closed) await brokenResponse(client);
      else assert.ok(together, client.received);
    }
  });
}

/** What our SETTINGS allow a server to send on a stream before we say more. */
const WINDOW = 262_144;
const PIECE = 16_384;

exchangeTest(
  'a whole answer that is followed by the end of the connection is whole, however slowly it is read',
  tsuji,
  async (t) => {
    let window = WINDOW;
    let sent = 0;
    let more = (): void => {};
    const server = await startFrameServer(t, (connection, seen) => {
      if (seen.type === FRAME.windowUpdate && seen.stream > 0) window += seen.payload.readUInt32BE();
      if (seen.type === FRAME.headers) {
        connection.send(head(seen.stream, OK));
        more = (): void => {
          for (; window >= PIECE; window -= PIECE, sent += PIECE) connection.send(data(seen.stream, 'x'.repeat(PIECE)));
        };
      }
      more();
    });
    const client = await rawClient(t, tsuji.port);
    client.socket.pause();
    client.send(get(await addRoute(tsuji, [server.url])));
    let before = -1;
    await waitFor(async () => {
      // Looks twice with a request of its own in between, so that whatever is on its way arrives.
      await tsuji.status();
      const still = sent === before && sent >= WINDOW;
      before = sent;
      return still;
    }, 'the stream to stop');
    more = () => {};
    const [connection] = server.connections;
    connection.socket.end(data(1, '', END_STREAM));
    await waitFor(() => connection.closed, 'the connection to end');
    client.socket.resume();
    assert.equal((await response(client)).body.length, sent);
  },
);

const MALFORMED: readonly (readonly [string, Fields])[] = [
  ['no status', [['x', '1']]],
  ['a status that is no number', [[':status', '2x0']]],
  [
    'two statuses',
    [
      [':status', '200'],
      [':status', '201'],
    ],
  ],
  [
    'a pseudo field of requests',
    [
      [':status', '200'],
      [':path', '/'],
    ],
  ],
  ['the status 101', [[':status', '101']]],
  [
    'an upper-case name',
    [
      [':status', '200'],
      ['X-Upper', '1'],
    ],
  ],
  [
    'a connection field',
    [
      [':status', '200'],
      ['connection', 'x'],
    ],
  ],
  [
    'a transfer coding',
    [
      [':status', '200'],
      ['transfer-encoding', 'chunked'],
    ],
  ],
  [
    'two lengths',
    [
      [':status', '200'],
      ['content-length', '5'],
      ['content-length', '6'],
    ],
  ],
  [
    'a length that is no number',
    [
      [':status', '200'],
      ['content-length', '5x'],
    ],
  ],
  [
    'CR and LF in a value',
    [
      [':status', '200'],
      ['x-a', 'a\r\nInjected: 1'],
    ],
  ],
  [
    'LF in a value',
    [
      [':status', '200'],
      ['x-a', 'a\nInjected: 1'],
    ],
  ],
  [
    'NUL in a value',
    [
      [':status', '200'],
      ['x-a', 'a\0b'],
    ],
  ],
  [
    'CR and LF in a name',
    [
      [':status', '200'],
      ['x-a: 1\r\nInjected', '1'],
    ],
  ],
  ['CR and LF in the status', [[':status', '200 OK\r\nInjected: 1']]],
];

exchangeTest(
  'a malformed head is refused, or what is malformed in it left out; it never splits a response',
  tsuji,
  async (t) => {
    for (const [what, fields] of MALFORMED) {
      const server = await scripted(t, (connection, stream, n) => {
        if (n > 0) hello(connection, stream);
        else connection.send(Buffer.concat([head(stream, fields), data(stream, 'hello', END_STREAM)]));
      });
      const host = await addRoute(tsuji, [server.url]);
      const client = await rawClient(t, tsuji.port);
      client.send(get(host));
      const got = await response(client);
      assert.ok(got.status === 502 || (got.status === 200 && got.body === 'hello'), `${what}: ${got.statusLine}`);
      for (const name of ['injected', 'x-upper', 'connection', ':path'])
        assert.equal(got.fields.has(name), false, what);
      assert.equal(client.received, '', what);
      client.send(get(host));
      assert.equal((await response(client)).body, 'hello', what);
    }
  },
);

exchangeTest('heads without an end cost their request and nothing else', tsuji, async (t) => {
  const server = await scripted(t, (connection, stream, n) => {
    if (n > 0) {
      hello(connection, stream);
      return;
    }
    connection.send(frame(FRAME.headers, 0, stream, literals(OK)));
    for (let i = 0; i < 20; i++)
      connection.send(frame(FRAME.continuation, 0, stream, literals([[`x-${i}`, 'y'.repeat(8_000)]])));
  });
  const host = await addRoute(tsuji, [server.url]);
  const client = await rawClient(t, tsuji.port);
  client.send(get(host));
  assert.equal((await response(client)).status, 502);
  client.send(get(host));
  assert.equal((await response(client)).body, 'hello');
});

exchangeTest('what a server refuses unseen is sent once more, on another connection', tsuji, async (t) => {
  for (const how of ['reset', 'goaway', 'goaway with an error'] as const) {
    for (const method of ['GET', 'DELETE']) {
      const server = await scripted(t, (connection, stream, n) => {
        if (n > 0) hello(connection, stream);
        else if (how === 'reset') connection.send(reset(stream, 7));
        else connection.send(goaway(0, how === 'goaway' ? 0 : 11));
      });
      const got = await ask(t, server.url, tsuji, method);
      assert.equal(got.body, 'hello', `${method} after ${how}`);
      assert.equal(server.connections.length, 2);
    }
  }
});

exchangeTest('a server that refuses everything is asked twice, then the client is told', tsuji, async (t) => {
  let asked = 0;
  const server = await scripted(t, (connection, stream) => {
    asked++;
    connection.send(reset(stream, 7));
  });
  assert.equal((await ask(t, server.url)).status, 502);
  assert.equal(asked, 2);
});

exchangeTest('trailers behind a body of known length, or none, do not hold the response up', tsuji, async (t) => {
  const trailers: Fields = [['x-sum', '1']];
  for (const [method, fields, body] of [
    ['GET', [...OK, ['content-length', '0']], ''],
    ['GET', WHOLE, 'hello'],
    ['HEAD', WHOLE, ''],
    ['GET', [[':status', '204']], ''],
  ] as const) {
    const server = await scripted(t, (connection, stream) => {
      connection.send(head(stream, fields));
      if (body !== '') connection.send(data(stream, body));
      connection.send(head(stream, trailers, END_HEADERS | END_STREAM));
    });
    assert.equal((await ask(t, server.url, tsuji, method)).body, body);
  }
});

exchangeTest('a server that refuses many requests is not given a connection for each', tsuji, async (t) => {
  const server = await scripted(t, (connection, stream) => connection.send(reset(stream, 7)));
  const host = await addRoute(tsuji, [server.url]);
  const client = await rawClient(t, tsuji.port);
  for (let i = 0; i < 20; i++) {
    client.send(get(host));
    assert.equal((await response(client)).status, 502);
  }
  assert.equal(server.connections.length, 2);
});

exchangeTest(
  'a reset before the head is a 500, the end of the connection a 502; neither is sent anew',
  tsuji,
  async (t) => {
    for (const [end, status] of [
      [(c: RawConnection, s: number) => c.send(reset(s, 2)), 500],
      [(c: RawConnection, s: number) => c.send(reset(s, 0)), 500],
      [(c: RawConnection) => c.socket.end(), 502],
      [(c: RawConnection) => c.send(goaway(1, 2)), 502],
    ] as const) {
      let asked = 0;
      const server = await scripted(t, (connection, stream) => {
        asked++;
        end(connection, stream);
      });
      assert.equal((await ask(t, server.url, tsuji, 'POST')).status, status);
      assert.equal(asked, 1);
    }
  },
);

exchangeTest(
  'requests that run when a server says GOAWAY are answered, new ones go to a new connection',
  tsuji,
  async (t) => {
    let running: (() => void) | null = null;
    const server = await scripted(t, (connection, stream, n) => {
      if (n > 0) hello(connection, stream);
      else {
        connection.send(goaway(stream, 0));
        running = () => hello(connection, stream);
      }
    });
    const host = await addRoute(tsuji, [server.url]);
    const [first, second] = [await rawClient(t, tsuji.port), await rawClient(t, tsuji.port)];
    first.send(get(host));
    await waitFor(() => running !== null, 'the request');
    second.send(get(host));
    assert.equal((await response(second)).body, 'hello');
    assert.equal(server.connections.length, 2);
    (running as unknown as () => void)();
    assert.equal((await response(first)).body, 'hello');
    await waitFor(async () => (await openUpstream(tsuji)) === 1, 'the first connection to end');
  },
);

exchangeTest('a head that does not come in time is a 504, and the stream is reset', impatient, async (t) => {
  const resets: number[] = [];
  const server = await startFrameServer(t, (connection, seen) => {
    if (seen.type === FRAME.rstStream) resets.push(seen.payload.readUInt32BE());
    if (seen.type === FRAME.headers && resets.length > 0) hello(connection, seen.stream);
  });
  const host = await addRoute(impatient, [server.url]);
  const client = await rawClient(t, impatient.port);
  client.send(get(host));
  assert.equal((await response(client)).status, 504);
  await waitFor(() => resets.length === 1, 'the reset');
  assert.deepEqual(resets, [8]);
  client.send(get(host));
  assert.equal((await response(client)).body, 'hello');
  assert.equal(server.connections.length, 1);
});

exchangeTest('interim responses are swallowed, but not without end', tsuji, async (t) => {
  for (const [count, status] of [
    [3, 200],
    [100, 502],
  ]) {
    const server = await scripted(t, (connection, stream) => {
      for (let i = 0; i < count; i++)
        connection.send(
          head(stream, [
            [':status', '103'],
            ['link', '</a>'],
          ]),
        );
      hello(connection, stream);
    });
    assert.equal((await ask(t, server.url)).status, status);
  }
});

exchangeTest('a server that floods loses its connection, and nobody else suffers', tsuji, async (t) => {
  const ping = frame(FRAME.ping, 0, 0, Buffer.alloc(8));
  for (const what of ['PING frames', 'DATA of a byte'] as const) {
    const server = await scripted(t, (connection, stream, n) => {
      if (n > 0) {
        hello(connection, stream);
        return;
      }
      connection.send(head(stream, OK));
      const piece = what === 'PING frames' ? ping : data(stream, 'x');
      const burst = Buffer.concat(Array.from({ length: 500 }, () => piece));
      const interval = setInterval(() => {
        if (connection.closed) clearInterval(interval);
        else connection.send(burst);
      }, 2);
      t.after(() => clearInterval(interval));
    });
    const host = await addRoute(tsuji, [server.url]);
    const client = await rawClient(t, tsuji.port);
    client.send(get(host));
    await waitFor(() => server.connections[0]?.closed === true, `the connection to end: ${what}`);
    await untilTold(client);
    const other = await rawClient(t, tsuji.port);
    other.send(get(host));
    assert.equal((await response(other)).body, 'hello');
  }
});

exchangeTest('a response byte by byte reaches its client in larger pieces', tsuji, async (t) => {
  const server = await scripted(t, (connection, stream) => {
    const bytes = Array.from({ length: 4_000 }, () => data(stream, 'x'));
    connection.send(Buffer.concat([head(stream, OK), ...bytes, data(stream, '', END_STREAM)]));
  });
  const client = await rawClient(t, tsuji.port);
  client.send(get(await addRoute(tsuji, [server.url])));
  await waitFor(() => client.received.endsWith('0\r\n\r\n'), 'all of it');
  const sizes = [...client.received.matchAll(/\r\n([0-9a-f]+)\r\nx/g)].map(([, size]) => Number.parseInt(size, 16));
  assert.equal(
    sizes.reduce((sum, size) => sum + size, 0),
    4_000,
  );
  assert.ok(sizes.length < 100, `${sizes.length} pieces`);
});
