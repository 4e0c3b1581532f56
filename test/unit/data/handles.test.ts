/**
 * Mistakes with node's handles that end the whole process: each is made here once through handles.ts, which must not let
 * it through. Should one, this file dies by SIGABRT, and node says which check has failed.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { after, test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { connect as connectTls, createServer as createTls, type TLSSocket } from 'node:tls';
import {
  acceptHandles,
  type HandleUser,
  type RawHandle,
  readBuffer,
  StreamHandle,
  tlsHandle,
} from '../../../src/data/socket/handles.ts';
import { handleProblem } from '../../../src/data/socket/self-test.ts';
import { makeAuthority } from '../../harness/tls.ts';
import { temporaryFolder } from '../../harness/tools.ts';
import { waitFor } from '../../harness/wait.ts';

/** More than a system takes of a client that reads nothing. */
const LONG = Buffer.alloc(12 << 20, 'l');

class User implements HandleUser {
  handle: StreamHandle;
  read = '';
  ended = false;
  failed = '';
  wrote: number[] = [];
  shut = 0;
  closed = 0;
  crashed: unknown = null;

  constructor(raw: RawHandle, reading: boolean) {
    this.handle = new StreamHandle(raw, this, reading);
  }

  handleRead(length: number): unknown {
    this.read += readBuffer.toString('latin1', 0, length);
    // What node would take for the next buffer.
    return true;
  }

  handleEnded(): void {
    this.ended = true;
  }

  handleFailed(reason: string): void {
    this.failed = reason;
  }

  handleWrote(status: number): void {
    this.wrote.push(status);
  }

  handleShut(): void {
    this.shut++;
  }

  handleClosed(): void {
    this.closed++;
  }

  handleCrashed(error: unknown): void {
    this.crashed = error;
  }
}

type Pair = { client: Socket; user: User; carrier: TLSSocket | null };

const folder = temporaryFolder();
after(() => folder.remove());
const { cert, key } = await makeAuthority(folder.path, 'localhost');
const plain = createServer();
const secure = createTls({ cert: readFileSync(cert), key: readFileSync(key) });
for (const server of [plain, secure]) {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  after(() => server.close());
}

const portOf = (server: Server): number => (server.address() as AddressInfo).port;

type Scope = { after(fn: () => unknown): unknown };

async function tcpPair(t: Scope): Promise<Pair> {
  const { promise, resolve } = Promise.withResolvers<RawHandle>();
  assert.ok(acceptHandles(plain, 60_000, resolve, assert.fail));
  const client = connect({ port: portOf(plain), host: '127.0.0.1', allowHalfOpen: true });
  client.on('error', () => {});
  const user = new User(await promise, false);
  t.after(() => {
    client.destroy();
    user.handle.close();
  });
  return { client, user, carrier: null };
}

async function tlsPair(t: Scope): Promise<Pair> {
  const { promise, resolve } = Promise.withResolvers<{ user: User; carrier: TLSSocket }>();
  secure.once('secureConnection', (carrier: TLSSocket) => {
    carrier.on('error', () => {});
    resolve({ user: new User(tlsHandle(carrier)!, true), carrier });
  });
  const client = connectTls({ port: portOf(secure), host: '127.0.0.1', rejectUnauthorized: false });
  client.on('error', () => {});
  const { user, carrier } = await promise;
  t.after(() => {
    client.destroy();
    carrier.destroy();
  });
  return { client, user, carrier };
}

const MAKERS: readonly [string, (t: Scope) => Promise<Pair>][] = [
  ['tcp', tcpPair],
  ['tls', tlsPair],
];

test('the handles of this node are as they should be', async () => {
  assert.equal(await handleProblem(), '');
});

