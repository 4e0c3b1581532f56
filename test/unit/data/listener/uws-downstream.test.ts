/**
 * Every byte arrives also where the kernel's buffer is full to the last byte: there uWebSockets drops what it is given
 * (src/data/listener/uws-cork.ts). A kernel takes as much each time, so how much that is gets tried first.
 */
import assert from 'node:assert/strict';
import test, { after } from 'node:test';
import type { WorkerContext } from '../../../../src/data/context.ts';
import { UNKNOWN_LENGTH } from '../../../../src/data/downstream.ts';
import { HeldResponse } from '../../../../src/data/listener/held-response.ts';
import { PeerAddresses } from '../../../../src/data/listener/peer-address.ts';
import { type HttpResponse, loadUws } from '../../../../src/data/listener/uws.ts';
import { findBacklog } from '../../../../src/data/listener/uws-backlog.ts';
import { UwsDownstream } from '../../../../src/data/listener/uws-downstream.ts';
import { MemoryBudget } from '../../../../src/data/memory-budget.ts';
import { TimerWheel } from '../../../../src/kernel/timer-wheel.ts';
import { MetricsLane } from '../../../../src/shared/metrics.ts';
import { createMetricsLane } from '../../../../src/shared/metrics-layout.ts';
import { response } from '../../../harness/exchanges.ts';
import { OWN_HOST } from '../../../harness/own-host.ts';
import { type RawConnection, rawClient } from '../../../harness/raw.ts';

const HEAD = '200 OK\r\nA: b';
/** Of the pieces that fill the buffer; they go out in one write each. */
const FILL = Buffer.alloc(8_192, 'f');

const uws = await loadUws();
const held = await HeldResponse.open(uws);
const backlog = await findBacklog(uws, false);
const worker = {
  budget: new MemoryBudget({ worker: 0, connection: 0 }, new MetricsLane(createMetricsLane([1]))),
  wheel: new TimerWheel(),
  options: { uploadTimeoutMs: 0, downloadTimeoutMs: 0 },
} as unknown as WorkerContext;
const options = { worker, peers: new PeerAddresses(), secure: false, backlog, held, recycle: () => {} };

let onRequest: (response: HttpResponse) => void = () => {};
let onClose: () => void = () => {};
let port = 0;
const app = uws.App();
app.get('/', (response) => onRequest(response));
const connectionChanged = (_response: HttpResponse, change: unknown): void => {
  if (change === -1) onClose();
};
app.filter(connectionChanged);
app.listen(OWN_HOST, 0, (socket) => {
  if (socket !== false) port = uws.us_socket_local_port(socket);
});
after(() => {
  app.close();
  held.close();
});

type Scope = { after(fn: () => unknown): unknown };

async function deafClient(t: Scope): Promise<RawConnection> {
  const client = await rawClient(t, port);
  client.socket.pause();
  return client;
}

/** What answers the next request of `client`, outside of the handler that brought it. */
async function ask(client: RawConnection): Promise<{ downstream: UwsDownstream; own: HttpResponse }> {
  const downstream = new UwsDownstream(options);
  downstream.events = {
    downstreamTrailers() {},
    downstreamBody() {},
    downstreamWritable() {},
    downstreamAborted() {},
    downstreamFailed: (_fault, detail) => assert.fail(detail),
    crash: (error) => assert.ifError(error),
  };
  const asked = new Promise<HttpResponse>((resolve, reject) => {
    onClose = () => reject(new Error('the connection was closed'));
    onRequest = (own) => {
      downstream.attach(own);
      downstream.handled();
      setImmediate(resolve, own);
    };
  });
  client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  return { downstream, own: await asked };
}

/** What the kernel takes for a client that does not read: so many pieces, and so many bytes of one more. */
async function capacity(t: Scope): Promise<{ pieces: number; bytes: number }> {
  const client = await deafClient(t);
  const { downstream, own } = await ask(client);
  downstream.begin(HEAD, UNKNOWN_LENGTH, false);
  let pieces = 0;
  while (downstream.write(FILL)) pieces++;
  const bytes = FILL.length - backlog.call(own);
  client.destroy();
  return { pieces, bytes };
}

test('pieces of a response without a length', async (t) => {
  const { pieces, bytes } = await capacity(t);
  const rest = Buffer.alloc(100_000, 'x');
  // Less is free than the size of the next chunk takes.
  for (const free of [0, 4]) {
    const client = await deafClient(t);
    const { downstream, own } = await ask(client);
    downstream.begin(HEAD, UNKNOWN_LENGTH, false);
    for (let i = 0; i < pieces; i++) downstream.write(FILL);
    downstream.write(FILL.subarray(free, bytes));
    assert.equal(backlog.call(own), 0, 'the kernel took all of it');
    downstream.write(rest);
    downstream.end();
    client.socket.resume();
    const { body } = await response(client);
    assert.equal(body.length, pieces * FILL.length + bytes - free + rest.length);
  }
});

test('responses at once that are too long for one write', async (t) => {
  const body = 'x'.repeat(12_500);
  // Each goes out as its head and the rest: the edge is to lie in a head now and then.
  for (let bytes = 4_000; bytes <= 8_000; bytes += 500) {
    const client = await deafClient(t);
    const head = `200 OK\r\nA: ${'b'.repeat(bytes)}`;
    let given = 0;
    for (let waits = 0; waits === 0; given++) {
      const { downstream, own } = await ask(client);
      waits = backlog.call(own);
      downstream.respond(head, body.length, body, 0, false);
    }
    client.socket.resume();
    for (let i = 0; i < given; i++) {
      const received = await response(client);
      assert.equal(received.fields.get('a')![0].length, bytes);
      assert.equal(received.body.length, body.length, `${i} of ${given}`);
    }
  }
});

test('heads that do not fit into one write', async (t) => {
  const client = await rawClient(t, port);
  const head = `200 OK\r\nA: ${'b'.repeat(40_000)}`;
  const body = 'x'.repeat(12_500);
  const inPieces = (downstream: UwsDownstream, length: number): void => {
    downstream.begin(head, length, false);
    downstream.write(Buffer.from(body));
    downstream.end();
  };
  for (const give of [
    (downstream: UwsDownstream): void => downstream.respond(head, body.length, body, 0, false),
    (downstream: UwsDownstream): void => inPieces(downstream, body.length),
    (downstream: UwsDownstream): void => inPieces(downstream, UNKNOWN_LENGTH),
  ]) {
    give((await ask(client)).downstream);
    const received = await response(client);
    assert.equal(received.fields.get('a')![0].length, 40_000);
    assert.equal(received.body, body);
  }
});
