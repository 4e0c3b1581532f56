/** What every kind of connection promises to the protocols on it (src/data/socket/byte-socket.ts). */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { after, test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { ByteSocket, SocketUser } from '../../../src/data/socket/byte-socket.ts';
import { setLogLevel } from '../../../src/kernel/log.ts';
import { isSecureKind, SOCKET_KINDS, SocketServer } from '../../harness/socket-kinds.ts';
import { waitFor } from '../../harness/wait.ts';

setLogLevel('FATAL');

/** Notes what it hears. */
class Listener implements SocketUser {
  readonly socket: ByteSocket;
  received = '';
  /** Calls of `socketRead`. */
  reads = 0;
  ended = false;
  drained = 0;
  /** null: not closed. */
  closed: string | null = null;
  crashed: unknown = null;
  /** In the place of taking all of it. */
  take: (bytes: Buffer, start: number, end: number) => number;

  constructor(socket: ByteSocket, take = (_bytes: Buffer, _start: number, end: number): number => end) {
    this.socket = socket;
    this.take = take;
    socket.begin(this);
  }

  socketRead(bytes: Buffer, start: number, end: number): number {
    assert.ok(start < end);
    assert.equal(this.closed, null);
    this.reads++;
    const used = this.take(bytes, start, end);
    this.received += bytes.toString('latin1', start, used);
    return used;
  }

  socketEnded(): void {
    assert.ok(!this.ended);
    this.ended = true;
  }

  socketDrained(): void {
    this.drained++;
  }

  socketClosed(reason: string): void {
    assert.equal(this.closed, null);
    this.closed = reason;
  }

  socketCrashed(error: unknown): void {
    this.crashed = error;
  }

  async has(text: string): Promise<void> {
    await waitFor(
      () => this.received.includes(text),
      () => `${text} in ${this.received.slice(0, 200)}`,
    );
  }
}

for (const kind of SOCKET_KINDS) {
  const server = await SocketServer.start({ after }, kind);

  test(`${kind}: what is written in a turn arrives together, in order`, async (t) => {
    const { client, socket } = await server.connect(t);
    new Listener(socket);
    for (let i = 0; i < 100; i++) {
      socket.out.text(`${i},`);
      socket.flushSoon();
    }
    await client.until('99,');
    assert.equal(client.bytes, 290);
    assert.equal(socket.backlog, 0);
  });

  test(`${kind}: what the client sends arrives, and its end after it`, async (t) => {
    const { client, socket } = await server.connect(t);
    const user = new Listener(socket);
    client.send('one');
    await user.has('one');
    client.socket.end('two');
    await waitFor(() => user.ended, 'the end');
    assert.equal(user.received, 'onetwo');
    assert.equal(socket.received, 6);
    // Its answer is still wanted.
    socket.out.text('answer');
    socket.end();
    assert.equal(await client.untilClosed(), 'answer');
    await waitFor(() => user.closed !== null, 'the close');
    assert.equal(user.closed, '');
    assert.equal(client.error, '');
  });

  test(`${kind}: what was left comes again with more behind it, to whoever listens then`, async (t) => {
    const { client, socket } = await server.connect(t);
    let seen = 0;
    const first = new Listener(socket, (_bytes, start, end) => {
      seen = end - start;
      return start;
    });
    client.send('ab');
    await waitFor(() => seen === 2, 'the first bytes');
    client.send('cd');
    await waitFor(() => seen === 4, 'all bytes');
    const second = new Listener(socket);
    client.send('ef');
    await second.has('abcdef');
    assert.equal(first.received, '');
  });

  test(`${kind}: whoever hands over within a read has the rest read by the next`, async (t) => {
    const { client, socket } = await server.connect(t);
    let second: Listener | null = null;
    new Listener(socket, (_bytes, start) => {
      second = new Listener(socket);
      return start + 3;
    });
    client.send('headbody');
    await waitFor(() => second !== null, 'the first');
    await second!.has('dbody');
  });

  test(`${kind}: nothing comes during a pause, and all of it after`, async (t) => {
    const { client, socket } = await server.connect(t);
    const body = randomBytes(600_000).toString('base64');
    const user = new Listener(socket, (_bytes, start, end) => {
      const used = Math.min(start + 10_000, end);
      socket.pause();
      return used;
    });
    client.socket.end(body, 'latin1');
    await waitFor(() => user.reads === 1, 'the first bytes');
    while (user.received.length < body.length) {
      const before = user.reads;
      for (let i = 0; i < 3; i++) await nextTurn();
      assert.equal(user.reads, before, 'it reads during the pause');
      assert.equal(user.ended, false);
      socket.resume();
      assert.equal(user.reads, before, 'it reads within `resume`');
      while (user.reads === before && user.received.length < body.length) await nextTurn();
    }
    socket.resume();
    await waitFor(() => user.ended, 'the end');
    assert.ok(user.received === body, 'it arrived changed');
  });

  test(`${kind}: after a rest what is left comes in another turn`, async (t) => {
    const { client, socket } = await server.connect(t);
    let turn = 0;
    let last = -1;
    const count = (): void => {
      turn++;
      if (turn < 10_000) setImmediate(count);
    };
    const user = new Listener(socket, (_bytes, start) => {
      assert.notEqual(turn, last);
      last = turn;
      socket.rest();
      return start + 1;
    });
    count();
    client.send('0123456789');
    await user.has('0123456789');
    turn = 10_000;
    assert.equal(user.crashed, null);
  });

  test(`${kind}: a long body arrives unchanged at a client that is slow, whatever is read meanwhile`, async (t) => {
    const { client, socket } = await server.connect(t);
    const user = new Listener(socket);
    client.keep = false;
    const wanted = createHash('sha256');
    const got = createHash('sha256');
    const TOTAL = 24 << 20;
    let sent = 0;
    const fill = (): void => {
      while (sent < TOTAL && socket.backlog < 1 << 20) {
        const chunk = randomBytes(65_537);
        wanted.update(chunk);
        socket.out.bytes(chunk, 0, chunk.length);
        chunk.fill(0);
        sent += chunk.length;
        socket.flush();
      }
      if (sent >= TOTAL) socket.end();
    };
    user.socketDrained = fill;
    // Reads slowly, and speaks in between, so that the buffer of reads is in use.
    client.socket.on('data', (chunk: Buffer) => {
      got.update(chunk);
      client.socket.pause();
      client.socket.write(Buffer.alloc(2_000, 'x'));
      setImmediate(() => client.socket.resume());
    });
    client.socket.pause();
    fill();
    assert.ok(socket.backlog > 0, 'the system has taken all of it');
    assert.ok(socket.heldBytes >= socket.backlog);
    const taken = socket.taken;
    client.socket.resume();
    await waitFor(() => client.ended, 'the end');
    assert.equal(client.bytes, sent);
    assert.equal(got.digest('hex'), wanted.digest('hex'));
    assert.ok(socket.taken > taken);
    assert.equal(socket.backlog, 0);
  });

  test(`${kind}: an end waits for what was written before`, async (t) => {
    const { client, socket } = await server.connect(t);
    new Listener(socket);
    client.keep = false;
    client.socket.pause();
    const chunk = Buffer.alloc(1 << 20, 'y');
    for (let i = 0; i < 12; i++) socket.out.bytes(chunk, 0, chunk.length);
    socket.end();
    for (let i = 0; i < 5; i++) await nextTurn();
    client.socket.resume();
    await waitFor(() => client.ended, 'the end');
    assert.equal(client.bytes, 12 << 20);
    assert.equal(client.error, '');
  });

  test(`${kind}: a peer that has nothing more to send gets all of it, and its end is not awaited`, async (t) => {
    const { client, socket } = await server.connect(t);
    const user = new Listener(socket);
    client.keep = false;
    client.socket.pause();
    const chunk = Buffer.alloc(1 << 20, 'y');
    for (let i = 0; i < 12; i++) socket.out.bytes(chunk, 0, chunk.length);
    socket.endAndClose();
    for (let i = 0; i < 5; i++) await nextTurn();
    client.socket.resume();
    await waitFor(() => user.closed !== null, 'the close');
    await waitFor(() => client.ended, 'the end');
    assert.equal(user.closed, '');
    assert.equal(client.bytes, 12 << 20);
    assert.equal(client.error, '');
  });

  test(`${kind}: a reset is no proper end`, async (t) => {
    const { client, socket } = await server.connect(t, false);
    const user = new Listener(socket);
    socket.out.text('half');
    socket.flush();
    await client.until('half');
    socket.reset();
    await client.untilClosed();
    await waitFor(() => user.closed !== null, 'the close');
    assert.equal(user.closed, '');
    if (!isSecureKind(kind)) assert.equal(client.error, 'ECONNRESET');
  });

  test(`${kind}: a client that resets is told of with a reason, while something waits for it too`, async (t) => {
    const { client, socket } = await server.connect(t);
    const user = new Listener(socket);
    const chunk = Buffer.alloc(1 << 20, 'y');
    client.socket.pause();
    for (let i = 0; i < 12; i++) socket.out.bytes(chunk, 0, chunk.length);
    socket.flush();
    if (isSecureKind(kind)) client.socket.destroy();
    else client.socket.resetAndDestroy();
    await waitFor(() => user.closed !== null, 'the close');
    assert.notEqual(user.closed, '');
    assert.equal(socket.backlog, 0);
    assert.equal(socket.heldBytes, 0);
  });

  test(`${kind}: what its user throws closes it, and nothing else`, async (t) => {
    const { client, socket } = await server.connect(t, false);
    const user = new Listener(socket, () => {
      throw new Error('thrown on purpose');
    });
    client.send('x');
    await client.untilClosed();
    assert.match(String(user.crashed), /on purpose/);
    await waitFor(() => user.closed !== null, 'the close');
  });

  test(`${kind}: all calls after a close do nothing`, async (t) => {
    const { client, socket } = await server.connect(t, false);
    const user = new Listener(socket);
    client.send('x');
    await user.has('x');
    socket.out.text('lost');
    socket.flushSoon();
    for (let i = 0; i < 2; i++) {
      socket.close();
      socket.flush();
      socket.pause();
      socket.resume();
      socket.rest();
      socket.end();
      socket.reset();
      socket.keepAlive(1_000);
      socket.out.text('lost');
      socket.flushSoon();
      assert.equal(socket.isPeerGone(), true);
      assert.equal(socket.clientCertificates().length, 0);
      await waitFor(() => user.closed !== null, 'the close');
    }
    assert.equal(user.received, 'x');
    await client.untilClosed();
  });

  test(`${kind}: it tells who its peer is, and what was agreed on`, async (t) => {
    const { socket } = await server.connect(t);
    new Listener(socket);
    assert.equal(socket.peerAddress(), '127.0.0.1');
    assert.equal(socket.secure, isSecureKind(kind));
    assert.equal(socket.alpn, isSecureKind(kind) ? 'http/1.1' : '');
    assert.equal(socket.serverName, isSecureKind(kind) ? 'localhost' : '');
    assert.equal(socket.isPeerGone(), false);
  });

  test(`${kind}: a client that is fast gets a share of each turn`, async (t) => {
    const { client, socket } = await server.connect(t);
    let turn = 0;
    const seen: number[] = [];
    const count = (): void => {
      turn++;
      if (turn < 100_000) setImmediate(count);
    };
    const user = new Listener(socket, (_bytes, start, end) => {
      seen[turn] = (seen[turn] ?? 0) + end - start;
      return end;
    });
    client.socket.end(Buffer.alloc(16 << 20, 'z'));
    count();
    await waitFor(() => user.ended, 'the end');
    turn = 100_000;
    const most = Math.max(...seen.filter((bytes) => bytes > 0));
    assert.ok(most <= 2 * 262_144, `${most} bytes in one turn`);
  });
}
