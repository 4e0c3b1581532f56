import assert from 'node:assert/strict';
import test from 'node:test';
import { family, type Parts, type Row } from '../../../../src/control/admin/metrics/exposition.ts';
import { metricsPage, openMetricsPage } from '../../../../src/control/admin/metrics/page.ts';
import { MetricsSource } from '../../../../src/control/admin/metrics/source.ts';
import { BackendCounts } from '../../../../src/shared/backend-counts.ts';
import { createCountBuffers } from '../../../../src/shared/count-buffers.ts';
import { Exemplars } from '../../../../src/shared/exemplars.ts';
import { LabelCounts } from '../../../../src/shared/label-counts.ts';
import { FAMILY } from '../../../../src/shared/label-families.ts';
import { MetricsLane } from '../../../../src/shared/metrics.ts';
import { createMetricsLane, PROTOCOL } from '../../../../src/shared/metrics-layout.ts';
import { MetricsReader } from '../../../../src/shared/metrics-reader.ts';
import { ServerCounts } from '../../../../src/shared/server-counts.ts';
import { type Family, parseExposition } from './exposition-parser.ts';
import { backend, FakeView, frontend, server } from './fake-view.ts';

function sourceOf(view: FakeView): MetricsSource {
  return new MetricsSource(view, new MetricsReader(() => view.lanes));
}

/** Parts that are bytes are valid until the next one. */
function textOf(parts: Parts): string {
  let text = '';
  for (const part of parts) text += typeof part === 'string' ? part : Buffer.from(part).toString();
  return text;
}

function page(view: FakeView, source = sourceOf(view)): Map<string, Family> {
  return parseExposition(textOf(metricsPage(source)));
}

function value(families: Map<string, Family>, name: string, labels: Record<string, string> = {}): number | undefined {
  const family = families.get(name.replace(/_(bucket|sum|count)$/, '')) ?? families.get(name);
  return family?.samples.find(
    (sample) => sample.name === name && Object.entries(labels).every(([label, text]) => sample.labels[label] === text),
  )?.value;
}

function lane(view: FakeView, size?: { series: number; summaries: number }): MetricsLane {
  const buffer = createMetricsLane([0.1, 0.3, 1.2, 5], size);
  view.lanes.push(buffer);
  return new MetricsLane(buffer);
}

test('a node that has served nothing has a valid page with zeros', () => {
  const families = page(new FakeView());
  assert.equal(value(families, 'traefik_config_reloads_failure_total'), 0);
  assert.equal(value(families, 'tsuji_build_info', { version: '0.1.0' }), 1);
  assert.equal(value(families, 'tsuji_config_generation'), 1);
  assert.equal(value(families, 'tsuji_open_exchanges'), 0);
  assert.ok((value(families, 'process_resident_memory_bytes') ?? 0) > 1e6);
  assert.ok((value(families, 'process_open_fds') ?? 0) > 2);
});

test('requests of all workers are summed by code, method, protocol and name', () => {
  const view = new FakeView();
  view.put(backend('b', server('s', 'http://10.0.0.1:80')));
  view.backendNames = ['gone', 'b'];
  for (const worker of [lane(view), lane(view)]) {
    worker.entryPointDone(0, 'GET', 200, PROTOCOL.http, 0.2, 0, 10);
    worker.backendDone(1, 'GET', 200, PROTOCOL.http, 0.2, 3, 10);
    worker.backendDone(0, 'GET', 200, PROTOCOL.http, 0.2, 0, 10);
    worker.retries(1);
    worker.exchangeOpened(0, 'POST', PROTOCOL.sse);
  }
  const families = page(view);
  const labels = { code: '200', method: 'GET', protocol: 'http' };
  assert.equal(value(families, 'traefik_entrypoint_requests_total', { ...labels, entrypoint: 'http' }), 2);
  assert.equal(value(families, 'traefik_backend_requests_total', { ...labels, backend: 'b' }), 2);
  assert.equal(value(families, 'traefik_backend_requests_total', { backend: 'gone' }), undefined);
  const bucket = (le: string) => value(families, 'traefik_backend_request_duration_seconds_bucket', { le });
  assert.deepEqual([bucket('0.1'), bucket('0.3'), bucket('1.2'), bucket('+Inf')], [0, 2, 2, 2]);
  assert.equal(value(families, 'traefik_backend_request_duration_seconds_sum'), 0.4);
  assert.equal(value(families, 'traefik_backend_requests_bytes_total'), 6);
  assert.equal(value(families, 'traefik_backend_responses_bytes_total'), 20);
  assert.equal(value(families, 'traefik_backend_retries_total', { backend: 'b' }), 2);
  const open = (method: string) => value(families, 'traefik_entrypoint_open_connections', { method });
  assert.deepEqual([open('GET'), open('POST')], [0, 2]);
  assert.equal(value(families, 'tsuji_open_exchanges'), 2);
  assert.equal(value(families, 'traefik_backend_server_up', { backend: 'b', url: 'http://10.0.0.1:80' }), 1);
});

