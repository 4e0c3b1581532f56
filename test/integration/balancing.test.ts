/** Whose turn it is (kv-schema §4.1), and what happens when a turn falls on a dead server (proxying §8). */
import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { answering, ok, rawClient, startRawServer } from '../harness/raw.ts';
import { routeKeys, startTsuji, type Tsuji } from '../harness/tsuji.ts';

/** No port of a server that has ended: somebody else may have it by now. */
const NOBODY = 'http://127.0.0.1:1';

const GET = 'GET / HTTP/1.1\r\nHost: nginx.example.com\r\nConnection: close\r\n\r\n';

async function named(t: TestContext, names: readonly string[]): Promise<string[]> {
  const servers = names.map((name) =>
    startRawServer(
      t,
      answering(() => ok(name)),
    ),
  );
  return (await Promise.all(servers)).map((server) => server.url);
}

/** Bodies of `count` requests, each on a fresh connection, so that the kernel spreads them over the workers. */
async function answers(t: TestContext, tsuji: Tsuji, count: number): Promise<string[]> {
  const bodies: string[] = [];
  for (let i = 0; i < count; i++) {
    const client = await rawClient(t, tsuji.port);
    client.send(GET);
    bodies.push((await client.untilClosed()).split('\r\n\r\n')[1]);
  }
  return bodies;
}

for (const workers of [1, 2, 4]) {
  test(`three equal servers answer 30 fresh connections 10/10/10 and never twice in a row, with ${workers} workers`, async (t) => {
    const tsuji = await startTsuji(t, { keys: routeKeys(await named(t, ['a', 'b', 'c'])), workers });
    const got = await answers(t, tsuji, 30);
    for (const name of ['a', 'b', 'c']) assert.equal(got.filter((body) => body === name).length, 10, name);
    for (const [i, body] of got.entries()) assert.notEqual(body, got[i - 1]);
  });
}

test('weights 3 and 1 give A A A B, over and over', async (t) => {
  const keys = routeKeys(await named(t, ['a', 'b']));
  keys['backends/backend1/servers/server1/weight'] = '3';
  keys['backends/backend1/servers/server2/weight'] = '1';
  const tsuji = await startTsuji(t, { keys, workers: 2 });
  assert.equal((await answers(t, tsuji, 12)).join(''), 'aaabaaabaaab');
});

test('a dead server costs its turns a 502, and with --retry nobody notices', async (t) => {
  const alive = await startRawServer(
    t,
    answering(() => ok('alive')),
  );
  const plain = await startTsuji(t, { keys: routeKeys([alive.url, NOBODY]) });
  assert.deepEqual(await answers(t, plain, 4), ['alive', 'Bad Gateway', 'alive', 'Bad Gateway']);
  const retrying = await startTsuji(t, { keys: routeKeys([alive.url, NOBODY]), flags: ['--retry'] });
  assert.deepEqual(await answers(t, retrying, 4), ['alive', 'alive', 'alive', 'alive']);
  assert.match(await retrying.metrics(), /traefik_service_retries_total\{service="backend1"\} [1-4]\n/);
});

test('with --retry an upload goes whole to the server that is alive', async (t) => {
  const alive = await startRawServer(t);
  const tsuji = await startTsuji(t, { keys: routeKeys([NOBODY, alive.url]), flags: ['--retry.attempts=2'] });
  const client = await rawClient(t, tsuji.port);
  client.send('POST / HTTP/1.1\r\nHost: nginx.example.com\r\nContent-Length: 10\r\n\r\n0123456789');
  const upstream = await alive.next();
  await upstream.until('\r\n\r\n0123456789');
  upstream.send(ok('taken'));
  await client.until('taken');
});

test('servers that come and go change the turns of the next request', async (t) => {
  const [a, b, c] = await named(t, ['a', 'b', 'c']);
  const tsuji = await startTsuji(t, { keys: routeKeys([a]), workers: 2 });
  assert.deepEqual(await answers(t, tsuji, 2), ['a', 'a']);
  const servers = async (count: number): Promise<void> =>
    tsuji.waitForStatus((status) => status.settled && status.backends[0].servers.length === count, `${count} servers`);
  tsuji.set('backends/backend1/servers/server2/url', b);
  tsuji.set('backends/backend1/servers/server2/weight', '10');
  tsuji.set('backends/backend1/servers/server3/url', c);
  tsuji.set('backends/backend1/servers/server3/weight', '10');
  await servers(3);
  assert.deepEqual((await answers(t, tsuji, 3)).sort(), ['a', 'b', 'c']);
  tsuji.delete('backends/backend1/servers/server1');
  await servers(2);
  assert.deepEqual((await answers(t, tsuji, 4)).sort(), ['b', 'b', 'c', 'c']);
});
