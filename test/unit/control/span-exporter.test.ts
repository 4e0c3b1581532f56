/** Spans on their way to a collector that is slow, dead, or refuses them (shared/spec logs §5.5). */
import assert from 'node:assert/strict';
import test from 'node:test';
import { SpanExporter } from '../../../src/control/tracing/span-exporter.ts';
import { SpanQueue } from '../../../src/control/tracing/span-queue.ts';
import { encodingOf } from '../../../src/otlp/encodings.ts';
import type { TracingSettings } from '../../../src/settings/settings.ts';
import { RingWriter } from '../../../src/shared/byte-ring.ts';
import { captureLog } from '../../harness/log.ts';
import { type CollectorAnswer, type FakeCollector, partialSuccess, startCollector, taken } from '../../harness/otlp.ts';
import { waitFor } from '../../harness/wait.ts';

type Scope = { after(fn: () => unknown): unknown };

function settingsOf(endpoint: string): TracingSettings {
  return {
    endpoint,
    headers: [],
    tls: { ca: '', cert: '', key: '', insecureSkipVerify: false },
    intervalMs: 10,
    resource: [['service.name', 'x']],
    options: { encoding: 'protobuf' } as TracingSettings['options'],
  };
}

let ids = 0;

function record(): Uint8Array {
  const out = Buffer.alloc(1_000);
  const length = encodingOf('protobuf').span(
    {
      traceId: (++ids).toString(16).padStart(32, '0'),
      spanId: '00f067aa0ba902b7',
      parentId: '',
      isParentRemote: false,
      tracestate: '',
      name: 'GET',
      kind: 2,
      start: 1,
      end: 2,
      attributes: [],
      isError: false,
    },
    out,
  );
  return out.subarray(0, length);
}

/** An exporter with the ring of one worker. */
function exporterOf(t: Scope, endpoint: string): { exporter: SpanExporter; write: (spans: number) => void } {
  const exporter = new SpanExporter(settingsOf(endpoint), 1, '1');
  const ring = new RingWriter(exporter.rings[0]);
  exporter.start();
  t.after(() => exporter.stop());
  const write = (spans: number): void => {
    for (let n = 0; n < spans; n++) if (!ring.push(record(), 0)) ring.drop(0);
  };
  return { exporter, write };
}

async function started(t: Scope, answer: CollectorAnswer) {
  const collector: FakeCollector = await startCollector(t, answer);
  return { collector, ...exporterOf(t, collector.url) };
}

test('batches have 512 spans at most, and all that were written come, in their order', async (t) => {
  const { collector, exporter, write } = await started(t, taken);
  write(1_300);
  exporter.collect();
  await waitFor(() => exporter.counts.exported === 1_300, 'all of them');
  assert.ok(collector.batches.every(({ spans }) => spans.length <= 512));
  const order = collector.spans.map(({ traceId }) => Number.parseInt(traceId, 16));
  assert.deepEqual(
    order,
    [...order].sort((a, b) => a - b),
  );
  assert.deepEqual(exporter.counts, { exported: 1_300, dropped: 0, failed: 0 });
});

test('a ring that is full drops what is new, and that is counted', async (t) => {
  const { exporter, write } = await started(t, taken);
  write(2_148);
  exporter.collect();
  await waitFor(() => exporter.counts.exported === 2_048, 'those that had room');
  assert.equal(exporter.counts.dropped, 100);
});

test('429 with Retry-After, 503 and a lost connection are tried again; what is refused is not', async (t) => {
  const at: number[] = [];
  const { collector, exporter, write } = await started(t, (response, n) => {
    at.push(performance.now());
    if (n === 1) {
      response.writeHead(429, { 'Retry-After': '1' }).end();
    } else if (n === 2) response.destroy();
    else if (n === 4) response.writeHead(400).end('no');
    else if (n === 5) response.end(partialSuccess(2, 'too old'));
    else response.end();
  });
  write(3);
  await waitFor(() => exporter.counts.exported === 3, 'the third time');
  assert.ok(at[1] - at[0] >= 950, `asked again after ${at[1] - at[0]} ms`);
  assert.equal(new Set(collector.batches.map(({ spans }) => spans.map(({ traceId }) => traceId).join())).size, 1);
  write(2);
  await waitFor(() => exporter.counts.failed === 2, 'those that were refused');
  write(5);
  await waitFor(() => exporter.counts.exported === 6, 'those that were taken');
  assert.deepEqual(exporter.counts, { exported: 6, dropped: 0, failed: 4 });
  assert.equal(collector.batches.length, 5);
});

test('while a collector is dead the oldest go, the newest stay, and each trouble is told once', async (t) => {
  const lines = captureLog();
  const { exporter, write } = exporterOf(t, 'http://127.0.0.1:1/v1/traces');
  for (let n = 0; n < 10; n++) {
    write(1_024);
    exporter.collect();
    await new Promise(setImmediate);
  }
  assert.ok(exporter.counts.dropped >= 10_240 - 8_192 - 512 && exporter.counts.dropped < 10_240);
  await exporter.stop();
  assert.equal(exporter.counts.dropped, 10_240);
  const lost = lines.filter(({ event }) => event === 'spans_lost');
  assert.equal(
    lost.reduce((sum, { count }) => sum + Number(count), 0),
    10_240,
  );
  assert.ok(lost.length <= 4, JSON.stringify(lost));
  assert.ok(lost.every(({ count }) => Number(count) > 0));
});

test('while spans wait for their collector, none is told to be lost', async (t) => {
  const lines = captureLog();
  const { exporter, write } = await started(t, (response, n) => {
    if (n === 1) response.writeHead(429, { 'Retry-After': '1' });
    response.end(n === 2 ? partialSuccess(0, 'too many attributes') : undefined);
  });
  write(3);
  await waitFor(() => exporter.counts.exported === 3, 'the second time');
  write(2);
  await waitFor(() => exporter.counts.exported === 5, 'those that are written later');
  await waitFor(() => lines.length === 3, 'what is told of it');
  assert.deepEqual(
    lines.map(({ event }) => event),
    ['spans_wait', 'collector_warns', 'spans_back'],
  );
  assert.equal(Number(lines[0].count), 3);
  assert.equal(lines[1].reason, 'too many attributes');
});

test('a collector that never answers holds the end up for two seconds, and nobody else', async (t) => {
  const { exporter, write } = await started(t, () => {});
  write(600);
  const from = performance.now();
  exporter.collect();
  assert.ok(performance.now() - from < 500);
  await exporter.stop();
  const ms = performance.now() - from;
  assert.ok(ms > 1_500 && ms < 6_000, `${ms} ms`);
  assert.deepEqual(exporter.counts, { exported: 0, dropped: 600, failed: 0 });
});

test('what waits at the end is sent, whatever the interval', async (t) => {
  const { collector, exporter, write } = await started(t, (response) => setTimeout(() => response.end(), 20));
  write(1_100);
  await exporter.stop();
  assert.equal(exporter.counts.exported, 1_100);
  assert.equal(collector.spans.length, 1_100);
});

test('a batch ends at a megabyte', () => {
  const queue = new SpanQueue();
  for (let n = 0; n < 40; n++) queue.push(new Uint8Array(60_000));
  assert.equal(queue.hasBatch, true);
  assert.equal(queue.take().length, 17);
  assert.equal(queue.length, 23);
  queue.push(new Uint8Array(2_000_000));
  while (queue.length > 1) queue.take();
  assert.equal(queue.take().length, 1);
});