test('names with quotes, backslashes and line ends stay readable', () => {
  const view = new FakeView();
  const name = 'a"b\\c\nd{e},f=é';
  view.put(backend(name, server('s1', 'http://10.0.0.1:80'), server('s2', 'http://10.0.0.1:80')));
  view.backendNames = [name];
  lane(view).backendDone(0, 'GET', 404, PROTOCOL.http, 0, 0, 0);
  assert.equal(value(page(view), 'traefik_backend_requests_total', { backend: name }), 1);
});

test('a full lane shows as the other backends, once each', () => {
  const view = new FakeView();
  const full = lane(view, { series: 0, summaries: 0 });
  for (let slot = 0; slot < 5; slot++) {
    full.backendDone(slot, 'GET', 200, PROTOCOL.http, 0.1, 0, 0);
    full.retries(slot);
  }
  const families = page(view);
  assert.equal(value(families, 'traefik_backend_requests_total', { backend: '(other)' }), 5);
  assert.equal(value(families, 'traefik_backend_retries_total', { backend: '(other)' }), 5);
});

test('sources, workers and rejected keys are told', () => {
  const view = new FakeView();
  const source = { revision: '7', confirmedAt: 1_600_000_000_500, restarts: 3, error: '' };
  view.sourceList = [
    { name: 'etcdv3', state: 'stale', ...source },
    { name: 'etcdv2', state: 'absent', ...source },
  ];
  view.workerList = [{ index: 0, state: 'serving', generation: 9, restarts: 2, lostExchanges: 0, loop: () => null }];
  view.reject('/traefik/backends/b/servers/s/url', 'no scheme');
  view.reject('/traefik/x', 'unknown key', 'ignored');
  const families = page(view);
  assert.equal(value(families, 'tsuji_source_up', { source: 'etcdv3' }), 0);
  assert.equal(value(families, 'tsuji_source_up', { source: 'etcdv2' }), undefined);
  assert.equal(value(families, 'tsuji_source_confirmed_seconds'), 1_600_000_000.5);
  assert.equal(value(families, 'tsuji_source_restarts_total'), 3);
  assert.equal(value(families, 'tsuji_worker_restarts_total', { worker: '0' }), 2);
  assert.equal(value(families, 'tsuji_config_applied_generation', { worker: '0' }), 9);
  assert.equal(value(families, 'tsuji_config_keys_rejected'), 1);
});

