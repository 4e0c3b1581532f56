import assert from 'node:assert/strict';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import test from 'node:test';
import type { DialTarget } from '../../../src/data/upstream/dial.ts';
import { type SocketOwner, UpstreamSocket } from '../../../src/data/upstream/socket.ts';
import { OWN_HOST } from '../../harness/own-host.ts';
import { waitFor } from '../../harness/wait.ts';

const BUFFER = Buffer.allocUnsafeSlow(65_536);
const SIZE = 16 << 20;
/** What a connection may bring in a turn, and one read more. */
const MOST = 524_288 + BUFFER.length;

test('a server that has sent much is read a share at a time, with turns of the event loop between', async (t) => {
  let accepted: Socket | null = null;
  const server = createServer((socket) => {
    accepted = socket;
    socket.on('error', () => {});
    socket.end(Buffer.alloc(SIZE));
  });
  await new Promise<void>((resolve) => server.listen(0, OWN_HOST, resolve));
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const target = {
    secure: false,
    ready: 'connect',
    dial: (onread: never) => connect({ port, host: OWN_HOST, onread }),
  };
  let turn = 0;
  let ended = false;
  const perTurn = new Map<number, number>();
  const nothing = (): void => {};
  const owner: SocketOwner = {
    stepBegins: nothing,
    crash: nothing,
    serverAccepted: nothing,
    serverReady: () => {
      socket.begin();
      socket.pause();
    },
    serverSent: (length) => {
      perTurn.set(turn, (perTurn.get(turn) ?? 0) + length);
      return true;
    },
    serverWritable: nothing,
    serverIsDeaf: nothing,
    serverEnded: () => {
      ended = true;
    },
    serverFailed: nothing,
  };
  const socket = new UpstreamSocket(target as unknown as DialTarget, BUFFER, [], owner);
  t.after(() => socket.destroy());
  // The kernel holds what it can before anything is read.
  let last = -1;
  await waitFor(() => {
    const left = accepted?.writableLength ?? -1;
    const still = left > 0 && left === last;
    last = left;
    return still;
  }, 'the server to be stopped');
  const count = (): void => {
    turn++;
    if (!ended) setImmediate(count);
  };
  count();
  socket.resume();
  await waitFor(() => ended, 'the end');
  const turns = [...perTurn.values()];
  assert.equal(
    turns.reduce((sum, bytes) => sum + bytes, 0),
    SIZE,
  );
  assert.ok(Math.max(...turns) <= MOST, `${Math.max(...turns)} bytes in one turn`);
});
