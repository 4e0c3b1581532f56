/**
 * What stands around a body, or in the place of one: lengths where there may be some and nowhere else, and what a client is
 * told of its connection, whatever the server sends, while the worker serves and while it drains.
 */
import assert from 'node:assert/strict';
import test, { after } from 'node:test';
import { type Engine, type EngineTsuji, HTTP1_ENGINES, http1Client, isUws, startEngines } from '../harness/engines.ts';
import { exchangeTest, type Scope } from '../harness/exchanges.ts';
import type { RawConnection } from '../harness/raw.ts';
import { type RawServer, startRawServer } from '../harness/raw.ts';
import { addRoute } from '../harness/tsuji.ts';
import { waitFor } from '../harness/wait.ts';

/** uWebSockets ends a connection behind a chunked request. */
const closesBehind = (engine: Engine, { method, close }: Case): boolean => close || (method === 'PUT' && isUws(engine));
const engines = await startEngines({ after });

type Case = { method: string; status: number; framing: string; body: string; close: boolean };

const BODIES: readonly [string, string][] = [
  ['', ''],
  ['Content-Length: 0\r\n', ''],
  ['Content-Length: 5\r\n', 'hello'],
  ['Transfer-Encoding: chunked\r\n', '5\r\nhello\r\n0\r\n\r\n'],
];

function cases(): Case[] {
  const all: Case[] = [];
  for (const method of ['GET', 'HEAD', 'PUT']) {
    for (const status of [200, 204, 205, 304]) {
      for (const [framing, text] of BODIES) {
        for (const close of [false, true]) {
          const body = method === 'HEAD' || status === 204 || status === 304 ? '' : text;
          all.push({ method, status, framing, body, close });
        }
      }
    }
  }
  return all;
}

function sent({ method, close }: Case, host: string): string {
  const body = method === 'PUT' ? 'Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n' : '\r\n';
  return `${method} / HTTP/1.1\r\nHost: ${host}\r\n${close ? 'Connection: close\r\n' : ''}${body}`;
}

/** What the head may say of a body, and the body. */
function expected({ method, status, framing, body }: Case): { fields: RegExp; rest: RegExp } {
  const length = /^content-length: \d+\r$/im;
  const none = /^(?![\s\S]*^(?:content-length|transfer-encoding):)/im;
  if (status === 204) return { fields: none, rest: /^$/ };
  if (method === 'HEAD' || status === 304) return { fields: framing.startsWith('C') ? length : none, rest: /^$/ };
  if (status === 205) return { fields: /^content-length: 0\r$/im, rest: /^$/ };
  if (framing.startsWith('C')) return { fields: length, rest: new RegExp(`^${body}$`) };
  // An engine that shows no head before its body knows by then that there is none.
  if (body === '')
    return { fields: /^(?:transfer-encoding: chunked|content-length: 0)\r$/im, rest: /^(?:0\r\n\r\n)?$/ };
  return { fields: /^transfer-encoding: chunked\r$/im, rest: /^5\r\nhello\r\n0\r\n\r\n$/ };
}

type Running = { one: Case; engine: Engine; client: RawConnection; upstream: RawConnection };

async function begin(t: Scope, on: EngineTsuji, engine: Engine, host: string, server: RawServer): Promise<Running[]> {
  const running: Running[] = [];
  for (const one of cases()) {
    const client = await http1Client(t, on, engine);
    client.send(sent(one, host));
    const upstream = await server.next();
    await upstream.until('\r\n\r\n');
    running.push({ one, engine, client, upstream });
  }
  return running;
}

async function finish({ one, engine, client, upstream }: Running, closes: boolean): Promise<void> {
  const what = JSON.stringify(one);
  const { framing, status, method } = one;
  upstream.send(`HTTP/1.1 ${status} Status\r\n${framing}\r\n${one.body}`);
  const untilClose = framing === '' && method !== 'HEAD' && status !== 204 && status !== 304;
  if (untilClose) upstream.socket.end();
  const { fields, rest } = expected(one);
  await waitFor(
    () => {
      const end = client.received.indexOf('\r\n\r\n');
      if (end < 0) return client.closed;
      const body = client.received.slice(end + 4);
      // The last chunk may come after the head.
      const isOpen = /^transfer-encoding:/im.test(client.received.slice(0, end)) && !body.endsWith('0\r\n\r\n');
      return client.closed || (!isOpen && rest.test(body));
    },
    () => `${what}: ${JSON.stringify(client.received)}`,
  );
  const headEnd = client.received.indexOf('\r\n\r\n') + 4;
  const head = client.received.slice(0, headEnd);
  assert.match(head, new RegExp(`^HTTP/1\\.1 ${status} `), what);
  assert.match(head, fields, what);
  assert.equal(
    head.match(/^(content-length|transfer-encoding):/gim)?.length ?? 0,
    /\?!/.test(fields.source) ? 0 : 1,
    what,
  );
  assert.match(client.received.slice(headEnd), rest, what);
  assert.equal(/^connection: close\r$/im.test(head), closes, what);
  // A body in pieces can be ended on uWebSockets, or its connection: that is left to the client, who was told.
  const isLeft = closes && isUws(engine) && /^transfer-encoding/im.test(head) && !one.close;
  if (isLeft) client.destroy();
  else if (closes) await client.untilClosed();
  else assert.equal(client.closed, false, what);
}

for (const engine of HTTP1_ENGINES) {
  exchangeTest(
    `${engine}: lengths stand where they may, and close is answered with close`,
    engines.tsuji,
    async (t) => {
      const server = await startRawServer(t);
      const host = await addRoute(engines.tsuji, [server.url]);
      const running = await begin(t, engines, engine, host, server);
      await Promise.all(running.map((one) => finish(one, closesBehind(engine, one.one))));
    },
  );

  exchangeTest(`${engine}: the next request of a connection finds it as it should be`, engines.tsuji, async (t) => {
    const server = await startRawServer(t);
    const host = await addRoute(engines.tsuji, [server.url]);
    const client = await http1Client(t, engines, engine);
    for (const one of cases().filter((each) => !closesBehind(engine, each))) {
      client.send(sent(one, host));
      let upstream: RawConnection | undefined;
      await waitFor(() => {
        upstream = server.connections.findLast(({ closed, received }) => !closed && received !== '');
        return upstream !== undefined;
      }, 'the request');
      await upstream!.until(one.method === 'PUT' ? '0\r\n\r\n' : '\r\n\r\n');
      await finish({ one, engine, client, upstream: upstream! }, false);
      client.received = '';
    }
  });
}

test('the same while a worker drains, where each connection is told that it ends', async (t) => {
  const ending = await startEngines(t, { workers: 1, flags: ['--lifeCycle.graceTimeOut=60s'] });
  const server = await startRawServer(t);
  const host = await addRoute(ending.tsuji, [server.url]);
  const running: Running[] = [];
  for (const engine of HTTP1_ENGINES) running.push(...(await begin(t, ending, engine, host, server)));
  ending.tsuji.kill('SIGTERM');
  await waitFor(async () => (await ending.tsuji.api('/ping')).status === 503, 'the drain to begin');
  await Promise.all(running.map((one) => finish(one, true)));
  assert.deepEqual(await ending.tsuji.ended(), { code: 0, signal: null });
});