test('what is held, what is kept over a restart, and how far the routes are is told', () => {
  const view = new FakeView();
  const names = ['tsuji_config_held', 'tsuji_snapshot_age_seconds', 'tsuji_config_applied_revision'];
  const told = () => names.map((name) => value(page(view), name));
  assert.deepEqual(told(), [0, undefined, undefined]);
  view.heldNow = { reason: 'many', since: 1, until: 2, keys: 7, frontends: 3, backends: 2 };
  view.snapshotNow = { path: '/s', ok: 4, failed: 1, writtenAt: 0 };
  view.revisions = new Map([
    ['etcdv3', '812'],
    ['folder', ''],
  ]);
  assert.deepEqual(told(), [7, undefined, 812]);
  view.snapshotNow = { ...view.snapshotNow, writtenAt: Date.now() - 60_000 };
  const families = page(view);
  assert.ok(Math.abs(value(families, 'tsuji_snapshot_age_seconds')! - 60) < 30);
  const writes = ['ok', 'failed'].map((result) => value(families, 'tsuji_snapshot_writes_total', { result }));
  assert.deepEqual(writes, [4, 1]);
  assert.equal(families.get('tsuji_config_applied_revision')?.samples.length, 1);
});

test('a large page comes in pieces', () => {
  const view = new FakeView();
  for (let i = 0; i < 3000; i++) view.put(backend(`backend${i}`, server('s', `http://10.0.0.1:${i + 1}`)));
  const source = sourceOf(view);
  assert.ok([...metricsPage(source)].every((part) => part.length < 65_536));
  assert.equal(parseExposition(textOf(metricsPage(source))).get('traefik_backend_server_up')?.samples.length, 3000);
});

test('copies for mirrors and what was compressed are told of where there are any', () => {
  const view = new FakeView();
  const none = page(view);
  const names = ['tsuji_mirror_requests_total', 'tsuji_compression_bytes_total'];
  for (const name of names) assert.deepEqual(none.get(name)?.samples, []);
  const mirrors = [
    { name: 'a', backend: 'copies', percent: 50 },
    { name: 'b', backend: 'copies', percent: 50 },
  ];
  view.frontends.set('f', frontend('f', 'b', 'Host:a', { options: { mirroring: { mirrors } } }));
  view.mirrors.set('f copies', [3, 1, 2]);
  for (const worker of [lane(view), lane(view)]) {
    worker.compressed('br', 1_000, 0);
    worker.compressed('br', 0, 100);
  }
  const families = page(view);
  const labels = { frontend: 'f', backend: 'copies' };
  const results = ['ok', 'failed', 'skipped'].map((result) =>
    value(families, 'tsuji_mirror_requests_total', { ...labels, result }),
  );
  assert.deepEqual(results, [3, 1, 2]);
  const bytes = (encoding: string, side: string) =>
    value(families, 'tsuji_compression_bytes_total', { encoding, side });
  assert.deepEqual([bytes('br', 'in'), bytes('br', 'out'), bytes('gzip', 'in')], [2_000, 200, undefined]);
});

function counts(view: FakeView) {
  const buffers = createCountBuffers(null);
  view.counts.push(buffers);
  return {
    servers: new ServerCounts(buffers.servers),
    backends: new BackendCounts(buffers.backends),
    labels: new LabelCounts(buffers.labels),
  };
}

test('names are those that are asked for, with the suffix of the provider', () => {
  const view = new FakeView();
  view.put(backend('b', server('s', 'http://10.0.0.1:80')));
  view.backendNames = ['b'];
  lane(view).backendDone(0, 'GET', 200, PROTOCOL.http, 0.2, 0, 0);
  view.metrics = { ...view.metrics, names: '3', suffix: '@etcd' };
  const three = page(view);
  assert.equal(value(three, 'traefik_service_requests_total', { service: 'b@etcd', code: '200' }), 1);
  assert.equal(value(three, 'traefik_service_server_up', { service: 'b@etcd' }), 1);
  assert.deepEqual([three.has('traefik_backend_requests_total'), three.has('traefik_open_connections')], [false, true]);
  view.metrics = { ...view.metrics, names: '1.7', suffix: '' };
  const older = page(view);
  assert.equal(value(older, 'traefik_backend_requests_total', { backend: 'b' }), 1);
  const gone = ['traefik_service_requests_total', 'traefik_open_connections', 'traefik_entrypoint_requests_tls_total'];
  assert.ok(gone.every((name) => !older.has(name)) && older.has('traefik_config_reloads_failure_total'));
  view.metrics = { ...view.metrics, names: '3', services: false, entryPoints: false };
  const few = [...page(view).keys()].filter((name) => /^traefik_(service|entrypoint)/.test(name));
  assert.deepEqual(few, []);
});

