/** The admin address under attack: what is counted is pages made and connections, never time. */
import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { type AdminOptions, AdminServer } from '../../src/control/admin/admin-server.ts';
import type { ConnectionTimes } from '../../src/control/admin/connection.ts';
import { type RawConnection, rawClient } from '../harness/raw.ts';
import { run, waitFor } from '../harness/tools.ts';
import { backend, FakeView, frontend, server, webSettings } from '../unit/control/admin/fake-view.ts';

const LONG: ConnectionTimes = { headMs: 60_000, pieceMs: 60_000, answerMs: 60_000 };
const PING = 'GET /ping HTTP/1.1\r\nHost: a\r\n\r\n';

async function start(t: TestContext, view: FakeView, options: AdminOptions = {}) {
  const admin = new AdminServer(view, webSettings(), { times: LONG, ...options });
  const { port } = await admin.listen();
  t.after(() => admin.close());
  const client = () => rawClient(t, port);
  const ping = async () => {
    const one = await client();
    one.send(PING);
    await one.until('\r\n\r\nOK');
    one.destroy();
  };
  return { admin, client, ping };
}

/** Its status page has about a megabyte. */
function largeView(): FakeView {
  const view = new FakeView();
  for (let i = 0; i < 3000; i++) {
    view.put(backend(`backend${i}`, server('s', `http://10.0.0.1:${i + 1}`)));
    view.put(frontend(`frontend${i}`, `backend${i}`, `Host:h${i}.example.com`));
  }
  return view;
}

/** Its status page has six megabytes, which are soon made, and more than sockets hold for somebody who does not read. */
function wideView(): FakeView {
  const view = new FakeView();
  view.put(backend('b', server('s', 'http://10.0.0.1:1')));
  for (let i = 0; i < 100; i++) view.put(frontend(`frontend${i}`, 'b', `Host:${'x'.repeat(60_000)}`));
  return view;
}

/** It never reads again. */
function deafen(client: RawConnection): void {
  client.socket.pause();
}

test('pipelined requests are answered one at a time, in order', async (t) => {
  const { client } = await start(t, new FakeView());
  const one = await client();
  one.send(`${PING.repeat(199)}GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
  const answers = await one.untilClosed();
  assert.equal(answers.split('HTTP/1.1 200 OK').length - 1, 199);
  assert.match(answers, /HTTP\/1\.1 404 [\s\S]*404 page not found\n$/);
});

test('64 kB of pipelined requests for a large page cost only the pages that are taken', async (t) => {
  const times = { ...LONG, pieceMs: 500 };
  const { admin, client, ping } = await start(t, largeView(), { times });
  const attackers = await Promise.all(Array.from({ length: 4 }, client));
  const request = 'GET /api/status HTTP/1.1\r\nHost: a\r\n\r\n';
  for (const attacker of attackers) {
    deafen(attacker);
    attacker.send(request.repeat(Math.floor(65_536 / request.length)));
  }
  await waitFor(() => admin.pages.maker.made > 0, 'the first page');
  await ping();
  await waitFor(() => admin.openConnections === 0, 'the attackers to be closed');
  // What the sockets of both sides can hold, and not the 7000 that were asked for.
  assert.ok(admin.pages.maker.made < 100, `${admin.pages.maker.made} pages`);
});

test('many who ask for a page at once share it, and ping is answered meanwhile', async (t) => {
  const { admin, client, ping } = await start(t, largeView());
  const clients = await Promise.all(Array.from({ length: 300 }, client));
  for (const one of clients) {
    one.keep = false;
    one.send('GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
  }
  await ping();
  await waitFor(() => clients.every(({ ended }) => ended), 'all answers');
  const sizes = new Set(clients.map(({ bytes }) => bytes));
  assert.ok(Math.min(...sizes) > 100_000);
  assert.ok(admin.pages.maker.made < 30, `${admin.pages.maker.made} pages for 300`);
});

test('whoever asks gets what is true after the question, however many ask', async (t) => {
  const view = new FakeView();
  const { client } = await start(t, view);
  const ask = async (): Promise<number> => {
    const one = await client();
    one.send('GET /api/status HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    const answer = await one.untilClosed();
    return JSON.parse(answer.slice(answer.indexOf('\r\n\r\n'))).generation;
  };
  const crowd = Array.from({ length: 20 }, ask);
  for (let generation = 2; generation < 6; generation++) {
    view.generationNow = generation;
    assert.ok((await ask()) >= generation);
  }
  await Promise.all(crowd);
});

test('silent connections and dripping heads are closed in time, whatever comes', async (t) => {
  const { admin, client } = await start(t, new FakeView(), { times: { ...LONG, headMs: 200 } });
  const silent = await client();
  const dripping = await client();
  dripping.send('GET /ping HTTP/1.1\r\nHost: a\r\nX: ');
  const drip = setInterval(() => dripping.send('x'), 20);
  t.after(() => clearInterval(drip));
  const kept = await client();
  kept.send(PING);
  await kept.until('OK');
  await Promise.all([silent, dripping, kept].map((one) => one.untilClosed()));
  assert.equal(admin.openConnections, 0);
});

test('beyond the limit of connections the oldest silent one goes and the new one is served', async (t) => {
  const { admin, client, ping } = await start(t, new FakeView(), { maxConnections: 8 });
  const silent: RawConnection[] = [];
  for (let i = 0; i < 8; i++) silent.push(await client());
  await waitFor(() => admin.openConnections === 8, 'all of them');
  await ping();
  await silent[0].untilClosed();
  assert.deepEqual(
    silent.map(({ closed }) => closed),
    [true, false, false, false, false, false, false, false],
  );
});

test('who is being answered stays when there are too many, as long as anybody is silent', async (t) => {
  const { admin, client, ping } = await start(t, largeView(), { maxConnections: 3 });
  const busy = await client();
  deafen(busy);
  busy.send('GET /api/status HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(50));
  await waitFor(() => admin.pages.maker.made > 0, 'its page to be made');
  for (let i = 0; i < 5; i++) await client();
  await ping();
  busy.socket.resume();
  await busy.until('200 OK');
});

test('a client that does not take its page is closed', async (t) => {
  const { admin, client, ping } = await start(t, wideView(), { times: { ...LONG, pieceMs: 300 } });
  const deaf = await client();
  deafen(deaf);
  deaf.send('GET /api/status HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(10));
  await waitFor(() => admin.pages.maker.made > 0, 'a page');
  await waitFor(() => admin.openConnections === 0, 'it to be closed');
  await ping();
});

test('clients that read slowly do not keep more old pages than the budget allows', async (t) => {
  const { admin, client } = await start(t, wideView(), { pagesBudget: 15_000_000 });
  for (const path of [
    '/api',
    '/api/providers',
    '/api/providers/etcd',
    '/api/status',
    '/api/status',
    '/api/providers',
  ]) {
    const one = await client();
    deafen(one);
    one.send(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`.repeat(10));
    await waitFor(() => one.socket.bytesWritten > 0, 'the request to be sent');
  }
  await waitFor(() => admin.openConnections <= 3, 'the slowest to be closed');
});

