/** `/metrics` of a real tsuji: that it says what the documentation says, in a form that Prometheus takes. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import test, { after } from 'node:test';
import { startEngines } from '../harness/engines.ts';
import { listening } from '../harness/listening.ts';
import { OWN_HOST } from '../harness/own-host.ts';
import { startRawServer } from '../harness/raw.ts';
import { addRoute, under } from '../harness/tsuji.ts';
import { waitFor } from '../harness/wait.ts';
import { parseExposition } from '../unit/control/admin/exposition-parser.ts';

const root = new URL('../../', import.meta.url);
const site = await listening(
  { after },
  createServer((_, response) => response.end('site')),
);
const engines = await startEngines(
  { after },
  { flags: ['--metrics.prometheus.names=both', '--metrics.prometheus.addRoutersLabels'] },
);
const { tsuji } = engines;

function promtool(args: string[], input = ''): void {
  const { status, stdout, stderr } = spawnSync('promtool', args, { cwd: root, encoding: 'utf8', input });
  assert.equal(status, 0, `promtool ${args.join(' ')}: ${stdout}${stderr}`);
}

/** Until the page has such a line. */
async function says(...lines: readonly RegExp[]): Promise<string> {
  let page = '';
  return waitFor(
    async () => {
      page = await tsuji.metrics();
      return lines.every((line) => line.test(page)) ? page : null;
    },
    () =>
      `${lines.join(', ')} in the page; it has\n${page.match(/^tsuji_(auth|rate|tls|server_re|down).*$/gm)?.join('\n')}`,
  );
}

test('every family of the page is told of, and every one that is told of is there', async () => {
  const page = await tsuji.metrics();
  const families = parseExposition(page);
  const rows = [
    ...readFileSync(new URL('docs/metrics.md', root), 'utf8').matchAll(
      /^\| `((?:traefik|tsuji|process|nodejs)_\w+)` \| (\w+) \|/gm,
    ),
  ].map(([, name, type]) => `${name} ${type}`);
  assert.deepEqual([...families].map(([name, { type }]) => `${name} ${type}`).sort(), rows.sort());
  promtool(['check', 'metrics'], page);
});

test('the alert rules hold what their tests say', () => {
  promtool(['check', 'rules', 'units/monitoring/alerts.yml']);
  promtool(['test', 'rules', 'units/monitoring/alerts.test.yml']);
});

test('OpenMetrics is given to whoever asks for it, and gzip', async () => {
  const open = await fetch(`http://${OWN_HOST}:${tsuji.adminPort}/metrics`, {
    headers: { accept: 'application/openmetrics-text;version=1.0.0,text/plain;q=0.5', 'accept-encoding': 'gzip' },
  });
  assert.match(open.headers.get('content-type')!, /^application\/openmetrics-text; version=1\.0\.0/);
  assert.equal(open.headers.get('content-encoding'), 'gzip');
  assert.match(await open.text(), /\n# EOF\n$/);
});

test('handshakes and requests over TLS are counted by version and cipher', async () => {
  const host = await addRoute(tsuji, [site]);
  const name = host.split('.')[0];
  for (const engine of ['tsuji-tls', 'tsuji-h2'] as const) {
    assert.equal((await engines.ask(engine, { host })).status, 200);
  }
  await says(
    /^tsuji_tls_handshakes_total\{entrypoint="tls",version="1\.3",resumed="false"\} [1-9]/m,
    /^tsuji_tls_handshake_duration_seconds_count\{entrypoint="tls"\} [1-9]/m,
    /^traefik_entrypoint_requests_tls_total\{entrypoint="tls",tls_version="1\.3",tls_cipher="TLS_\w+"\} [2-9]/m,
    new RegExp(
      `^traefik_service_requests_tls_total\\{service="${name}",tls_version="1\\.3",tls_cipher="TLS_\\w+"\\} 2$`,
      'm',
    ),
    new RegExp(`^traefik_router_requests_total\\{code="200",.*router="${name}",service="${name}"\\} 2$`, 'm'),
    new RegExp(`^tsuji_server_requests_total\\{backend="${name}",url="${site}",class="2xx"\\} 2$`, 'm'),
  );
});

test('what authentication and rate limits come to is counted by frontend', async () => {
  const keys = {
    'auth/basic/users': 'test:$apr1$H6uskkkW$IgXLP6ewTrSuBkTrqE8wj/',
    'ratelimit/rateset/one/period': '1h',
    'ratelimit/rateset/one/average': '1',
    'ratelimit/rateset/one/burst': '1',
    'ratelimit/extractorfunc': 'request.host',
  };
  const host = await addRoute(tsuji, [site], under('frontends/$', keys));
  const frontend = host.split('.')[0];
  const authorization = `Basic ${Buffer.from('test:test').toString('base64')}`;
  const statuses = [];
  for (const fields of [{}, { authorization }, { authorization }]) {
    statuses.push((await engines.ask('uws', { host, fields })).status);
  }
  assert.deepEqual(statuses, [401, 200, 429]);
  await says(
    new RegExp(`^tsuji_auth_requests_total\\{frontend="${frontend}",kind="basic",result="refused"\\} 1$`, 'm'),
    new RegExp(`^tsuji_auth_requests_total\\{frontend="${frontend}",kind="basic",result="ok"\\} 2$`, 'm'),
    new RegExp(`^tsuji_ratelimit_refused_total\\{frontend="${frontend}"\\} 1$`, 'm'),
  );
});

test('requests in progress are told by backend, method and protocol, wherever they are sent in turn', async (t) => {
  const held = await startRawServer(t);
  const refusing = await startRawServer(t, (connection) => {
    void connection.until('\r\n\r\n').then(() => connection.send('HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n'));
  });
  const last = (await addRoute(tsuji, [held.url])).split('.')[0];
  const host = await addRoute(tsuji, [refusing.url], {
    'backends/$/failover/backend': last,
    'backends/$/failover/status': '503',
  });
  const first = host.split('.')[0];
  const open = (backend: string, method: string, count: number): RegExp =>
    new RegExp(
      `^traefik_backend_open_connections\\{method="${method}",protocol="http",backend="${backend}"\\} ${count}$`,
      'm',
    );
  const answer = engines.ask('uws', { host, method: 'OPTIONS' });
  const connection = await held.next();
  await connection.until('\r\n\r\n');
  await says(open(first, 'OPTIONS', 0), open(last, 'OPTIONS', 1));
  connection.send('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
  assert.equal((await answer).status, 200);
  await says(open(first, 'OPTIONS', 0), open(last, 'OPTIONS', 0));
});