test('calls of gRPC have its protocol and its status', () => {
  const view = new FakeView();
  const worker = lane(view);
  worker.entryPointDone(0, 'POST', 0, PROTOCOL.grpc, 0.1, 0, 0);
  worker.entryPointDone(0, 'POST', 14, PROTOCOL.grpcWeb, 0.1, 0, 0);
  const families = page(view);
  const count = (protocol: string, code: string) =>
    value(families, 'traefik_entrypoint_requests_total', { protocol, code });
  assert.deepEqual([count('grpc', '0'), count('grpc-web', '14')], [1, 1]);
  assert.equal(new MetricsReader(() => view.lanes).summaries().get(0)?.errors, 1);
});

test('tries, connections and failures are told by backend and by server', () => {
  const view = new FakeView();
  const url = 'http://10.0.0.1:80';
  view.put(backend('b', server('s', url)));
  view.backendNames = ['b'];
  view.serverNames = [`b ${url}`];
  for (const { servers, backends } of [counts(view), counts(view)]) {
    servers.answered(0, 204, 0.02);
    servers.unanswered(0);
    servers.failed(0);
    backends.tryFailed(0, 'connect_failed');
    backends.opened(0);
    backends.connected(0, 0.004);
    backends.idle(0, 1);
    backends.dialFailed(0, 'never heard of');
    backends.reused(-1);
  }
  const families = page(view);
  const labels = { backend: 'b', url };
  assert.equal(value(families, 'tsuji_server_requests_total', { ...labels, class: '2xx' }), 2);
  assert.equal(value(families, 'tsuji_server_requests_total', { ...labels, class: 'none' }), 2);
  assert.equal(value(families, 'tsuji_server_failures_total', labels), 2);
  const buckets = ['0.005', '0.025', '+Inf'].map((le) =>
    value(families, 'tsuji_server_request_duration_seconds_bucket', { ...labels, le }),
  );
  assert.deepEqual(buckets, [0, 2, 2]);
  assert.equal(value(families, 'tsuji_backend_failures_total', { backend: 'b', cause: 'connect_failed' }), 2);
  assert.equal(value(families, 'tsuji_upstream_connects_total', { backend: 'b' }), 2);
  assert.equal(value(families, 'tsuji_upstream_reuses_total', { backend: 'b' }), 0);
  assert.equal(value(families, 'tsuji_upstream_connect_failures_total', { backend: 'b', cause: 'internal' }), 2);
  const open = (state: string) => value(families, 'tsuji_upstream_connections', { backend: 'b', state });
  assert.deepEqual([open('idle'), open('active')], [2, 0]);
});

test('servers beyond the bound share a series, and those with requests come first', () => {
  const view = new FakeView();
  view.metrics = { ...view.metrics, maxServers: 2 };
  const urls = [1, 2, 3, 4].map((i) => `http://10.0.0.${i}:80`);
  view.put(backend('b', ...urls.map((url, i) => server(`s${i}`, url))));
  view.serverNames = urls.map((url) => `b ${url}`);
  const { servers } = counts(view);
  const source = sourceOf(view);
  servers.answered(3, 200, 0.01);
  servers.answered(2, 200, 0.01);
  const shown = (families: Map<string, Family>) =>
    families.get('tsuji_server_requests_total')?.samples.map(({ labels, value: count }) => [labels.url, count]);
  assert.deepEqual(shown(page(view, source)), [
    [urls[2], 1],
    [urls[3], 1],
  ]);
  servers.answered(0, 200, 0.01);
  servers.answered(1, 200, 0.01);
  const families = page(view, source);
  assert.deepEqual(shown(families)?.at(-1), ['(other)', 2]);
  assert.equal(value(families, 'tsuji_servers_folded'), 2);
});

