/** As faults.test.ts, for the steps that only requests to HTTP/2 servers take. */
import assert from 'node:assert/strict';
import test, { after } from 'node:test';
import { openExchanges, openUpstream } from '../harness/exchanges.ts';
import { bodyOf, type Http2Request, startHttp2Server } from '../harness/http2.ts';
import { rawClient } from '../harness/raw.ts';
import { makeAuthority } from '../harness/tls.ts';
import { temporaryFolder } from '../harness/tools.ts';
import { startTsuji } from '../harness/tsuji.ts';
import { waitFor } from '../harness/wait.ts';

const FAULT_HOOK = new URL('../harness/fault-hook.ts', import.meta.url).href;
const LARGE = 3 << 20;
const PATIENCE_MS = 3_000;

const OWN =
  /^(UpstreamSessions?|UpstreamStream|SessionFrames|SessionOutput|OutgoingBody|HeldBody|ReadPieces|RequestEncoder|ResponseBlock)\.|^UpstreamPool\.(share|shareNoMore)$|^UpstreamConnection\.handOver$/;
/** The guards themselves, and the end of a worker or of a table. */
const NOT_TRIED = /\.(guard|expired|failAs|ready|refuse|showHead)$|^UpstreamSessions\.(retire|destroy)$/;
/** Give a stream to their caller, who keeps it at once: an error between the two has no place to happen. */
const HANDING_OVER = /\.(take|dial|adopt|share|request|add)$/;

async function serve({ stream, headers }: Http2Request): Promise<void> {
  const path = headers[':path'];
  if (path === '/silent') return;
  await bodyOf(stream);
  if (stream.closed) return;
  if (path === '/refused') stream.close(7);
  else if (path === '/reset') stream.close(2);
  else if (path === '/none') stream.respond({ ':status': 204 }, { endStream: true });
  else if (path === '/goaway') {
    stream.session!.goaway(0);
    stream.respond({ ':status': 200 });
    stream.end('ok');
  } else if (path === '/pieces') {
    stream.additionalHeaders({ ':status': 103 });
    stream.respond({ ':status': 200 }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'x-sum': '1' }));
    stream.write('first');
    setImmediate(() => stream.end('second'));
  } else if (path === '/large') {
    stream.respond({ ':status': 200 });
    stream.end(Buffer.alloc(LARGE, 'x'));
  } else if (path === '/torn') {
    stream.respond({ ':status': 200, 'content-length': 100 });
    stream.write('torn');
    setImmediate(() => stream.session?.destroy());
  } else {
    stream.respond({ ':status': 200, 'content-length': 2 });
    stream.end('ok');
  }
}

const folder = temporaryFolder();
after(() => folder.remove());
const pair = await makeAuthority(folder.path, 'localhost');
const h2c = await startHttp2Server({ after }, (request) => void serve(request).catch(() => {}));
const https = await startHttp2Server({ after }, (request) => void serve(request).catch(() => {}), pair);
const keys: Record<string, string> = {};
for (const [name, { url }] of Object.entries({ h2c, https })) {
  keys[`backends/${name}/servers/s/url`] = url;
  keys[`frontends/${name}/backend`] = name;
  keys[`frontends/${name}/routes/r/rule`] = `Host:${name}.test`;
}
const options = { keys, imports: [FAULT_HOOK] };
const patient = await startTsuji({ after }, { ...options, flags: ['--insecureSkipVerify'] });
const impatient = await startTsuji(
  { after },
  { ...options, flags: ['--insecureSkipVerify', '--forwardingTimeouts.responseHeaderTimeout=100ms'] },
);

type Scenario = {
  what: string;
  method?: string;
  path: string;
  fields?: string;
  body?: string;
  slow?: boolean;
  leaves?: boolean;
};

const SCENARIOS: readonly Scenario[] = [
  { what: 'a small answer', path: '/' },
  { what: 'an answer in pieces, with trailers', path: '/pieces' },
  { what: 'no body', path: '/none' },
  { what: 'an upload', method: 'POST', path: '/', fields: 'Content-Length: 5\r\n', body: 'hello' },
  {
    what: 'a chunked upload',
    method: 'POST',
    path: '/',
    fields: 'Transfer-Encoding: chunked\r\n',
    body: '5\r\nhello\r\n0\r\n\r\n',
  },
  { what: 'a head that HTTP/2 cannot carry', method: 'CONNECT', path: '/' },
  {
    what: 'a large upload',
    method: 'POST',
    path: '/',
    fields: `Content-Length: ${LARGE}\r\n`,
    body: 'x'.repeat(LARGE),
  },
  { what: 'a large answer for a client that is slow to read', path: '/large', slow: true },
  { what: 'a refused stream', path: '/refused' },
  { what: 'a stream that is reset', path: '/reset' },
  { what: 'a torn answer', path: '/torn' },
  { what: 'a session that ends', path: '/goaway' },
  { what: 'a client that leaves', path: '/silent', leaves: true },
];

