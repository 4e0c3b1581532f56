import assert from 'node:assert/strict';
import { test } from 'node:test';
import { costBetween, mostAtOnce, readCounts } from '../../../bench/fleet.ts';
import { parseOptions } from '../../../bench/options.ts';

const page = (ranges: number, sent: number): string =>
  [
    `grpc_server_started_total{grpc_method="Range",grpc_service="etcdserverpb.KV",grpc_type="unary"} ${ranges}`,
    'grpc_server_started_total{grpc_method="Put",grpc_service="etcdserverpb.KV",grpc_type="unary"} 3',
    'etcd_network_client_grpc_received_bytes_total 1e+06',
    `etcd_network_client_grpc_sent_bytes_total ${sent}`,
  ].join('\n');

test('what a node costs is what etcd has counted meanwhile', () => {
  const cost = costBetween(readCounts(page(2, 10)), readCounts(page(7, 1.5e6)), 4);
  assert.deepEqual(cost, { calls: new Map([['Range', 5]]), received: 0, sent: 1_499_990, seconds: 4 });
});

test('of works that overlap the most at once are found, and the end of the last one', () => {
  const works = [
    { at: 0, ms: 10 },
    { at: 5, ms: 10 },
    { at: 10, ms: 1 },
    { at: 50, ms: 2 },
  ];
  assert.deepEqual(mostAtOnce(works), { most: 2, lastMs: 52 });
  assert.deepEqual(mostAtOnce([]), { most: 0, lastMs: 0 });
});

test('a fleet has nodes and frontends', () => {
  assert.deepEqual(parseOptions(['fleet']), { kind: 'fleet', nodes: 100, frontends: 100_000 });
  assert.deepEqual(parseOptions(['fleet', '--nodes=5', '--frontends=10']), { kind: 'fleet', nodes: 5, frontends: 10 });
  for (const wrong of [['fleet', '--nodes=0'], ['fleet', '--frontends=1,2'], ['fleet', '--quick'], ['--nodes=3']]) {
    assert.equal(parseOptions(wrong).kind, 'error', wrong.join(' '));
  }
});
