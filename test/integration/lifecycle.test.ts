/** Starting, stopping and failing (issue: SIGTERM drains, SIGKILL of a server or a broken worker ends nothing). */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { OWN_HOST } from '../harness/own-host.ts';
import { answering, ok, type RawConnection, rawClient, startRawServer } from '../harness/raw.ts';
import { freePort, type RunResult, run, startProcess, temporaryFolder } from '../harness/tools.ts';
import { MAIN, routeKeys, startTsuji, Tsuji } from '../harness/tsuji.ts';
import { waitFor } from '../harness/wait.ts';
import { accept, handshake } from '../harness/websocket.ts';

const FAULT_HOOK = new URL('../harness/fault-hook.ts', import.meta.url).href;
const HOST = 'nginx.example.com';
const GET = `GET / HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`;

/** Does a process have handlers for SIGHUP, SIGUSR1 and SIGUSR2 alike? */
function takesSignals(pid: number): boolean {
  const caught = /^SigCgt:\s*([0-9a-f]+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  const wanted = [constants.signals.SIGHUP, constants.signals.SIGUSR1, constants.signals.SIGUSR2];
  return wanted.every((signal) => (BigInt(`0x${caught![1]}`) & (1n << BigInt(signal - 1))) !== 0n);
}

/** A server that answers only when told to. */
async function held(t: TestContext) {
  const server = await startRawServer(t);
  // As good as for ever, and not the moment that an overflow would make of it.
  const flags = ['--lifeCycle.graceTimeOut=1000h'];
  const tsuji = await startTsuji(t, { keys: routeKeys([server.url]), workers: 2, flags });
  const client = await rawClient(t, tsuji.port);
  client.send(GET);
  const upstream = await server.next();
  await upstream.until('\r\n\r\n');
  return { tsuji, client, upstream };
}

for (const signal of ['SIGTERM', 'SIGQUIT'] as const) {
  test(`${signal} lets a running exchange end, accepts nothing new, and ends with code 0`, async (t) => {
    const { tsuji, client, upstream } = await held(t);
    tsuji.kill(signal);
    await waitFor(async () => (await tsuji.api('/ping')).status === 503, '/ping to say 503');
    await waitFor(async () => {
      const probe = await rawClient(t, tsuji.port).catch(() => null);
      probe?.destroy();
      return probe === null;
    }, 'new connections to be refused');
    assert.equal(tsuji.exit, null);
    upstream.send(ok('at last'));
    assert.match(await client.until('at last'), /^HTTP\/1\.1 200 OK\r\n/);
    assert.deepEqual(await tsuji.ended(), { code: 0, signal: null });
  });
}

test('SIGHUP, SIGUSR1 and SIGUSR2 do no harm and open no debugger, not even while tsuji starts', async (t) => {
  const server = await startRawServer(t);
  const harmless = ['SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const;
  const tsuji = new Tsuji({ keys: routeKeys([server.url]) });
  t.after(() => tsuji.kill('SIGKILL'));
  // From the first moment in which it can: the threads, the modules and the settings are yet to come.
  await waitFor(() => takesSignals(tsuji.child.pid!), 'the signals to be taken');
  for (const signal of harmless) tsuji.kill(signal);
  await tsuji.hasSaid(/event=admin_listening/);
  assert.equal(tsuji.exit, null);
  // There is nobody yet whom a successor could relieve.
  assert.match(tsuji.output, /event=signal_ignored signal=SIGUSR2|event=successor_failed .*still starting/);
  assert.doesNotMatch(tsuji.output, /Debugger/);
  tsuji.kill('SIGTERM');
  assert.deepEqual(await tsuji.ended(), { code: 0, signal: null });
});

for (const [moment, isThere] of [
  ['while tsuji starts', (tsuji) => takesSignals(tsuji.child.pid!)],
  ['while its workers boot', (tsuji) => tsuji.output.includes('event=source_live')],
] as readonly (readonly [string, (tsuji: Tsuji) => boolean])[]) {
  test(`a signal to end that comes ${moment} ends it with code 0`, async (t) => {
    const tsuji = new Tsuji({ workers: 2 });
    t.after(() => tsuji.kill('SIGKILL'));
    await waitFor(() => isThere(tsuji), 'that moment');
    tsuji.kill('SIGQUIT');
    assert.deepEqual(await tsuji.ended(), { code: 0, signal: null });
    assert.doesNotMatch(tsuji.output, /level=(?:error|fatal)/);
  });
}

test('tsuji healthcheck asks the tsuji with the same flags, also without any admin pages', async (t) => {
  const folder = temporaryFolder();
  t.after(() => folder.remove());
  const server = await startRawServer(t);
  for (const [key, value] of Object.entries(routeKeys([server.url]))) {
    mkdirSync(dirname(join(folder.path, key)), { recursive: true });
    writeFileSync(join(folder.path, key), value);
  }
  const flags = [`--folder=${folder.path}`, `--entryPoints=Name:http Address:${OWN_HOST}:${await freePort()}`];
  const tsuji = startProcess(process.execPath, [MAIN, ...flags, '--workers=1', '--lifeCycle.graceTimeOut=1000h']);
  t.after(() => tsuji.end('SIGKILL'));
  const healthcheck = (): Promise<RunResult> => run(process.execPath, [MAIN, 'healthcheck', ...flags.toReversed()]);
  await waitFor(async () => (await healthcheck()).code === 0, 'it to be healthy');
  assert.equal((await healthcheck()).stdout, `OK: tsuji ${tsuji.pid}\n`);

  const client = await rawClient(t, Number(flags[1].split(':').at(-1)));
  client.send(GET);
  await (await server.next()).until('\r\n\r\n');
  process.kill(tsuji.pid, 'SIGTERM');
  await waitFor(() => tsuji.output().includes('event=drain_begin'), 'the drain');
  const draining = await healthcheck();
  assert.deepEqual([draining.code, draining.stderr], [1, 'healthcheck: not ready: draining\n']);
  process.kill(tsuji.pid, 'SIGTERM');
  await waitFor(() => tsuji.hasEnded(), 'a second signal to end it at once');
  assert.match((await healthcheck()).stderr, /no tsuji runs here with these flags/);
});

test('SIGTERM ends with code 0 after the grace time although exchanges still hang, and each says why', async (t) => {
  const server = await startRawServer(t);
  const folder = temporaryFolder();
  t.after(() => folder.remove());
  const path = join(folder.path, 'access.log');
  const tsuji = await startTsuji(t, {
    keys: routeKeys([server.url]),
    flags: [
      `--entryPoints=Name:uws Address:${OWN_HOST}:0`,
      `--entryPoints=Name:tsuji Address:${OWN_HOST}:0 Engine:tsuji`,
      '--defaultEntryPoints=uws,tsuji',
      '--lifeCycle.graceTimeOut=300ms',
      '--accessLog.format=json',
      `--accessLog.filePath=${path}`,
    ],
  });
  const asks = async (entryPoint: string, text: string) => {
    const client = await rawClient(t, tsuji.portOf(entryPoint));
    client.send(text);
    return client;
  };
  const clients: RawConnection[] = [];
  for (const entryPoint of ['uws', 'tsuji']) {
    clients.push(await asks(entryPoint, GET));
    await (await server.next()).until('\r\n\r\n');
    const begun = await asks(entryPoint, GET);
    const upstream = await server.next();
    await upstream.until('\r\n\r\n');
    upstream.send('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf');
    await begun.until('half');
    clients.push(begun);
  }
  // Its goodbye is the last call: who begins to ask after it is told to come again.
  const talking = await asks('uws', handshake(HOST));
  const upstream = await server.next();
  upstream.send(accept(await upstream.until('\r\n\r\n')));
  await talking.until('\r\n\r\n');
  const before = talking.received.length;
  const late = await Promise.all(['uws', 'tsuji'].map((entryPoint) => asks(entryPoint, GET.slice(0, -4))));
  tsuji.kill('SIGTERM');
  await waitFor(() => talking.received.length > before || talking.closed, 'the close frame');
  for (const client of late) client.send('\r\n\r\n');
  for (const client of late) assert.match(await client.untilClosed(), /^HTTP\/1\.1 503 /);
  for (const client of clients) await client.untilClosed();
  assert.deepEqual(await tsuji.ended(), { code: 0, signal: null });
  const lines = readFileSync(path, 'utf8').trim().split('\n');
  const told = lines.map((line) => {
    const { Cause, DownstreamStatus } = JSON.parse(line);
    return `${Cause} ${DownstreamStatus}`;
  });
  const deadlines = ['drain_deadline 101', ...['200', '200', '503', '503'].map((status) => `drain_deadline ${status}`)];
  assert.deepEqual(told.sort(), [...deadlines, 'draining 503', 'draining 503']);
});

test('idle kept connections do not hold SIGTERM up', async (t) => {
  const server = await startRawServer(
    t,
    answering(() => ok('x')),
  );
  const tsuji = await startTsuji(t, { keys: routeKeys([server.url]), flags: ['--lifeCycle.graceTimeOut=60s'] });
  const client = await rawClient(t, tsuji.port);
  client.send(GET);
  await client.until('\r\n\r\nx');
  tsuji.kill('SIGTERM');
  assert.deepEqual(await tsuji.ended(), { code: 0, signal: null });
});

test('an uncaught error in one worker is logged, that worker is replaced, and the others go on', async (t) => {
  const server = await startRawServer(
    t,
    answering(() => ok('x')),
  );
  const tsuji = await startTsuji(t, { keys: routeKeys([server.url]), workers: 3, imports: [FAULT_HOOK] });
  const before = (await tsuji.status()).workers as { restarts: number }[];
  assert.equal(before.length, 3);
  // The hook throws outside of any request, in whichever worker serves this one.
  const client = await rawClient(t, tsuji.port);
  client.send(`GET / HTTP/1.1\r\nHost: ${HOST}\r\nX-Fault: uncaught\r\n\r\n`);
  await client.untilClosed();
  await tsuji.waitForStatus(
    (status) =>
      status.workers.reduce((sum, worker) => sum + worker.restarts, 0) === 1 &&
      status.workers.every((worker) => worker.state === 'serving' && worker.generation === status.generation),
    'the worker to be replaced',
  );
  await tsuji.hasSaid(/level=error msg="worker failed" event=worker_failed .*reason="injected fault"/);
  for (let i = 0; i < 30; i++) {
    const again = await rawClient(t, tsuji.port);
    again.send(GET);
    await again.until('\r\n\r\nx');
    again.destroy();
  }
  assert.equal(tsuji.exit, null);
});

test('a port that is taken ends the start with code 1 and names the address', async (t) => {
  const server = await startRawServer(t);
  const tsuji = new Tsuji({ flags: [`--entryPoints=Name:web Address:${OWN_HOST}:${server.port}`], workers: 2 });
  t.after(() => tsuji.kill('SIGKILL'));
  assert.equal((await tsuji.ended()).code, 1);
  assert.match(
    tsuji.output,
    new RegExp(
      `level=error msg="An address cannot be listened on" event=listen_failed entrypoint=web address="${OWN_HOST}:${server.port}" ` +
        `reason="the port is taken by node \\(process ${process.pid}\\)"`,
    ),
  );

  // Once, whatever the number of workers, and without a stack.
  assert.equal(tsuji.output.match(/cannot be listened on/g)?.length, 1);
  assert.doesNotMatch(tsuji.output, /stack=|\.[jt]s:/);

  const admin = new Tsuji({ flags: [`--web.address=${OWN_HOST}:${server.port}`] });
  t.after(() => admin.kill('SIGKILL'));
  assert.equal((await admin.ended()).code, 1);
  const place = `event=listen_failed entrypoint=admin address="${OWN_HOST}:${server.port}"`;
  assert.match(admin.output, new RegExp(`level=error .*${place}`));
});

test('a second tsuji on the same port says so, though the kernel would let both have it', async (t) => {
  const first = await startTsuji(t);
  const second = new Tsuji({ flags: [`--entryPoints=Name:http Address:${OWN_HOST}:${first.port}`] });
  t.after(() => second.kill('SIGKILL'));
  assert.equal((await second.ended()).code, 1);
  const reason = `the port is taken by another tsuji \\(process ${first.child.pid}\\)`;
  assert.match(
    second.output,
    new RegExp(
      `event=listen_failed entrypoint=http address=.*reason="${reason}"\\n.*event=stop code=1 took_ms=\\d+\\n$`,
    ),
  );
});

test('a server that is killed and comes back is used again at once', async (t) => {
  const first = await startRawServer(
    t,
    answering(() => ok('old')),
  );
  const tsuji = await startTsuji(t, { keys: routeKeys([first.url]) });
  const client = await rawClient(t, tsuji.port);
  client.send(GET);
  await client.until('old');
  const { port } = first;
  first.close();
  client.send(GET);
  await client.until('Bad Gateway');
  await startRawServer(
    t,
    answering(() => ok('new')),
    port,
  );
  client.send(GET);
  await client.until('new');
});
