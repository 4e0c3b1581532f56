/**
 * An error of ours at any step of an exchange costs that exchange and nothing else: its client gets an answer or sees its
 * connection end, the worker lives on, nothing stays open. The hook makes one method at a time fail, in every class that
 * an exchange passes through, and each scenario tries them all.
 */
import assert from 'node:assert/strict';
import test, { after } from 'node:test';
import { bytesOnDisk, openExchanges } from '../harness/exchanges.ts';
import { STEPS } from '../harness/fault-hook.ts';
import { serve } from '../harness/fault-server.ts';
import { askWebSocket } from '../harness/fault-websocket.ts';
import { type RawConnection, type RawServer, rawClient, startRawServer } from '../harness/raw.ts';
import { routeKeys, startTsuji, type Tsuji, under } from '../harness/tsuji.ts';
import { waitFor } from '../harness/wait.ts';

const FAULT_HOOK = new URL('../harness/fault-hook.ts', import.meta.url).href;
const HOST = 'faults.test';
/** Nobody collects traces there. */
const GONE = 'http://127.0.0.1:9';
/** The longest that a client waits for an answer or an end. */
const PATIENCE_MS = 2_000;
const LONG_PATIENCE_MS = 10_000;

/**
 * What keeps the count itself: when it fails before it has counted, the count is wrong, and that is all that is wrong.
 * It is tried after its work instead.
 */
const COUNTERS: ReadonlySet<string> = new Set([
  'MetricsLane.exchangeOpened',
  'MetricsLane.exchangeClosed',
  'MetricsLane.upstreamOpened',
  'MetricsLane.upstreamClosed',
]);
/**
 * What no exchange calls (the clock of the whole worker, its boot and its tables); the guards themselves, which do nothing
 * but call the others; and the few steps before anybody can listen for the end of a request: uWebSockets ends the process
 * when those fail, so they do nothing that can.
 */
const NOT_TRIED = new Set([
  'TimerWheel.turn',
  'TimerWheel.isLate',
  'MetricsLane.timersArmed',
  'MetricsLane.connections',
  'UwsListener.listen',
  'UwsListener.stopListening',
  'UwsListener.close',
  'UwsListener.connected',
  'UwsListener.disconnected',
  'UwsListener.take',
  'UwsListener.onRequest',
  'UwsListener.onUpgrade',
  'UwsDownstream.attach',
  'UwsRequest.requestBegins',
  'UwsRequest.handled',
  'UwsDownstream.onHandled',
  'ServerSocket.guard',
  'ServerSocket.tell',
  'ServerSocket.expired',
  'UwsClientSocket.expired',
  'Refusal.guard',
  'UpstreamConnection.onRead',
  'UpstreamConnection.guard',
  'UpstreamConnection.expired',
  'UpstreamConnection.flushTurn',
  'WriteTurn.flush',
  'UpstreamPool.turnEnded',
  'MetricsLane.openWord',
  'UpstreamPools.leave',
  'UpstreamPools.destroy',
  // What lets go of a file, which is done once, and counts that.
  'Spool.close',
  'Spool.closeFile',
  'Spool.guard',
  'SpoolDisk.take',
  'SpoolDisk.give',
  'SpoolDisk.mayOpen',
  'SpoolDisk.closed',
  'MetricsLane.onDisk',
]);

/** Give a connection to their caller, who keeps it at once: an error between the two has no place to happen. */
const HANDING_OVER: ReadonlySet<string> = new Set([
  'UpstreamPool.take',
  'UpstreamPool.takeForTurn',
  'UpstreamPool.dial',
]);

/** Has a whole response come? */
function isWhole(received: string, bytes: number): boolean {
  const headEnd = received.indexOf('\r\n\r\n');
  if (headEnd < 0) return false;
  const head = received.slice(0, headEnd);
  if (/^HTTP\/1\.1 204/.test(head)) return true;
  const length = /\r\nContent-Length: (\d+)/.exec(head);
  if (length !== null) return bytes >= headEnd + 4 + Number(length[1]);
  return received.endsWith('\r\n0\r\n\r\n');
}

