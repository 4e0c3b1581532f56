/** Open WebSockets through tsuji: messages, pings, ends and flow, both ways (RFC 6455 §5–§7, proxying §10). */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after } from 'node:test';
import { exchangeTest, openExchanges, residentBytes, type Scope } from '../harness/exchanges.ts';
import { type RawConnection, rawClient, startRawServer } from '../harness/raw.ts';
import { addRoute, startTsuji } from '../harness/tsuji.ts';
import { waitFor } from '../harness/wait.ts';
import {
  accept,
  BINARY,
  CLOSE,
  echoing,
  frame,
  handshake,
  nextFrame,
  type Peer,
  PING,
  PONG,
  startWsServer,
  TEXT,
  wsClient,
} from '../harness/websocket.ts';

const tsuji = await startTsuji({ after }, { workers: 1, flags: ['--metrics.prometheus.names=both'] });
const MIB = 1 << 20;

/** A client and a server that are the two ends of one WebSocket. */
async function pair(t: Scope, onPeer: (peer: Peer) => void = () => {}): Promise<{ client: Peer; server: Peer }> {
  const ws = await startWsServer(t, onPeer);
  const client = await wsClient(t, tsuji.port, await addRoute(tsuji, [ws.url]));
  return { client, server: await ws.next() };
}

/** The same on raw sockets, after the handshake. */
async function rawPair(t: Scope): Promise<{ client: RawConnection; server: RawConnection }> {
  const listener = await startRawServer(t);
  const client = await rawClient(t, tsuji.port);
  client.send(handshake(await addRoute(tsuji, [listener.url])));
  const server = await listener.next();
  server.send(accept(await server.until('\r\n\r\n')));
  await client.until('\r\n\r\n');
  return { client, server };
}

exchangeTest('messages of every size arrive whole, in order, and as what they are', tsuji, async (t) => {
  const { client, server } = await pair(t, echoing);
  const sizes = [0, 1, 125, 126, 65_535, 65_536, MIB, 9 * MIB + 7];
  const sent = sizes.map((size) => randomBytes(size));
  for (const data of sent) client.ws.send(data);
  for (const data of sent) {
    const got = await client.next();
    assert.equal(got.binary, true);
    assert.ok(got.data.equals(data), `${data.length} bytes`);
  }
  for (const text of ['', 'plain', 'ünï © 辻 \u{1f6a6}', 'x'.repeat(300_000)]) {
    client.ws.send(text);
    const got = await client.next();
    assert.equal(got.binary, false);
    assert.equal(got.data.toString(), text);
  }
  assert.equal(client.ws.extensions, '');
  assert.equal(server.ws.extensions, '');
});

exchangeTest('many small messages at once keep their order both ways', tsuji, async (t) => {
  const { client } = await pair(t, echoing);
  const count = 20_000;
  // Fewer than what one turn may bring of tiny frames: a busy machine makes one of many.
  const atOnce = 4_000;
  for (let i = 0; i < count; i++) {
    client.ws.send(String(i));
    if (i % atOnce === atOnce - 1) await waitFor(() => client.messages.length > i, 'all echoes');
  }
  assert.ok(client.messages.every(({ data }, i) => data.toString() === String(i)));
});

exchangeTest('a message in fragments arrives whole, with pings between them, cut at every byte', tsuji, async (t) => {
  for (const masked of [true, false]) {
    const { client, server } = await rawPair(t);
    const [from, to] = masked ? [client, server] : [server, client];
    const bytes = Buffer.concat([
      frame(TEXT, 'one ', masked, false),
      frame(0, 'two ', masked, false),
      frame(PING, 'still there', masked),
      frame(0, '', masked, false),
      frame(0, 'three', masked),
      frame(BINARY, Buffer.from([0, 255]), masked),
    ]);
    for (let cut = 1; cut < bytes.length; cut++) {
      await new Promise<void>((resolve) => from.socket.write(bytes.subarray(0, cut), () => resolve()));
      await new Promise(setImmediate);
      from.send(bytes.subarray(cut));
      const got = [await nextFrame(to), await nextFrame(to), await nextFrame(to)];
      assert.deepEqual(
        got.map(({ opcode, final, payload }) => [opcode, final, payload.toString('latin1')]),
        [
          [PING, true, 'still there'],
          [TEXT, true, 'one two three'],
          [BINARY, true, '\0\xff'],
        ],
      );
    }
  }
});

