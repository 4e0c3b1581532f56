/** Our engine where the handles of node are not to be had (`TSUJI_SOCKETS=stream`): slower, and otherwise the same. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import test, { after } from 'node:test';
import { type Engine, http1Client, isHttp2, startEngines, whole } from '../harness/engines.ts';
import { response } from '../harness/exchanges.ts';
import { ok, startRawServer } from '../harness/raw.ts';
import { addRoute } from '../harness/tsuji.ts';

const LARGE = randomBytes(6 << 20);
const hash = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

const engines = await startEngines({ after }, { env: { TSUJI_SOCKETS: 'stream' } });
/** Answers an upload with its hash, `/large` with a long body, and switches protocols. */
const server = await startRawServer({ after }, (connection) => {
  connection.socket.on('data', () => {
    const { received } = connection;
    const end = received.indexOf('\r\n\r\n') + 4;
    const length = Number(/\r\ncontent-length: (\d+)/.exec(received)?.[1] ?? 0);
    if (end < 4 || received.length < end + length) return;
    connection.received = '';
    if (received.startsWith('GET /large ')) connection.send(ok(LARGE.toString('latin1')));
    else if (received.includes('upgrade: raw')) {
      connection.send('HTTP/1.1 101 Yes\r\nConnection: Upgrade\r\nUpgrade: raw\r\n\r\n');
      connection.socket.on('data', (chunk: Buffer) => connection.send(chunk));
    } else connection.send(ok(hash(Buffer.from(received.slice(end), 'latin1'))));
  });
});
const host = await addRoute(engines.tsuji, [server.url]);

for (const engine of ['tsuji', 'tsuji-tls', 'tsuji-h2', 'tsuji-h2c'] satisfies Engine[]) {
  test(`${engine}: requests, uploads, and a long answer for a slow client`, async (t) => {
    const client = engines.client(t, engine);
    for (const body of [Buffer.alloc(0), Buffer.from('short'), randomBytes(3 << 20)]) {
      const answer = await whole(client.ask({ host, method: 'POST', body }));
      assert.deepEqual([answer.status, String(answer.body)], [200, hash(body)]);
    }
    const asked = client.ask({ host, path: '/large' });
    const got = createHash('sha256');
    let slow = 0;
    for await (const chunk of await asked.body) {
      got.update(chunk as Buffer);
      if (++slow % 16 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    }
    assert.equal(got.digest('hex'), hash(LARGE));
  });
  if (isHttp2(engine)) continue;

  test(`${engine}: pipelined requests, a tunnel, and a client that has ended its side`, async (t) => {
    const get = `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`;
    const many = await http1Client(t, engines, engine);
    many.send(get.repeat(20));
    for (let i = 0; i < 20; i++) assert.equal((await response(many)).body, hash(Buffer.alloc(0)));
    many.send(`GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: raw\r\n\r\n`);
    await many.until('\r\n\r\n');
    many.send('through');
    await many.until('through');
    if (engine !== 'tsuji') return;
    const ending = await http1Client(t, engines, engine, true);
    ending.socket.end(get);
    assert.equal((await response(ending)).body, hash(Buffer.alloc(0)));
    await ending.untilClosed();
  });
}