test('what is gone is told once more, and then left out', () => {
  const view = new FakeView();
  view.put(backend('b', server('s', 'http://10.0.0.1:80')));
  view.backendNames = ['b'];
  const worker = lane(view);
  worker.backendDone(0, 'GET', 200, PROTOCOL.http, 0.2, 0, 0);
  const source = sourceOf(view);
  const count = () => value(page(view, source), 'traefik_backend_requests_total', { backend: 'b' });
  assert.equal(count(), 1);
  view.backends.clear();
  worker.backendDone(0, 'GET', 200, PROTOCOL.http, 0.2, 0, 0);
  assert.deepEqual([count(), count()], [2, undefined]);
  view.put(backend('b'));
  assert.equal(count(), 2);
});

test('labels of headers replace those of requests_total, and have a bounded number of values', () => {
  const view = new FakeView();
  view.metrics = { ...view.metrics, names: '3', headerLabels: [{ label: 'tenant', header: 'x-tenant' }] };
  const { labels } = counts(view);
  for (let i = 0; i < 150; i++) {
    labels.add(labels.at(FAMILY.entryPointHeaders, ['http', '200', 'GET', 'http', `t${i}`]));
  }
  const samples = page(view).get('traefik_entrypoint_requests_total')!.samples;
  assert.equal(samples.length, 101);
  assert.equal(samples.find((one) => one.labels.tenant === '(other)')?.value, 50);
});

test('OpenMetrics names families of counters without _total and ends with a mark', () => {
  const view = new FakeView();
  lane(view).entryPointDone(0, 'GET', 200, PROTOCOL.http, 0.2, 0, 0);
  const text = textOf(openMetricsPage(sourceOf(view)));
  assert.ok(text.endsWith('\n# EOF\n'));
  assert.match(text, /^# TYPE traefik_entrypoint_requests counter$/m);
  assert.match(text, /^traefik_entrypoint_requests_total\{.*\} 1$/m);
  const types = [...text.matchAll(/^# TYPE (\w+) (\w+)$/gm)];
  assert.ok(types.every(([, name, type]) => type !== 'counter' || !name.endsWith('_total')));
  assert.match(text, /^# TYPE process_resident_memory_bytes gauge$/m);
});

test('OpenMetrics has an exemplar behind a bucket, the other form has none', () => {
  const view = new FakeView();
  const buffers = createCountBuffers(4);
  view.counts.push(buffers);
  const place = lane(view).entryPointDone(0, 'GET', 200, PROTOCOL.http, 0.2, 0, 0);
  const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
  new Exemplars(buffers.exemplars!).set(place, traceId, 0.2, 1_700_000_000.5);
  const lines = (text: string) => text.split('\n').filter((line) => line.includes('trace_id'));
  const source = sourceOf(view);
  assert.deepEqual(lines(textOf(openMetricsPage(source))), [
    'traefik_entrypoint_request_duration_seconds_bucket{code="200",method="GET",protocol="http",entrypoint="http",le="0.3"} 1' +
      ` # {trace_id="${traceId}"} 0.2 1700000000.500`,
  ]);
  assert.deepEqual(lines(textOf(metricsPage(source))), []);
});

test('numbers are written as they are, and names of any length', () => {
  const name = `${'é€'.repeat(30_000)}`;
  const values = [0, 7, 10, 99, 100, 2 ** 31 - 1, 2 ** 31, 2 ** 53 - 1, -0, -5, 0.25, 1e21, 1e-9];
  const wanted = values.map((value) => `x{name="${name}"} ${Object.is(value, -0) ? '0' : value}`);
  const rows = values.map((value): Row => [`name="${name}"`, value]);
  const [, , ...lines] = textOf(family('x', 'gauge', 'Help.', rows)).split('\n');
  assert.deepEqual(lines, [...wanted, '']);
  const odd = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY].map((value): Row => ['', value]);
  assert.match(textOf(family('x', 'gauge', 'Help.', odd)), /\nx NaN\nx \+Inf\nx -Inf\n$/);
});