exchangeTest('pings reach the other side with their data, and are answered once', tsuji, async (t) => {
  const { client, server } = await rawPair(t);
  server.send(frame(PING, 'from the server', false));
  assert.deepEqual(await nextFrame(client), { opcode: PING, final: true, payload: Buffer.from('from the server') });
  assert.equal(server.received, '', 'nobody but the client answers');
  client.send(frame(PONG, 'from the server', true));
  assert.deepEqual(await nextFrame(server), { opcode: PONG, final: true, payload: Buffer.from('from the server') });
  client.send(frame(PING, 'from the client', true));
  assert.deepEqual(await nextFrame(server), { opcode: PING, final: true, payload: Buffer.from('from the client') });
  server.send(Buffer.concat([frame(PONG, 'from the client', false), frame(TEXT, 'after', false)]));
  assert.deepEqual(await nextFrame(client), { opcode: PONG, final: true, payload: Buffer.from('from the client') });
  assert.equal((await nextFrame(client)).payload.toString(), 'after');
});

exchangeTest('close codes and reasons reach the other side, whoever closes', tsuji, async (t) => {
  for (const [code, reason] of [
    [1000, ''],
    [1001, 'bye'],
    [1008, 'x'.repeat(123)],
    [1011, 'ünï 辻'],
    [4000, 'own'],
    [4999, ''],
  ] as const) {
    const first = await pair(t);
    first.client.ws.close(code, reason);
    assert.deepEqual(await first.server.untilClosed(), { code, reason });
    assert.deepEqual(await first.client.untilClosed(), { code, reason });
    const second = await pair(t);
    second.server.ws.close(code, reason);
    assert.deepEqual(await second.client.untilClosed(), { code, reason });
    assert.deepEqual(await second.server.untilClosed(), { code, reason });
  }
  for (const code of [1012, 1013, 1014, 3000, 3999]) {
    const { client, server } = await pair(t);
    server.ws.close(code, 'x');
    assert.equal((await client.untilClosed()).code, code);
    // The library takes these for invalid when they come from a client, and does not say which it was.
    const other = await pair(t);
    other.client.ws.close(code, 'x');
    assert.deepEqual(await other.server.untilClosed(), { code: 1000, reason: 'Received invalid close payload' });
    assert.equal((await other.client.untilClosed()).code, 1005);
  }
});

exchangeTest('a close frame without a code is 1000 on the other side', tsuji, async (t) => {
  const first = await pair(t);
  first.client.ws.close();
  assert.deepEqual(await first.server.untilClosed(), { code: 1000, reason: '' });
  const second = await pair(t);
  second.server.ws.close();
  assert.deepEqual(await second.client.untilClosed(), { code: 1000, reason: '' });
});

exchangeTest('a connection that ends without a close frame ends the other without one', tsuji, async (t) => {
  for (const how of ['end', 'destroy', 'resetAndDestroy'] as const) {
    const first = await rawPair(t);
    first.client.socket[how]();
    assert.equal(await first.server.untilClosed(), '', `client: ${how}`);
    const second = await rawPair(t);
    second.server.socket[how]();
    assert.equal(await second.client.untilClosed(), '', `server: ${how}`);
  }
});

exchangeTest('what was sent before a connection broke still arrives', tsuji, async (t) => {
  const { client, server } = await rawPair(t);
  const data = randomBytes(4 * MIB);
  client.socket.pause();
  server.send(frame(BINARY, data, false));
  server.socket.end();
  await waitFor(() => server.socket.writableFinished, 'the server to be through');
  client.socket.resume();
  const got = await nextFrame(client);
  assert.ok(got.payload.equals(data));
  assert.equal(await client.untilClosed(), '');
});

