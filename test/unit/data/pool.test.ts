import assert from 'node:assert/strict';
import { type AddressInfo, createServer } from 'node:net';
import test, { type TestContext } from 'node:test';
import { Descriptors } from '../../../src/data/descriptors.ts';
import { MemoryBudget } from '../../../src/data/memory-budget.ts';
import type { UpstreamConnection } from '../../../src/data/upstream/connection.ts';
import { UpstreamPool } from '../../../src/data/upstream/pool.ts';
import { UpstreamPools } from '../../../src/data/upstream/pools.ts';
import type { UpstreamSocket } from '../../../src/data/upstream/socket.ts';
import type { Upstream, UpstreamUser } from '../../../src/data/upstream/upstream.ts';
import { REQUEST_LENGTH, REQUEST_NO_BODY } from '../../../src/http/request-framing.ts';
import { FAULTS, type Fault } from '../../../src/kernel/errors.ts';
import { TimerWheel } from '../../../src/kernel/timer-wheel.ts';
import type { BootOptions } from '../../../src/protocol/messages.ts';
import { BACKEND_STRIDE, BackendCounts } from '../../../src/shared/backend-counts.ts';
import { createDescriptorCounts, DescriptorCounts } from '../../../src/shared/descriptor-counts.ts';
import { MetricsLane } from '../../../src/shared/metrics.ts';
import { createMetricsLane } from '../../../src/shared/metrics-layout.ts';
import { createSlotCounts } from '../../../src/shared/slot-counts.ts';
import type { ServerView } from '../../../src/table/views.ts';
import { literals, startFrameServer } from '../../harness/http2.ts';
import { END_HEADERS, END_STREAM, FRAME, frame } from '../../harness/http2-frames.ts';
import { OWN_HOST } from '../../harness/own-host.ts';

type Idle = { deadline: number; used: boolean; destroyed: boolean; use(): void; destroy(): void };

function idle(deadline: number): Idle {
  return {
    deadline,
    used: false,
    destroyed: false,
    use() {
      this.used = true;
    },
    destroy() {
      this.destroyed = true;
    },
  };
}

test('a connection whose time is over is not used, however late its timer is', () => {
  // Only what `keep` and `take` look at.
  const pool: UpstreamPool = Object.assign(Object.create(UpstreamPool.prototype), {
    idle: [],
    closed: false,
    shares: false,
    options: { maxIdleConnsPerHost: 9 },
    counts: { rests() {}, awakes() {}, reused() {}, closedIdle() {} },
  });
  const now = performance.now();
  const [good, over, alsoOver] = [idle(now + 60_000), idle(now - 1), idle(now - 5_000)];
  for (const each of [good, over, alsoOver]) pool.keep(each as unknown as UpstreamConnection);
  const user = {} as UpstreamUser;
  assert.equal(pool.take(user, false), good as unknown);
  assert.deepEqual(
    [good, over, alsoOver].map(({ used, destroyed }) => [used, destroyed]),
    [
      [true, false],
      [false, true],
      [false, true],
    ],
  );
  assert.equal(pool.take(user, false), null);
});

type Innards = { socket: UpstreamSocket; serverSent(length: number): boolean };

function poolsWith(options: BootOptions): UpstreamPools {
  const metrics = new MetricsLane(createMetricsLane([1]));
  const counts = new DescriptorCounts(createDescriptorCounts(1), 0);
  return new UpstreamPools(
    options,
    new TimerWheel(),
    metrics,
    new BackendCounts(createSlotCounts(BACKEND_STRIDE, 8)),
    new Descriptors(counts, 0, metrics, () => 0),
    new MemoryBudget({ worker: 0, connection: 0 }, metrics),
  );
}

function poolOf(t: TestContext, server: Partial<ServerView>): UpstreamPool {
  const options = { maxIdleConnsPerHost: 9, dialTimeoutMs: 0, responseHeaderTimeoutMs: 0, insecureSkipVerify: false };
  const pools = poolsWith({ ...options, rootCAs: null } as unknown as BootOptions);
  t.after(() => pools.destroy());
  return pools.of({ host: OWN_HOST, slot: 0, ...server } as ServerView);
}

/** A connection to a real server that has answered one request, and the turn in which it is used again. */
async function usedConnection(t: TestContext): Promise<{ pool: UpstreamPool; requests: () => number }> {
  let requests = 0;
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', () => {
      requests++;
      socket.write('HTTP/1.1 204 No Content\r\n\r\n');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, OWN_HOST, resolve));
  const { port } = server.address() as AddressInfo;
  t.after(() => server.close());
  const pool = poolOf(t, { scheme: 'http', port });
  await new Promise<void>((resolve, reject) => {
    const user = userWith({ responseEnd: () => resolve(connection.done(true)), upstreamFailed: reject });
    user.upstreamConnected = () =>
      connection.sendHead('GET / HTTP/1.1\r\n\r\n', 'GET', REQUEST_NO_BODY, true, false, false, '');
    const connection = pool.dial(user, false);
  });
  return { pool, requests: () => requests };
}