/** Until a whole response has come or the connection has ended; false when neither happens in time. */
async function settled(client: RawConnection, slow = false): Promise<boolean> {
  const { socket } = client;
  return new Promise((resolve) => {
    const look = (): void => {
      if (client.closed || isWhole(client.received, client.bytes)) done(true);
    };
    const done = (value: boolean): void => {
      clearTimeout(timer);
      socket.off('data', look).off('close', look);
      resolve(value);
    };
    const timer = setTimeout(done, slow ? LONG_PATIENCE_MS : PATIENCE_MS, false);
    socket.on('data', look).on('close', look);
    look();
  });
}

/** What does the same for every exchange, however it goes: one scenario is as good as all. */
const SAME_STEP =
  /^(?:MetricsLane|RequestHead|RequestFraming|ForwardedFields|Marks|RequestCounts|RequestIds|RoutingTable|TableLayer)\./;
const WEB_SOCKET_STEP = /^(WebSocketExchange|UwsHandshake|UwsClientSocket|ServerSocket|Relay|Refusal)\./;

type Scenario = {
  what: string;
  flags?: string[];
  /** Of its backend, besides. */
  keys?: Record<string, string>;
  /** Only steps that no scenario before it has tried. */
  slow?: boolean;
  /** Only such steps and those that no scenario before it has tried. */
  webSocket?: boolean;
  /** Statuses that are the right answer, fault or not. */
  statuses: readonly number[];
  /** Sends the request with `field` in its head. */
  send: (client: RawConnection, field: string) => void | Promise<void>;
};

function head(method: string, path: string, fields: string): string {
  return `${method} ${path} HTTP/1.1\r\nHost: ${HOST}\r\n${fields}\r\n`;
}