exchangeTest(
  'frames against the rules end both sides: 1000 with what was wrong for the one that kept them',
  tsuji,
  async (t) => {
    for (const bad of [frame(TEXT, Buffer.from([0xff]), true), frame(5, '', true), frame(0, 'x', true)]) {
      const { client, server } = await rawPair(t);
      client.send(bad);
      await client.untilClosed();
      const got = await nextFrame(server);
      assert.equal(got.opcode, CLOSE);
      assert.equal(got.payload.readUInt16BE(), 1000);
      assert.match(got.payload.toString('utf8', 2), /^Received invalid/);
    }
    for (const bad of [frame(TEXT, Buffer.from([0xff]), false), frame(5, '', false), frame(TEXT, 'x', true)]) {
      const { client, server } = await rawPair(t);
      server.send(bad);
      assert.equal((await nextFrame(server)).opcode, CLOSE);
      server.socket.end();
      const got = await nextFrame(client);
      assert.equal(got.opcode, CLOSE);
      assert.equal(got.payload.readUInt16BE(), 1000);
      assert.match(got.payload.toString('utf8', 2), /invalid|MASK/i);
      client.socket.end();
    }
  },
);

exchangeTest('a message longer than 16 MiB ends its WebSocket, one of 16 MiB does not', tsuji, async (t) => {
  const long = await pair(t);
  long.client.ws.send(Buffer.alloc(16 * MIB + 1));
  assert.equal((await long.client.untilClosed()).code, 1009);
  assert.match((await long.server.untilClosed()).reason, /too big/);
  const { client, server } = await rawPair(t);
  // What announces more than twice as much is not even read.
  client.send(Buffer.from([0x82, 0xff, 0, 0, 0, 0, 2, 0, 0, 1, 0, 0, 0, 0]));
  await client.untilClosed();
  assert.match((await nextFrame(server)).payload.toString('utf8', 2), /too big/);
  const second = await rawPair(t);
  second.server.send(Buffer.from([0x82, 0x7f, 0, 0, 0, 0, 1, 0, 0, 1]));
  assert.equal((await nextFrame(second.server)).payload.readUInt16BE(), 1009);
  second.server.socket.end();
  assert.match((await nextFrame(second.client)).payload.toString('utf8', 2), /Max payload size exceeded/);
  const whole = await pair(t, echoing);
  const data = Buffer.alloc(16 * MIB, 'z');
  whole.client.ws.send(data);
  assert.ok((await whole.client.next()).data.equals(data));
});

exchangeTest('a flood of tiny frames is closed with 1008, many small messages pass in order', tsuji, async (t) => {
  for (const opcode of [TEXT, PING, PONG]) {
    const { client } = await rawPair(t);
    const one = frame(opcode, 'x', true);
    client.send(Buffer.concat(Array.from({ length: 80_000 }, () => one)));
    assert.match(await client.untilClosed(), /\x88[^\0]\x03\xf0Received too many tiny frames/);
  }
  const { client, server } = await pair(t, echoing);
  const count = 20_000;
  for (let at = 0; at < count; at += 1_000) {
    for (let i = at; i < at + 1_000; i++) client.ws.send(String(i));
    await waitFor(() => client.messages.length === at + 1_000, 'the echoes');
  }
  assert.ok(client.messages.every(({ data }, i) => data.toString() === String(i)));
  assert.equal(server.closed, null);
});

/** More than the kernel keeps for two connections (`tcp_rmem`, `tcp_wmem`), messages of 1 MiB. */
const MOST = 300;

/** Sends messages of 1 MiB until one is not taken for a while; returns how many it was. */
async function sendUntilStopped(from: Peer): Promise<number> {
  const data = Buffer.alloc(MIB, 'm');
  for (let sent = 1; sent < MOST; sent++) {
    let taken = false;
    const patience = Date.now() + 500;
    from.ws.send(data, () => {
      taken = true;
    });
    await waitFor(() => taken || Date.now() > patience, 'a message to be taken');
    if (!taken) return sent;
  }
  return MOST;
}

