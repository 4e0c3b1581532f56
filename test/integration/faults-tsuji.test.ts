/**
 * As faults.test.ts, for the steps that only our own engine takes: an error of ours at any of them costs its exchange, or
 * at most its connection, and nothing else.
 */
import assert from 'node:assert/strict';
import test, { after } from 'node:test';
import {
  type Ask,
  type Asked,
  type Engine,
  type EngineTsuji,
  isHttp2,
  startEngines,
  whole,
} from '../harness/engines.ts';
import { openExchanges } from '../harness/exchanges.ts';
import { ok, type RawConnection, rawClient, startRawServer } from '../harness/raw.ts';
import { routeKeys } from '../harness/tsuji.ts';
import { waitFor } from '../harness/wait.ts';

const FAULT_HOOK = new URL('../harness/fault-hook.ts', import.meta.url).href;
const HOST = 'faults.test';
const LARGE = 3 << 20;
/** The longest that a client waits for an answer or an end. */
const PATIENCE_MS = 3_000;

const OWN =
  /^(TsujiListener|Opening|BaseSocket|TcpSocket|TlsServerSocket|Http1\w+|Http2\w+|Request(Parser|Reader|Block))\./;
/** The guards themselves, and what no exchange calls: the boot and the end of a worker. */
const NOT_TRIED =
  /\.(guard|listen|drain|close|makeTls|accepted|readOn|flushTurn|handleCrashed|socketCrashed|look|expired|failed)$/;

function serve(connection: RawConnection): void {
  connection.socket.setNoDelay(true);
  connection.socket.on('data', () => {
    const { received } = connection;
    const end = received.indexOf('\r\n\r\n');
    if (end < 0) return;
    const head = received.slice(0, end);
    const length = Number(/\r\ncontent-length: (\d+)/.exec(head)?.[1] ?? 0);
    if (
      /\r\ntransfer-encoding/.test(head)
        ? !/0\r\n(x-sum: 1\r\n)?\r\n$/.test(received)
        : received.length < end + 4 + length
    )
      return;
    connection.received = '';
    const path = head.split(' ', 2)[1];
    if (path === '/tunnel') connection.send('HTTP/1.1 101 Yes\r\nConnection: Upgrade\r\nUpgrade: raw\r\n\r\nhello');
    else if (path === '/torn') connection.socket.end('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\ntorn');
    else if (path === '/none') connection.send('HTTP/1.1 204 No Content\r\n\r\n');
    else if (path === '/large') connection.send(ok('x'.repeat(LARGE)));
    else if (path === '/pieces') {
      connection.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n');
      setImmediate(() => connection.send('6\r\nsecond\r\n0\r\nX-Sum: 1\r\n\r\n'));
    } else if (path !== '/silent') connection.send(ok('ok'));
  });
}

/** `http2`: what is asked instead over HTTP/2. */
type Scenario = { what: string; ask: Ask; http2?: Ask; act?: (asked: Asked) => void | Promise<void> };

const SCENARIOS: readonly Scenario[] = [
  { what: 'a small answer', ask: { host: HOST } },
  { what: 'an answer in pieces, with trailers', ask: { host: HOST, path: '/pieces' } },
  { what: 'no body', ask: { host: HOST, path: '/none' } },
  { what: 'an upload', ask: { host: HOST, method: 'POST', body: Buffer.alloc(100_000) } },
  {
    what: 'an upload of unknown length',
    ask: { host: HOST, method: 'POST', body: 'open' },
    act: ({ upload }) => {
      upload.write('hello');
      upload.end();
    },
  },
  { what: 'no route', ask: { host: 'nobody.test' } },
  { what: 'a malformed request', ask: { host: 'a@b' }, http2: { host: HOST, path: '/\xff' } },
  { what: 'a torn answer', ask: { host: HOST, path: '/torn' } },
  {
    what: 'a large answer for a client that is slow to read',
    ask: { host: HOST, path: '/large' },
    act: async ({ body }) => {
      (await body).pause();
      await new Promise((resolve) => setTimeout(resolve, 30));
    },
  },
  {
    what: 'a client that leaves',
    ask: { host: HOST, path: '/silent' },
    act: async ({ leave }) => {
      await new Promise((resolve) => setTimeout(resolve, 20));
      leave();
    },
  },
];