const SCENARIOS: readonly Scenario[] = [
  { what: 'a GET with a small answer', statuses: [200], send: (client, field) => client.send(head('GET', '/', field)) },
  {
    what: 'a GET with a line in the access log and a trace',
    slow: true,
    flags: ['--accessLog.filePath=/dev/null', '--accessLog.format=json', `--tracing.otlp.http.endpoint=${GONE}`],
    statuses: [200],
    send: (client, field) => client.send(head('GET', '/', field)),
  },
  {
    what: 'requests in flight together',
    flags: ['--upstream.pipelining=4'],
    statuses: [200],
    send: (client, field) => client.send(head('GET', '/', field)),
  },
  { what: 'an answer in pieces', statuses: [200], send: (client, field) => client.send(head('GET', '/pieces', field)) },
  {
    what: 'an answer without a body',
    statuses: [204],
    send: (client, field) => client.send(head('GET', '/none', field)),
  },
  {
    what: 'an upload with a length',
    statuses: [200],
    send: (client, field) => client.send(`${head('POST', '/', `Content-Length: 5\r\n${field}`)}hello`),
  },
  {
    what: 'a chunked upload',
    statuses: [200],
    send: (client, field) =>
      client.send(`${head('POST', '/pieces', `Transfer-Encoding: chunked\r\n${field}`)}5\r\nhello\r\n0\r\n\r\n`),
  },
  {
    what: 'a large answer for a client that is slow to read',
    slow: true,
    statuses: [200],
    send: async (client, field) => {
      client.socket.pause();
      client.send(head('GET', '/large', field));
      await new Promise((resolve) => setTimeout(resolve, 30));
      client.socket.resume();
    },
  },
  {
    what: 'bodies that go over the disk',
    slow: true,
    flags: [],
    keys: under('backends/backend1/buffering', { memrequestbodybytes: '1', memresponsebodybytes: '1' }),
    statuses: [200],
    send: (client, field) =>
      client.send(`${head('POST', '/large', `Content-Length: 300000\r\n${field}`)}${'x'.repeat(300_000)}`),
  },
  {
    what: 'no route',
    statuses: [404],
    send: (client, field) => client.send(`GET / HTTP/1.1\r\nHost: x\r\n${field}\r\n`),
  },
  {
    what: 'a malformed request',
    statuses: [400],
    send: (client, field) => client.send(head('GET', '/', `Content-Length:\r\n${field}`)),
  },
  {
    what: 'an answer that never comes',
    statuses: [502],
    send: (client, field) => client.send(head('GET', '/refused', field)),
  },
  { what: 'an answer that is torn', statuses: [], send: (client, field) => client.send(head('GET', '/torn', field)) },
  {
    what: 'an answer until close',
    statuses: [200],
    send: (client, field) => client.send(head('GET', '/until-close', field)),
  },
  {
    what: 'an answer with bytes that nobody asked for',
    statuses: [200],
    send: (client, field) => client.send(head('GET', '/unasked', field)),
  },
  {
    what: 'a malformed answer',
    statuses: [502],
    send: (client, field) => client.send(head('GET', '/malformed', field)),
  },
  {
    what: 'an answer that is too late',
    slow: true,
    flags: ['--forwardingTimeouts.responseHeaderTimeout=50ms'],
    statuses: [504],
    send: (client, field) => client.send(head('GET', '/silent', field)),
  },
  {
    what: 'a WebSocket that the client closes',
    webSocket: true,
    statuses: [],
    send: (client, field) => askWebSocket(client, HOST, '/ws', field),
  },
  {
    what: 'a WebSocket that the server closes',
    webSocket: true,
    statuses: [],
    send: (client, field) => askWebSocket(client, HOST, '/ws-closed', field),
  },
  {
    what: 'a WebSocket whose client breaks off',
    webSocket: true,
    statuses: [],
    send: (client, field) => askWebSocket(client, HOST, '/ws-gone', field),
  },
  {
    what: 'a WebSocket with both ends slow to read',
    slow: true,
    statuses: [],
    send: async (client, field) => {
      askWebSocket(client, HOST, '/ws-large', field);
      await new Promise((resolve) => setTimeout(resolve, 20));
      client.socket.pause();
      await new Promise((resolve) => setTimeout(resolve, 100));
      client.socket.resume();
    },
  },
  {
    what: 'a handshake that the server refuses',
    webSocket: true,
    statuses: [401],
    send: (client, field) => askWebSocket(client, HOST, '/no-ws', field),
  },
  {
    what: 'a handshake that breaks off',
    webSocket: true,
    statuses: [502],
    send: (client, field) => askWebSocket(client, HOST, '/refused', field),
  },
  {
    what: 'a refusal of a handshake that is torn',
    webSocket: true,
    statuses: [],
    send: (client, field) => askWebSocket(client, HOST, '/torn', field),
  },
  {
    what: 'a handshake whose answer is too late',
    slow: true,
    flags: ['--forwardingTimeouts.responseHeaderTimeout=50ms'],
    statuses: [504],
    send: (client, field) => askWebSocket(client, HOST, '/silent', field),
  },
  {
    what: 'a client that leaves during the handshake',
    webSocket: true,
    statuses: [],
    send: async (client, field) => {
      askWebSocket(client, HOST, '/silent', field);
      await new Promise((resolve) => setTimeout(resolve, 5));
      client.destroy();
    },
  },
  {
    what: 'a client that leaves',
    statuses: [],
    send: async (client, field) => {
      client.send(head('GET', '/silent', field));
      await new Promise((resolve) => setTimeout(resolve, 5));
      client.destroy();
    },
  },
];

/** What comes for an ordinary request, on a connection of its own. */
async function request(tsuji: Tsuji, fields: string): Promise<string> {
  const client = await rawClient({ after: () => {} }, tsuji.port);
  client.send(head('GET', '/', fields));
  assert.ok(await settled(client), 'an ordinary request has neither an answer nor an end');
  client.destroy();
  return client.received;
}