test('a page is compressed for clients that take it', async (t) => {
  const { client } = await start(t, largeView());
  const one = await client();
  one.send('GET /api/status HTTP/1.1\r\nHost: a\r\nAccept-Encoding: br, gzip;q=0.5\r\nConnection: close\r\n\r\n');
  const answer = await one.untilClosed();
  assert.match(answer, /\r\nContent-Encoding: gzip\r\n/);
  assert.match(answer, /\r\nVary: Accept-Encoding\r\n/);
  const body = gunzipSync(Buffer.from(answer.slice(answer.indexOf('\r\n\r\n') + 4), 'latin1'));
  assert.equal(JSON.parse(body.toString()).backends.length, 3000);
});

test('an event stream that is not read is closed, and the others hear of every change', async (t) => {
  const view = wideView();
  const { admin, client } = await start(t, view, { times: { ...LONG, pieceMs: 300 } });
  const request = 'GET /api/events HTTP/1.1\r\nHost: a\r\n\r\n';
  const deaf = await client();
  deafen(deaf);
  deaf.send(request);
  const reader = await client();
  reader.send(request);
  await reader.until('"generation":1,');
  const change = setInterval(() => {
    view.put(backend('b', server('s', `http://10.0.0.1:${++view.generationNow}`)));
    view.changed();
  }, 20);
  t.after(() => clearInterval(change));
  reader.keep = false;
  await waitFor(() => admin.openConnections === 1, 'the one that does not read to be closed');
  clearInterval(change);
  reader.keep = true;
  view.generationNow = 1_000_000;
  view.changed();
  await reader.until('"generation":1000000,');
});

test('whoever says anything on an event stream has it closed', async (t) => {
  const { client } = await start(t, new FakeView());
  const one = await client();
  one.send('GET /api/events HTTP/1.1\r\nHost: a\r\n\r\n');
  await one.until('event: live');
  one.send(PING);
  await one.untilClosed();
});

test('with few descriptors the pages take an eighth of them', async () => {
  const script = `
    import { AdminServer } from '${new URL('../../src/control/admin/admin-server.ts', import.meta.url)}';
    import { FakeView, webSettings } from '${new URL('../unit/control/admin/fake-view.ts', import.meta.url)}';
    console.log(new AdminServer(new FakeView(), webSettings()).maxConnections);`;
  const limited = `ulimit -n 256 && exec "$0" --input-type=module --eval "$1"`;
  const { stdout, stderr } = await run('sh', ['-c', limited, process.execPath, script]);
  assert.equal(stdout.trim(), '32', stderr);
});