const server = await startRawServer({ after }, serve);
const engines: EngineTsuji = await startEngines(
  { after },
  {
    keys: routeKeys([server.url], HOST),
    imports: [FAULT_HOOK],
  },
);
const { tsuji } = engines;
const tried = new Set<string>();
let fired = 0;

/** The status of an answer, 0 when the connection or the stream ended instead. Rejects when neither comes. */
async function outcome(engine: Engine, scenario: Scenario, fault: string): Promise<number> {
  const cleanups: (() => unknown)[] = [];
  const client = engines.client({ after: (fn) => cleanups.push(fn) }, engine);
  const request = (isHttp2(engine) && scenario.http2) || scenario.ask;
  const asked = client.ask({ ...request, fields: fault === '' ? {} : { 'x-fault': fault } });
  asked.upload.on('error', () => {});
  asked.body.then(
    (body) => body.on('error', () => {}),
    () => {},
  );
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const fail = (): void => reject(new Error(`${fault}: neither an answer nor an end`));
    timer = setTimeout(() => {
      client.readOn();
      timer = setTimeout(fail, PATIENCE_MS);
    }, PATIENCE_MS);
  });
  const answer = (async () => {
    try {
      await scenario.act?.(asked);
      return (await whole(asked)).status;
    } catch {
      return 0;
    }
  })();
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
    asked.leave();
    for (const cleanup of cleanups) await cleanup();
  }
}

const PLAIN: Scenario = { what: 'a plain request', ask: { host: HOST } };

async function faultsOn(run: (fault: string) => Promise<unknown>): Promise<string[]> {
  tsuji.output = '';
  // A client that leaves may have left before its request was read.
  const line = await waitFor(async () => {
    await run('trace');
    await outcome('tsuji', PLAIN, 'none');
    await outcome('tsuji', PLAIN, 'none');
    return /^steps: (.+)$/m.exec(tsuji.output);
  }, 'the trace');
  const steps = line[1].split(' ').filter((step) => OWN.test(step) && !NOT_TRIED.test(step) && !tried.has(step));
  for (const step of steps) tried.add(step);
  return steps.flatMap((step) => [step, `${step}:1:after`]);
}

/** After a fault: nothing is left over, and the next but one is served. */
async function settled(engine: Engine, fault: string): Promise<void> {
  await waitFor(async () => (await openExchanges(tsuji)) === 0, `${fault}: the exchange to end`, PATIENCE_MS);
  // What fails before the fields of a request are read fails for the one after it.
  await outcome(engine, PLAIN, 'none');
  assert.equal(await outcome(engine, PLAIN, ''), 200, `${fault}: the next request`);
  assert.doesNotMatch(tsuji.output, /worker failed/, `${fault}: the worker has died`);
}

for (const engine of ['tsuji', 'tsuji-tls', 'tsuji-h2'] as const) {
  for (const scenario of SCENARIOS) {
    // In the clear a FIN says no more than that nothing will come.
    if (engine === 'tsuji' && scenario.ask.path === '/silent') continue;
    test(`${engine}: an error at any step ends that exchange only: ${scenario.what}`, async () => {
      const run = (fault: string): Promise<number> => outcome(engine, scenario, fault);
      for (const fault of await faultsOn(run)) {
        tsuji.output = '';
        await run(fault)
          .then(() => settled(engine, fault))
          .catch((error) => {
            throw new Error(`${fault}: ${tsuji.output.slice(-2_000)}`, { cause: error });
          });
        fired += tsuji.output.match(/^fault: /gm)?.length ?? 0;
      }
      assert.equal((await tsuji.status()).workers[0].restarts, 0);
    });
  }
}