for (const [name, pair] of MAKERS) {
  test(`${name}: reading begins at once, and whatever the user returns is no buffer`, async (t) => {
    const { client, user } = await pair(t);
    user.handle.setReading(true);
    user.handle.setReading(true);
    client.write('one');
    await waitFor(() => user.read === 'one', 'the first');
    user.handle.setReading(false);
    user.handle.setReading(false);
    user.handle.setReading(true);
    client.end('two');
    await waitFor(() => user.ended, 'the end');
    assert.equal(user.read, 'onetwo');
    // After the end there is nothing to start.
    user.handle.setReading(true);
    user.handle.setReading(false);
  });

  test(`${name}: a user that throws is told of its error`, async (t) => {
    const { client, user } = await pair(t);
    user.handleRead = () => {
      throw new Error('on purpose');
    };
    user.handle.setReading(true);
    client.write('x');
    await waitFor(() => user.crashed !== null, 'the error');
  });

  test(`${name}: a write while one is under way is an error of JavaScript, and an empty one nothing`, async (t) => {
    const { client, user } = await pair(t);
    client.pause();
    assert.equal(user.handle.write(LONG), 1);
    assert.throws(() => user.handle.write(Buffer.from('more')), /under way/);
    assert.throws(() => user.handle.writeAll([Buffer.from('more')]), /under way/);
    assert.throws(() => user.handle.shutDown(), /under way/);
    assert.equal(user.handle.write(Buffer.alloc(0)), 0);
    assert.equal(user.handle.write(Buffer.alloc(0)), 0);
    assert.ok(user.handle.queued > 0);
    client.resume();
    await waitFor(() => user.wrote.length === 1, 'the end of the write');
    assert.deepEqual(user.wrote, [0]);
  });

  test(`${name}: a write request that was not done at once is not used again`, async (t) => {
    const first = await pair(t);
    first.client.pause();
    assert.equal(first.user.handle.write(LONG), 1);
    const others = [await pair(t), await pair(t), await pair(t)];
    for (const { client, user } of others) {
      client.pause();
      for (let i = 0; i < 3; i++) {
        if (user.handle.isWriting) break;
        assert.ok(user.handle.write(Buffer.from('short')) >= 0);
      }
      await waitFor(() => !user.handle.isWriting, 'the short write');
      assert.equal(user.handle.write(LONG), 1);
    }
  });

  test(`${name}: our side ends once, and nothing is written behind it`, async (t) => {
    const { client, user } = await pair(t);
    client.resume();
    user.handle.shutDown();
    user.handle.shutDown();
    assert.ok(user.handle.write(Buffer.from('late')) < 0);
    await waitFor(() => user.shut === 1, 'the end');
    user.handle.shutDown();
    assert.equal(user.shut, 1);
  });

  test(`${name}: closed in the middle of a write, every call does nothing`, async (t) => {
    const { client, user, carrier } = await pair(t);
    client.pause();
    assert.equal(user.handle.write(LONG), 1);
    const end = (): void => {
      if (carrier === null) {
        user.handle.close();
      } else {
        user.handle.letGo();
        carrier.destroy();
      }
    };
    end();
    end();
    for (let i = 0; i < 2; i++) {
      user.handle.setReading(true);
      user.handle.setReading(false);
      user.handle.keepAlive(1);
      assert.equal(user.handle.queued, 0);
      assert.equal(user.handle.taken, 0);
      assert.equal(user.handle.isPeerGone(), true);
      assert.deepEqual(user.handle.peer(), { address: '', port: 0 });
      await waitFor(() => user.wrote.length === 1, 'the write to be given up');
      user.handle.shutDown();
      assert.ok(user.handle.write(Buffer.from('late')) < 0);
      if (carrier === null) user.handle.reset();
    }
    assert.ok(user.wrote[0] < 0);
    if (carrier === null) await waitFor(() => user.closed === 1, 'the close');
    assert.equal(user.shut, 0);
  });

  test(`${name}: closed within a read, while more records are decrypted already`, async (t) => {
    const { client, user, carrier } = await pair(t);
    let reads = 0;
    user.handleRead = () => {
      reads++;
      user.handle.letGo();
      if (carrier !== null) carrier.destroy();
      return readBuffer;
    };
    user.handle.setReading(true);
    for (let i = 0; i < 8; i++) client.write(Buffer.alloc(10_000, 'r'));
    await waitFor(() => reads > 0, 'a read');
    for (let i = 0; i < 5; i++) await nextTurn();
    assert.equal(reads, 1);
  });

  test(`${name}: the first write behind a reset is told as failed, by its call or after it, and is no longer under way`, async (t) => {
    const { client, user } = await pair(t);
    client.once('data', () => {});
    user.handle.write(Buffer.from('early'));
    await waitFor(() => client.bytesRead >= 5 && !user.handle.isWriting, 'the first write');
    user.wrote.length = 0;
    user.handle.setReading(false);
    const raw = (client as Socket & { _handle: RawHandle })._handle;
    (raw._parent ?? raw).reset(() => client.destroy());
    // Nothing of the loop may come in between, which would read the reset.
    while (!user.handle.isPeerGone());
    const status = user.handle.write(Buffer.from('late'));
    if (status > 0) await waitFor(() => user.wrote.length === 1, 'the failure');
    assert.ok(status < 0 || user.wrote[0] < 0, `${status} ${user.wrote}`);
    assert.equal(user.handle.isWriting, false);
  });

  test(`${name}: a client that resets in the middle of all`, async (t) => {
    const { client, user, carrier } = await pair(t);
    user.handle.setReading(true);
    assert.equal(user.handle.write(LONG), 1);
    if (carrier === null) client.resetAndDestroy();
    else client.destroy();
    await waitFor(() => user.wrote.length === 1 || user.failed !== '', 'the failure');
    user.handle.setReading(false);
    user.handle.setReading(true);
    if (!user.handle.isWriting) user.handle.shutDown();
  });
}

test('tcp: a reset is as good while our side is being ended', async (t) => {
  const { user } = await tcpPair(t);
  user.handle.shutDown();
  user.handle.reset();
  user.handle.reset();
  await waitFor(() => user.closed === 1, 'the close');
});
