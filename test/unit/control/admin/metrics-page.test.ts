import assert from 'node:assert/strict';
import test from 'node:test';
import { metricsPage } from '../../../../src/control/admin/metrics-page.ts';
import { MetricsLane } from '../../../../src/shared/metrics.ts';
import { createMetricsLane, PROTOCOL } from '../../../../src/shared/metrics-layout.ts';
import { MetricsReader } from '../../../../src/shared/metrics-reader.ts';
import { type Family, parseExposition } from './exposition-parser.ts';
import { backend, FakeView, frontend, server } from './fake-view.ts';

function page(view: FakeView): Map<string, Family> {
  return parseExposition([...metricsPage(view, new MetricsReader(() => view.lanes), 0.002)].join(''));
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
  view.workerList = [{ index: 0, state: 'serving', generation: 9, restarts: 2 }];
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

test('a large page comes in pieces', () => {
  const view = new FakeView();
  for (let i = 0; i < 3000; i++) view.put(backend(`backend${i}`, server('s', `http://10.0.0.1:${i + 1}`)));
  const pieces = [...metricsPage(view, new MetricsReader(() => []), 0)];
  assert.ok(pieces.length > 2);
  assert.equal(parseExposition(pieces.join('')).get('traefik_backend_server_up')?.samples.length, 3000);
});

test('copies for mirrors and what was compressed are told of where there are any', () => {
  const view = new FakeView();
  const none = page(view);
  assert.equal(none.has('tsuji_mirror_requests_total') || none.has('tsuji_compression_bytes_total'), false);
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
