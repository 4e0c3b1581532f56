/** What the options of a frontend add to a 101 (shared/spec frontend-options §2.4, §3.6), on every engine that has such. */
import assert from 'node:assert/strict';
import test, { after } from 'node:test';
import { ENGINES, type Engine, http1Client, isHttp2, startEngines } from '../harness/engines.ts';
import { answering, startRawServer } from '../harness/raw.ts';
import { addRoute } from '../harness/tsuji.ts';
import { accept, handshake } from '../harness/websocket.ts';

const engines = await startEngines({ after });
const site = await startRawServer(
  { after },
  answering((head) =>
    /^upgrade: websocket/im.test(head)
      ? accept(head, 'X-Site: yes\r\n')
      : 'HTTP/1.1 101 Yes\r\nConnection: Upgrade\r\nUpgrade: raw\r\nX-Site: yes\r\n\r\n',
  ),
);
engines.tsuji.set('backends/other/servers/s/url', site.url);
engines.tsuji.set('backends/other/loadbalancer/sticky', 'true');
const host = await addRoute(engines.tsuji, [site.url], {
  'frontends/$/headers/customresponseheaders/X-Own': 'über',
  'frontends/$/headers/customresponseheaders/X-Site': '',
  'frontends/$/headers/framedeny': 'true',
  'frontends/$/headers/accesscontrolalloworiginlist': '*',
  'frontends/$/requestid/response': 'true',
  'frontends/$/split/entries/other/backend': 'other',
  'frontends/$/split/sticky': 'true',
  'frontends/$/split/cookiename': 'variant',
});

/** Lines of the 101 that comes to a request, in their order of the alphabet; without a Date, which uWebSockets writes. */
async function linesOf(t: { after(fn: () => unknown): unknown }, engine: Engine, request: string): Promise<string[]> {
  const client = await http1Client(t, engines, engine);
  client.send(request);
  const [status, ...lines] = (await client.until('\r\n\r\n')).trimEnd().split('\r\n');
  assert.match(status, /^HTTP\/1\.1 101 /);
  const ours = lines.filter((line) => !/^date: /i.test(line));
  const cut = ours.map((line) => line.replace(/^(x-request-id|sec-websocket-accept): .*/i, '$1'));
  return cut.map((line) => line.replace(/^(set-cookie: _traefik_backend)=.*/i, '$1').toLowerCase()).sort();
}

const COOKIES = ['set-cookie: _traefik_backend', 'set-cookie: variant=other; path=/'];
const latin1 = (text: string): string => Buffer.from(text).toString('latin1').toLowerCase();

for (const engine of ENGINES.filter((each) => !isHttp2(each))) {
  test(`${engine}: a 101 that opens a WebSocket has cookies and the request's id, and no other fields of ours`, async (t) => {
    const lines = await linesOf(t, engine, handshake(host, 'Origin: https://a.test\r\n'));
    assert.deepEqual(lines, [
      'connection: upgrade',
      'sec-websocket-accept',
      ...COOKIES,
      'upgrade: websocket',
      'x-request-id',
      'x-site: yes',
    ]);
  });
}

for (const engine of ['tsuji', 'tsuji-tls'] as const) {
  test(`${engine}: a 101 of another upgrade has the fields of every response`, async (t) => {
    const fields = 'Connection: Upgrade\r\nUpgrade: raw\r\nOrigin: https://a.test\r\n';
    const lines = await linesOf(t, engine, `GET / HTTP/1.1\r\nHost: ${host}\r\n${fields}\r\n`);
    assert.deepEqual(lines, [
      'access-control-allow-origin: *',
      'connection: upgrade',
      ...COOKIES,
      'upgrade: raw',
      'x-frame-options: deny',
      latin1('x-own: über'),
      'x-request-id',
    ]);
  });
}