function userWith(part: Partial<UpstreamUser>): UpstreamUser {
  const nothing = (): void => {};
  return {
    writesDate: false,
    responseHead: nothing,
    responseInterim: nothing,
    responseWaits: nothing,
    responseBody: nothing,
    responseEnd: nothing,
    upstreamConnected: nothing,
    upstreamWritable: nothing,
    upstreamFailed: nothing,
    crash: nothing,
    ...part,
  };
}

for (const [what, spoil] of [
  ['ends', ({ socket }: Innards) => socket.destroy()],
  ['brings bytes that nobody asked for', (connection: Innards) => connection.serverSent(3)],
] as const) {
  test(`a connection that ${what} before the request was written to it tells so, and nothing goes out`, async (t) => {
    const { pool, requests } = await usedConnection(t);
    const failed = new Promise<Fault>((resolve) => {
      const user = userWith({ upstreamFailed: resolve });
      const connection = pool.take(user, false) as UpstreamConnection;
      connection.sendHead('GET / HTTP/1.1\r\n\r\n', 'GET', REQUEST_NO_BODY, true, false, false);
      spoil(connection as unknown as Innards);
    });
    assert.equal(await failed, FAULTS.unwritten);
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(requests(), 1);
  });
}

test('a slot with another name has a pool of its own, for whoever asks', () => {
  const pools = poolsWith({ maxIdleConnsPerHost: 1, upstreamPipelining: 1 } as BootOptions);
  const view = (port: number) =>
    ({ slot: 3, url: `http://${OWN_HOST}:${port}`, scheme: 'http', host: OWN_HOST, port }) as unknown as ServerView;
  const [before, after] = [view(1), view(2)];
  const old = pools.of(before);
  assert.equal(pools.of(view(1)), old);
  const renamed = pools.of(after);
  assert.notEqual(renamed, old);
  // An exchange that began with the old table never comes to the new server.
  assert.notEqual(pools.of(before), renamed);
  pools.destroy();
});

/** More than the buffers of both systems take. */
const BODY = Buffer.alloc(64 << 20);

/** Sends a whole request with a body; what its connection was once the response had ended. */
function upload(pool: UpstreamPool, body: Buffer): Promise<Upstream> {
  return new Promise((resolve, reject) => {
    let used: Upstream;
    const user = userWith({
      upstreamConnected: (upstream) => {
        used = upstream;
        const head = `POST / HTTP/1.1\r\nhost: a.test\r\ncontent-length: ${body.length}\r\n\r\n`;
        upstream.sendHead(head, 'POST', REQUEST_LENGTH, false, false, false, '');
        upstream.write(body);
        upstream.endBody('');
      },
      responseHead: () => used.headArrived(),
      responseEnd: () => {
        used.done(true);
        resolve(used);
      },
      upstreamFailed: reject,
    });
    pool.dial(user, false);
  });
}

for (const [what, body, size] of [
  ['that answers before it has read a body is not used again', BODY, 0],
  ['that has read a body is used again', Buffer.alloc(1000), 1],
] as const) {
  test(`a connection to a server ${what}`, async (t) => {
    const server = createServer((socket) => {
      socket.on('error', () => {});
      socket.once('data', () => {
        socket.pause();
        socket.write('HTTP/1.1 204 No Content\r\n\r\n');
      });
      t.after(() => socket.destroy());
    });
    await new Promise<void>((resolve) => server.listen(0, OWN_HOST, resolve));
    t.after(() => server.close());
    const pool = poolOf(t, { scheme: 'http', port: (server.address() as AddressInfo).port });
    await upload(pool, body);
    // What has come is looked through to its end before it is settled.
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(pool.size, size);
    assert.equal(pool.take(userWith({}), false) === null, size === 0);
  });
}

test('a stream to an HTTP/2 server that answers before it has read a body is reset', async (t) => {
  const reset = new Promise<number>((resolve, reject) => {
    startFrameServer(t, (connection, { type, stream, payload }) => {
      if (type === FRAME.rstStream) resolve(payload.readUInt32BE(0));
      if (type !== FRAME.headers) return;
      connection.send(frame(FRAME.headers, END_HEADERS | END_STREAM, stream, literals([[':status', '204']])));
    }).then(async ({ url }) => {
      await upload(poolOf(t, { scheme: 'h2c', port: Number(new URL(url).port) }), BODY);
    }, reject);
  });
  // CANCEL
  assert.equal(await reset, 8);
});