exchangeTest('a side that does not read stops the other, and nothing is lost when it reads again', tsuji, async (t) => {
  for (const who of ['client', 'server'] as const) {
    const ends = await pair(t);
    const [reader, writer] = who === 'client' ? [ends.client, ends.server] : [ends.server, ends.client];
    reader.ws.pause();
    const before = await residentBytes(tsuji);
    const sent = await sendUntilStopped(writer);
    const grown = (await residentBytes(tsuji)) - before;
    assert.ok(sent < MOST, `${sent} MiB went to a ${who} that does not read`);
    assert.ok(grown < 96 * MIB, `${grown} bytes more while the ${who} does not read`);
    // The other direction is free all the while.
    reader.ws.send('free');
    assert.equal((await writer.next()).data.toString(), 'free');
    reader.ws.resume();
    await waitFor(() => reader.messages.length === sent, 'all that was sent');
    assert.ok(reader.messages.every(({ data }) => data.length === MIB));
    writer.ws.close(1000, 'done');
    assert.deepEqual(await reader.untilClosed(), { code: 1000, reason: 'done' });
  }
});

exchangeTest('both directions may be stopped at once, and both go on', tsuji, async (t) => {
  // More than the kernel keeps of four connections, less than what closes a WebSocket whose client cannot be stopped.
  const count = 60;
  const { client, server } = await pair(t, (peer) => {
    // An echo that reads no more while its own answers wait.
    peer.ws.on('message', (data, binary) => {
      peer.ws.pause();
      peer.ws.send(data, { binary }, () => peer.ws.resume());
    });
  });
  client.ws.pause();
  for (let i = 0; i < count; i++) client.ws.send(Buffer.alloc(MIB, i));
  let before = -1;
  await waitFor(async () => {
    const still = server.messages.length === before;
    before = server.messages.length;
    await new Promise((resolve) => setTimeout(resolve, 300));
    return still;
  }, 'both to be stopped');
  assert.ok(server.messages.length < count, 'nothing was stopped');
  client.ws.resume();
  await waitFor(() => client.messages.length === count, 'all echoes');
  assert.ok(client.messages.every(({ data }, i) => data.length === MIB && data[0] === i && data[MIB - 1] === i));
  // What was paused and resumed is not pinged on towards the server.
  assert.deepEqual([server.pings, server.pongs], [[], []]);
});

exchangeTest('closing works while the other side does not read', tsuji, async (t) => {
  const first = await pair(t);
  first.client.ws.pause();
  await sendUntilStopped(first.server);
  first.server.ws.terminate();
  first.client.ws.resume();
  assert.equal((await first.client.untilClosed()).code, 1006);
  const second = await pair(t);
  second.server.ws.pause();
  await sendUntilStopped(second.client);
  second.client.ws.terminate();
  second.server.ws.resume();
  assert.equal((await second.server.untilClosed()).code, 1006);
});

exchangeTest('a server that leaves the table keeps its open WebSockets', tsuji, async (t) => {
  const ws = await startWsServer(t, echoing);
  const other = await startWsServer(t, echoing);
  const host = await addRoute(tsuji, [ws.url, other.url]);
  const clients = [await wsClient(t, tsuji.port, host), await wsClient(t, tsuji.port, host)];
  tsuji.delete(`backends/${host.split('.')[0]}/servers/s1`);
  await tsuji.waitForStatus((status) => {
    const backend = status.backends.find(({ name }) => name === host.split('.')[0]);
    return status.settled && backend?.servers.length === 1;
  }, 'the server to leave');
  for (const client of clients) {
    client.ws.send('still');
    assert.equal((await client.next()).data.toString(), 'still');
  }
  await wsClient(t, tsuji.port, host);
  assert.equal(ws.peers.length, 1);
});

exchangeTest(
  'the metrics count a WebSocket with its protocol, code 101 and the bytes of its messages',
  tsuji,
  async (t) => {
    const { client } = await pair(t, echoing);
    client.ws.send('12345');
    await client.next();
    assert.equal(await openExchanges(tsuji), 1);
    assert.match(await tsuji.metrics(), /traefik_entrypoint_open_connections\{[^}]*protocol="websocket"[^}]*\} 1\n/);
    client.ws.close();
    await waitFor(async () => (await openExchanges(tsuji)) === 0, 'the exchange to end');
    const line = /traefik_service_requests_total\{[^}]*code="101"[^}]*protocol="websocket"[^}]*\} [1-9]/;
    assert.match(await tsuji.metrics(), line);
  },
);