/** One exchange with a fault, and what must hold after it. */
async function tryFault(tsuji: Tsuji, server: RawServer, scenario: Scenario, fault: string): Promise<void> {
  const client = await rawClient({ after: () => {} }, tsuji.port);
  await scenario.send(client, `X-Fault: ${fault}\r\n`);
  assert.ok(
    await settled(client, scenario.slow),
    `${fault}: neither an answer nor an end, so far ${client.received.slice(0, 300)}`,
  );
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(client.received)?.[1] ?? 0);
  if (isWhole(client.received, client.bytes)) {
    assert.ok(status >= 500 || scenario.statuses.includes(status), `${fault}: status ${status}`);
  } else {
    assert.ok(client.closed);
  }
  client.destroy();
  await waitFor(async () => (await openExchanges(tsuji)) === 0, `${fault}: the exchange to end`, PATIENCE_MS);
  // What fails before the fields of a request are read fails for the one after it.
  const late = await request(tsuji, 'X-Fault: none\r\n');
  assert.ok(/^(HTTP\/1\.1 (200|400|500) |$)/.test(late), `${fault}: the request after it: ${late}`);
  assert.match(await request(tsuji, ''), /^HTTP\/1\.1 200 [\s\S]*\r\n\r\nok$/, `${fault}: the next request`);
  // One at a time is asked: one connection is kept, and none of those before it is left.
  await waitFor(() => server.open <= 1, `${fault}: the connection to the server to be given up`, PATIENCE_MS);
  assert.doesNotMatch(tsuji.output, /worker failed/, `${fault}: the worker has died`);
}

const tried = new Set<string>();

/** The faults that a scenario can meet, found by going through it once without any. */
async function faultsOn(tsuji: Tsuji, scenario: Scenario): Promise<string[]> {
  const client = await rawClient({ after: () => {} }, tsuji.port);
  await scenario.send(client, 'X-Fault: trace\r\n');
  assert.ok(await settled(client, scenario.slow));
  client.destroy();
  // The one after it goes another way through the pool, and its head prints what was called.
  await request(tsuji, '');
  await request(tsuji, 'X-Fault: none\r\n');
  const line = await waitFor(() => /^steps: (.*)$/m.exec(tsuji.output), 'the trace');
  const faults: string[] = [];
  for (const step of line[1].split(' ')) {
    assert.ok(STEPS.includes(step), step);
    if (NOT_TRIED.has(step)) continue;
    const again =
      scenario.slow !== true && !SAME_STEP.test(step) && (scenario.webSocket !== true || WEB_SOCKET_STEP.test(step));
    if (tried.has(step) && !again) continue;
    tried.add(step);
    if (!COUNTERS.has(step)) faults.push(step);
    if (!HANDING_OVER.has(step)) faults.push(`${step}:1:after`);
  }
  return faults;
}

let fired = 0;

const server = await startRawServer({ after }, serve);

function start(
  scope: { after(fn: () => unknown): unknown },
  flags: string[],
  more: Record<string, string> = {},
): Promise<Tsuji> {
  const keys = { ...routeKeys([server.url], HOST), ...more };
  return startTsuji(scope, { workers: 1, keys, imports: [FAULT_HOOK], flags });
}

const usual = await start({ after }, []);

for (const scenario of SCENARIOS) {
  test(`an error at any step of an exchange ends that exchange only: ${scenario.what}`, async (t) => {
    const tsuji = scenario.flags === undefined ? usual : await start(t, scenario.flags, scenario.keys);
    tsuji.output = '';
    // What another one has left idle.
    for (const connection of server.connections) connection.destroy();
    for (const fault of await faultsOn(tsuji, scenario)) {
      await tryFault(tsuji, server, scenario, fault).catch((error) => {
        throw new Error(`${fault}: ${tsuji.output.slice(-2000)}`, { cause: error });
      });
    }
    await waitFor(async () => (await bytesOnDisk(tsuji)) === 0, 'every file of a body to be closed');
    fired += tsuji.output.match(/^fault: /gm)?.length ?? 0;
    assert.equal((await tsuji.status()).workers[0].restarts, 0);
  });
}

after(() => assert.ok(fired > 500, `only ${fired} faults were met`));
