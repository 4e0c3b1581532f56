import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import test from 'node:test';
import {
  atShare,
  startGoals,
  startText,
  type UpdatesFigures,
  updatesGoals,
  updatesText,
} from '../../../bench/updates/report.ts';
import { untilServed, Watch } from '../../../bench/updates/watch.ts';
import { waitFor } from '../../harness/wait.ts';

test('a change counts as live when every connection is served by the new server, and not before', async (t) => {
  const host = 'service-000007.example.com';
  const servers = new Map([[host, 1]]);
  let asked = 0;
  let stubborn = '';
  const server = createServer((request, response) => {
    asked++;
    const from = `${request.socket.remotePort}` === stubborn ? 1 : servers.get(request.headers.host ?? '');
    response.statusCode = from === undefined ? 404 : 200;
    response.setHeader('X-Server', `server${from}`);
    response.end('x');
  });
  server.on('connection', (socket) => {
    if (stubborn === '') stubborn = `${socket.remotePort}`;
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const watch = new Watch(port, 3);
  watch.add(7, 1);
  servers.set(host, 2);
  await waitFor(() => asked > 20, 'a few questions');
  assert.deepEqual([watch.pending, watch.times], [1, []]);
  stubborn = 'nobody';
  await waitFor(() => watch.pending === 0, 'the change');
  assert.equal(watch.times.length, 1);
  await watch.stop();
  assert.ok((await untilServed(port, [7], 1_000)) < 1_000);
  assert.ok(Number.isNaN(await untilServed(port, [7, 8], 50)));
});

test('figures are told with the goals that they meet or miss', () => {
  const times = Array.from({ length: 100 }, (_, i) => i + 1);
  const figures: UpdatesFigures = {
    name: 'tsuji',
    frontends: 100_000,
    start: 4_000,
    resident: 400 * 1_048_576,
    bytesEach: 4_000,
    first: 30,
    store: [],
    times,
    lost: 1,
    quietP99: 2,
    busyP99: 2.5,
    errors: 0,
    delays: [1, 2, 3],
  };
  assert.deepEqual([atShare(times, 0.5), atShare(times, 0.99), atShare([], 0.5)], [51, 100, Number.NaN]);
  const nginx = { ...figures, name: 'nginx, reload', delays: [] };
  assert.match(
    updatesText([figures, nginx]),
    /nginx, reload +100000 +4 000 +400 +4 000 +30.0 +51.0 +91.0 +100 +– +– +– +100 +1 .*–$/m,
  );
  assert.deepEqual(updatesGoals([figures, nginx]), [
    'missed: change live p99, ms at 100000: 100, goal 30.0',
    'met:    p99 of the load with changes ÷ without at 100000: 1.25, goal 1.50',
    'met:    start, ms at 100000: 4 000, goal 5 000',
    'missed: bytes per frontend at 100000: 4 000, goal 3 072',
    'met:    loop delay p99, ms at 100000: 3.00, goal 20.0',
  ]);
});

test('starts are told by their median, and further workers by what each adds', () => {
  const atRest = [110, 131, 150].map((mib) => mib * 1_048_576);
  const figures = { fromEtcd: [300, 500, 310], fromSources: [600], fromSnapshot: [700, 701], atRest };
  assert.match(startText(figures), /^from etcd, ms +310 \(300–500\)$/m);
  assert.deepEqual(startGoals(figures), [
    'met:    start from etcd, ms: 310, goal 400',
    'met:    start from the snapshot, ms: 701, goal 1 000',
    'met:    one worker at rest, MiB: 110, goal 120',
    'met:    each further worker at rest, MiB: 20.0, goal 25.0',
  ]);
});
