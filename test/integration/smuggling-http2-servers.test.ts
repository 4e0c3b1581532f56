/** Whatever bytes a client of HTTP/1.1 sends, an HTTP/2 server sees requests that were routed, and fields that are fields. */
import assert from 'node:assert/strict';
import test, { after } from 'node:test';
import { startEngines } from '../harness/engines.ts';
import { response } from '../harness/exchanges.ts';
import { CARELESS, chunked, HOST_NAME, REFUSED, TAKEN } from '../harness/hostile-requests.ts';
import { startHttp2Server } from '../harness/http2.ts';
import { rawClient } from '../harness/raw.ts';
import { routeKeys } from '../harness/tsuji.ts';

const server = await startHttp2Server({ after }, ({ stream }) => {
  stream.resume();
  stream.respond({ ':status': 200, 'content-length': 2 });
  stream.end('ok');
});
const engines = await startEngines({ after }, { keys: routeKeys([server.url], HOST_NAME) });

const CONNECTION_FIELDS =
  /^(connection|keep-alive|proxy-connection|transfer-encoding|upgrade|host|http2-settings|trailer)$/;

/** What the server has seen since the last call; each of its fields is one. */
function seen(what: string): string[] {
  const requests = server.requests.splice(0);
  for (const { raw } of requests) {
    assert.deepEqual([raw[0], raw[2], raw[4], raw[6]], [':method', ':scheme', ':authority', ':path'], what);
    for (let i = 0; i < raw.length; i += 2) {
      assert.match(raw[i], i < 8 ? /^:[a-z]+$/ : /^[!#$%&'*+.^_`|~0-9a-z-]+$/, what);
      assert.doesNotMatch(raw[i], CONNECTION_FIELDS, what);
      assert.match(raw[i + 1], /^[\t\x20-\x7e\x80-\xff]*$/, what);
      if (raw[i] === 'te') assert.equal(raw[i + 1], 'trailers', what);
    }
  }
  return requests.map(({ headers }) => headers[':path']!);
}

/** One exchange through the same worker: what came before it has been dealt with. */
async function barrier(port: number): Promise<void> {
  const client = await rawClient({ after: () => {} }, port);
  client.send(`GET /barrier HTTP/1.1\r\nHost: ${HOST_NAME}\r\n\r\n`);
  await response(client);
  client.destroy();
}

/** How a listener frames what it reads is tested elsewhere; here, what becomes of the fields that it has read. */
const HOSTILE: Record<string, string> = { ...REFUSED };
for (const [what, { bytes }] of Object.entries(TAKEN)) HOSTILE[what] = bytes;
for (const [what, body] of Object.entries(CARELESS)) HOSTILE[what] = chunked(body);

for (const engine of ['uws', 'tsuji'] as const) {
  test(`${engine}: nothing but fields of a request reaches an HTTP/2 server`, async () => {
    const port = engines.port(engine);
    let taken = 0;
    for (const [what, text] of Object.entries(HOSTILE)) {
      const client = await rawClient({ after: () => {} }, port);
      client.send(text);
      for (let i = 0; i < 3; i++) await barrier(port);
      client.destroy();
      const paths = seen(what).filter((path) => path !== '/barrier');
      assert.ok(paths.length <= 1, `${what}: ${paths}`);
      taken += paths.length;
    }
    assert.ok(taken >= Object.keys(TAKEN).length / 2, `only ${taken} requests were taken`);
  });
}