function isWhole(received: string): boolean {
  const [head, ...rest] = received.split('\r\n\r\n');
  if (rest.length === 0) return false;
  const length = /\r\ncontent-length: (\d+)/i.exec(head);
  if (/^HTTP\/1\.1 204/.test(head)) return true;
  return length === null ? received.endsWith('\r\n0\r\n\r\n') : received.length >= head.length + 4 + Number(length[1]);
}

/** The status of an answer, 0 when the connection ended instead. Rejects when neither comes. */
async function outcome(tsuji: typeof patient, host: string, scenario: Scenario, fault: string): Promise<number> {
  const client = await rawClient({ after: () => {} }, tsuji.port);
  const { method = 'GET', path, fields = '', body = '' } = scenario;
  const armed = fault === '' ? '' : `X-Fault: ${fault}\r\n`;
  client.send(`${method} ${path} HTTP/1.1\r\nHost: ${host}.test\r\n${armed}${fields}\r\n${body}`);
  if (scenario.slow === true) {
    client.socket.pause();
    await new Promise((resolve) => setTimeout(resolve, 30));
    client.socket.resume();
  }
  if (scenario.leaves === true) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    client.destroy();
  }
  await waitFor(
    () => client.closed || isWhole(client.received),
    () => `${fault}: an answer or an end: ${client.received.slice(0, 200)}`,
    PATIENCE_MS,
  );
  client.destroy();
  return isWhole(client.received) ? Number(client.received.slice(9, 12)) : 0;
}

const PLAIN: Scenario = { what: 'a plain request', path: '/' };
const tried = new Set<string>();
let fired = 0;

async function faultsOn(tsuji: typeof patient, run: (fault: string) => Promise<unknown>): Promise<string[]> {
  tsuji.output = '';
  await run('trace');
  await outcome(tsuji, 'h2c', PLAIN, 'none');
  const line = await waitFor(() => /^steps: (.*)$/m.exec(tsuji.output), 'the trace');
  const steps = line[1].split(' ').filter((step) => OWN.test(step) && !NOT_TRIED.test(step) && !tried.has(step));
  for (const step of steps) tried.add(step);
  return steps.flatMap((step) => (HANDING_OVER.test(step) ? [step] : [step, `${step}:1:after`]));
}

/** After a fault: nothing is left over, and the next but one is served. */
async function settled(tsuji: typeof patient, host: string, fault: string): Promise<void> {
  await waitFor(async () => (await openExchanges(tsuji)) === 0, `${fault}: the exchange to end`, PATIENCE_MS);
  await outcome(tsuji, host, PLAIN, 'none');
  assert.equal(await outcome(tsuji, host, PLAIN, ''), 200, `${fault}: the next request`);
  await waitFor(async () => (await openUpstream(tsuji)) <= 2, `${fault}: connections to be given up`, PATIENCE_MS);
  assert.doesNotMatch(tsuji.output, /worker failed/, `${fault}: the worker has died`);
}

/** Begins with a server of which nothing is known, when `fresh`. */
function faultTest(
  title: string,
  tsuji: typeof patient,
  host: 'h2c' | 'https',
  scenario: Scenario,
  fresh: boolean,
): void {
  test(`${title}: an error at any step ends that exchange only`, async () => {
    const run = async (fault: string): Promise<unknown> => {
      if (fresh) {
        for (const server of [h2c, https]) for (const session of server.sessions) session.destroy();
        await waitFor(async () => (await openUpstream(tsuji)) === 0, 'no connection to be left', PATIENCE_MS);
      }
      return outcome(tsuji, host, scenario, fault);
    };
    for (const fault of await faultsOn(tsuji, run)) {
      tsuji.output = '';
      await run(fault)
        .then(() => settled(tsuji, host, fault))
        .catch((error) => {
          throw new Error(`${fault}: ${error.message} ${tsuji.output.slice(-2_000)}`, { cause: error });
        });
      fired += tsuji.output.match(/^fault: /gm)?.length ?? 0;
    }
    assert.equal((await tsuji.status()).workers[0].restarts, 0);
  });
}

faultTest('the first request of an https server', patient, 'https', PLAIN, true);
faultTest('a new session', patient, 'h2c', PLAIN, true);
for (const scenario of SCENARIOS) faultTest(scenario.what, patient, 'h2c', scenario, false);
faultTest('an answer that is too late', impatient, 'h2c', { what: '', path: '/silent' }, false);

test('enough of it was tried', () => {
  assert.ok(fired > 50, `only ${fired} faults were met`);
  assert.ok(tried.size > 35, `only ${[...tried].join(' ')}`);
});
