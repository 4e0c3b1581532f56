/** Requests as they end, for whoever looks at them, over every engine. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { get, type IncomingMessage } from 'node:http';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import test, { after } from 'node:test';
import { ENGINES, startEngines } from '../harness/engines.ts';
import { request } from '../harness/exchanges.ts';
import { OWN_HOST } from '../harness/own-host.ts';
import { answering, ok, startRawServer } from '../harness/raw.ts';
import { addRoute, MAIN } from '../harness/tsuji.ts';
import { untilStill, waitFor } from '../harness/wait.ts';

const engines = await startEngines({ after }, { workers: 2 });
const { tsuji } = engines;
const server = await startRawServer(
  { after } as never,
  answering(() => ok('done')),
);
const host = await addRoute(tsuji, [server.url]);

type Line = { code: number; m: string; h: string; p: string; f: string; b: string; s: string; e: string };
type Told = Line & { ms: number[]; tries: number; ip: string; cause: string; t: number };

/** A tail, from its first word on. */
async function look(query: string): Promise<{ lines: Told[]; skipped: number; text: string; leave(): void }> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    get({ host: OWN_HOST, port: tsuji.adminPort, path: `/api/ui/tail?${query}`, agent: false }, resolve).on(
      'error',
      reject,
    );
  });
  const seen = { lines: [] as Told[], skipped: 0, text: '', leave: () => void response.destroy() };
  response.on('error', () => {});
  if (response.statusCode !== 200) {
    seen.text = `${response.statusCode} ${await text(response)}`;
    return seen;
  }
  const lines = createInterface({ input: response });
  const first = Promise.withResolvers<void>();
  lines.on('line', (line) => {
    seen.text += `${line}\n`;
    if (line === ': live') first.resolve();
    const data = line.startsWith('data: ') ? JSON.parse(line.slice(6)) : null;
    if (data === null) return;
    if ('skipped' in data) seen.skipped += data.skipped;
    else seen.lines.push(data);
  });
  await first.promise;
  return seen;
}

const looked = async (): Promise<number> => {
  const counts = (await tsuji.metrics()).matchAll(/^tsuji_tail_requests_total\{[^}]*\} (\d+)$/gm);
  return Array.from(counts, ([, count]) => Number(count)).reduce((sum, count) => sum + count, 0);
};

test('each engine tells what was asked and where it went, and nothing that is secret', async () => {
  const tail = await look('rate=50');
  const fields = { cookie: 'session=hush1', authorization: 'Bearer hush2' };
  for (const engine of ENGINES) {
    await engines.ask(engine, { host, path: `/${engine}?id=hush3&hush4`, fields });
    await engines.ask(engine, { host: 'nobody.test', path: `/${engine}/lost` });
  }
  await waitFor(
    () => tail.lines.length === 2 * ENGINES.length,
    () => `all requests: ${tail.text}`,
  );
  tail.leave();
  for (const engine of ENGINES) {
    const [answered] = tail.lines.filter(({ p }) => p.startsWith(`/${engine}?`));
    const [lost] = tail.lines.filter(({ p }) => p === `/${engine}/lost`);
    const { code, m, h, p, f, b, s, tries, ip, cause } = answered;
    const name = host.split('.')[0];
    assert.deepEqual([code, m, h, p], [200, 'GET', host, `/${engine}?id=…&…`]);
    assert.deepEqual([f, b, s, tries, ip, cause], [name, name, 's1', 1, '127.0.0.1', 'ok']);
    assert.ok(answered.ms.every((part) => part >= 0) && answered.ms[2] > 0 && answered.t > 1.6e12);
    assert.deepEqual(
      [lost.code, lost.f, lost.b, lost.s, lost.tries, lost.cause],
      [404, null, null, null, 0, 'no_route'],
    );
  }
  assert.doesNotMatch(tail.text, /hush|cookie|authorization/i);
});