/** One exchange on a raw connection, until `mark` has come or its end. */
async function rawOutcome(text: string, mark: string, act: (client: RawConnection) => void): Promise<void> {
  const client = await rawClient({ after: () => {} }, engines.port('tsuji'));
  client.send(text);
  await waitFor(
    () => client.received.includes(mark) || client.closed,
    () => `${mark} or an end`,
    PATIENCE_MS,
  );
  act(client);
  await waitFor(() => client.closed, 'an end', PATIENCE_MS);
}

const head = (fault: string, path: string, fields: string): string =>
  `GET ${path} HTTP/1.1\r\nHost: ${HOST}\r\nX-Fault: ${fault}\r\n${fields}\r\n`;
const upgrade = 'Connection: Upgrade\r\nUpgrade: raw\r\n';
const RAW: Record<string, (fault: string) => Promise<void>> = {
  'a tunnel': (fault) =>
    rawOutcome(head(fault, '/tunnel', upgrade), 'hello', (client) => {
      client.send('bytes');
      client.socket.end();
      for (const connection of server.connections) connection.socket.end('last');
    }),
  'a tunnel that is refused': (fault) => rawOutcome(head(fault, '/', upgrade), 'ok', () => {}),
  'requests that wait for each other': (fault) =>
    rawOutcome(
      head(fault, '/', '') +
        head('', '/', 'Content-Length: 1\r\n').replace('X-Fault: \r\n', '') +
        `a${head('', '/', 'Connection: close\r\n').replace('X-Fault: \r\n', '')}`,
      'ok',
      (client) => {
        if (!client.closed) client.socket.end();
      },
    ),
  'garbage behind a request': (fault) => rawOutcome(`${head(fault, '/', '')}garbage\r\n\r\n`, '400', () => {}),
  'garbage in an upload': (fault) =>
    rawOutcome(`${head(fault, '/', 'Transfer-Encoding: chunked\r\n')}zz\r\n`, 'HTTP/1.1 ', () => {}),
};

for (const [what, run] of Object.entries(RAW)) {
  test(`an error at any step ends that connection only: ${what}`, async () => {
    for (const fault of await faultsOn(run)) {
      tsuji.output = '';
      await run(fault)
        .then(() => settled('tsuji', fault))
        .catch((error) => {
          throw new Error(`${fault}: ${tsuji.output.slice(-2_000)}`, { cause: error });
        });
      fired += tsuji.output.match(/^fault: /gm)?.length ?? 0;
    }
    assert.equal((await tsuji.status()).workers[0].restarts, 0);
  });
}

test('a worker with an uncaught error ends with open connections of every kind and is replaced', async (t) => {
  const failing = await startEngines(t, { keys: routeKeys([server.url], HOST), imports: [FAULT_HOOK] });
  const open = (['tsuji', 'tsuji-tls', 'tsuji-h2'] as const).map((engine) => {
    const asked = failing.client(t, engine).ask({ host: HOST, path: '/silent' });
    asked.upload.on('error', () => {});
    return asked.head.then(
      () => 'answered',
      () => 'ended',
    );
  });
  await waitFor(async () => (await openExchanges(failing.tsuji)) === open.length, 'them to run');
  const bad = failing.client(t, 'tsuji').ask({ host: HOST, fields: { 'x-fault': 'uncaught' } });
  bad.upload.on('error', () => {});
  assert.deepEqual(await Promise.all(open), ['ended', 'ended', 'ended']);
  await failing.tsuji.waitForStatus(
    ({ workers }) => workers[0].restarts === 1 && workers[0].state === 'serving',
    'another worker',
  );
  for (const engine of ['tsuji', 'tsuji-tls', 'tsuji-h2'] as const) {
    assert.equal((await whole(failing.client(t, engine).ask({ host: HOST }))).status, 200);
  }
  failing.tsuji.kill('SIGTERM');
  assert.deepEqual(await failing.tsuji.ended(), { code: 0, signal: null });
});

test('enough of it was tried', () => {
  assert.ok(fired > 80, `only ${fired} faults were met`);
  assert.ok(tried.size > 50, `only ${[...tried].join(' ')}`);
});