test('a filter lets through what it names, also what servers refuse and break', async () => {
  const broken = await startRawServer({ after } as never, async (connection) => {
    await request(connection);
    connection.destroy();
  });
  const other = await addRoute(tsuji, [broken.url]);
  const [bad, good] = await Promise.all([
    look('q=code:5xx+-host:nobody'),
    look(`q=frontend:"${host.split('.')[0]}"+ms<60000`),
  ]);
  for (const engine of ENGINES) {
    await engines.ask(engine, { host: other, method: 'POST', body: Buffer.from('x') });
    await engines.ask(engine, { host });
  }
  const count = ENGINES.length;
  await waitFor(
    () => bad.lines.length === count && good.lines.length === count,
    () => `${count} of each: ${bad.text} ${good.text}`,
  );
  assert.ok(bad.lines.every(({ code, h }) => code === 502 && h === other));
  assert.ok(good.lines.every(({ code, h }) => code === 200 && h === host));
  bad.leave();
  good.leave();

  for (const [query, status, reason] of [
    ['q=hots:a', 400, 'do you mean host'],
    ['q=code:5x', 400, 'write code:5xx'],
    ['q=ms:200', 400, 'write ms'],
    ['rate=51', 400, 'from 1 to 50'],
  ] as const) {
    const { text: answer } = await look(query);
    assert.match(answer, new RegExp(`^${status} .*${reason}`), query);
  }
});

test('what is not shown is counted, and workers look at nothing once all have left', async () => {
  const tails = await Promise.all(
    Array.from({ length: 8 }, (_, i) => look(i === 0 ? 'rate=1&q=path:/many' : 'q=cause:none')),
  );
  assert.match((await look('')).text, /^503 .*8 look/);
  const client = engines.client({ after }, 'tsuji');
  for (let i = 0; i < 60; i++) await client.ask({ host, path: '/many' }).body.then((body) => body.resume());
  await waitFor(
    () => tails[0].lines.length + tails[0].skipped === 60,
    () => `60 in all: ${tails[0].text}`,
  );
  assert.ok(tails[0].lines.length < 10, 'one a second');
  assert.equal(tails[1].lines.length, 0);
  for (const tail of tails) tail.leave();

  // The last one has left when another one finds a place and leaves it.
  const last = await waitFor(async () => {
    const each = await look('q=cause:none');
    return each.text.startsWith('503') ? null : each;
  }, 'a free place');
  last.leave();
  const before = await waitFor(async () => {
    const count = await looked();
    await engines.ask('uws', { host });
    return count === (await looked()) ? count : null;
  }, 'workers that look at nothing');
  assert.ok(before > 60);
  for (const engine of ENGINES) await engines.ask(engine, { host });
  assert.equal(await untilStill(looked, 'the count of requests looked at'), before);
});

test('tsuji tail prints them, and its options are a filter', async () => {
  const tail = (...args: string[]) => {
    const flags = ['--web', `--web.address=${OWN_HOST}:${tsuji.adminPort}`];
    const child = spawn(process.execPath, [MAIN, 'tail', ...args, ...flags], { stdio: ['ignore', 'pipe', 'pipe'] });
    return { child, out: text(child.stdout), err: text(child.stderr) };
  };
  const shown = tail(`--host=${host}`, '--path=/shown', '--code=2xx', '--count=1');
  const json = tail('path:/shown', '--method=get', '--json', '--count=1');
  const wrong = tail('hots:a');
  let sent = 0;
  await waitFor(async () => {
    await engines.ask('tsuji', { host, path: `/shown?n=${++sent}` });
    return shown.child.exitCode !== null && json.child.exitCode !== null;
  }, 'both to end');
  const name = host.split('.')[0];
  const line = new RegExp(
    `^\\d\\d:\\d\\d:\\d\\d\\.\\d{3} {2}200 {2}GET {3}${host}/shown\\?n=… {2,}\\S+ .?s {2}${name} → ${name}/s1 {2}127\\.`,
  );
  assert.match(await shown.out, line);
  assert.equal((JSON.parse(await json.out) as Told).h, host);
  assert.deepEqual([shown.child.exitCode, json.child.exitCode], [0, 0]);
  assert.match(await wrong.err, /^tail: hots:a: "hots" is none that is known here; do you mean host\?/);
  await waitFor(() => wrong.child.exitCode !== null, 'the third to end');
  assert.equal(wrong.child.exitCode, 2);
});
