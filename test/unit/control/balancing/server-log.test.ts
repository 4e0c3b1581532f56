/** What the log is told of servers that come and go, fail and are well again. */
import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { FailingServers } from '../../../../src/control/balancing/failing-servers.ts';
import { ServerLog } from '../../../../src/control/balancing/server-log.ts';
import { FailureReports } from '../../../../src/data/balancing/failure-reports.ts';
import { FAULTS } from '../../../../src/kernel/errors.ts';
import type { Backend, Model, Server } from '../../../../src/model/model.ts';
import type { FromWorker, ServerFailed } from '../../../../src/protocol/messages.ts';
import { createCursors } from '../../../../src/shared/cursors.ts';
import { createServerState, ServerLane, ServerState } from '../../../../src/shared/server-state.ts';
import { SlotRegistry, serverKey } from '../../../../src/shared/slots.ts';
import { captureLog } from '../../../harness/log.ts';
import { backend, server } from '../admin/fake-view.ts';

const lines = captureLog();
const taken = (): unknown[] => lines.splice(0);
const [A, B] = ['a', 'b'].map((name) => server(name, `http://${name}`));

/** Also of what does not name it. */
const frontendsNaming = () => ['f', 'g', 'left-out'];

function modelOf(...backends: Backend[]): Model {
  return {
    backends: new Map(backends.map((one) => [one.name, one])),
    frontends: new Map(['f', 'g'].map((name) => [name, { name, backend: 'b' }])),
  } as unknown as Model;
}

test('servers of the first routes are told by none, later ones when they come, drain and go', () => {
  let model = modelOf();
  const log = new ServerLog({ model: () => model, frontendsNaming, isUsable: () => true });
  const change = (next: Model, isFirst = false): void => {
    const before = model.backends.get('b') ?? null;
    model = next;
    log.changed(new Map([['b', before]]), isFirst);
  };
  change(modelOf(backend('b', A)), true);
  assert.deepEqual([taken(), log.serverCount], [[], 1]);
  change(modelOf(backend('b', A, { ...B, draining: true })));
  const of = (event: string, { name, url }: Server) => ({ event, level: 'info', backend: 'b', server: name, url });
  assert.deepEqual(taken(), [of('server_added', B), of('server_draining', B)]);
  change(modelOf(backend('b', B)));
  assert.deepEqual(taken(), [of('server_removed', A)]);
  change(modelOf());
  assert.deepEqual([taken(), log.serverCount], [[of('server_removed', B)], 0]);
});

test('a backend without a server that can be used is told once, with whose requests that ends, and so is its return', () => {
  const model = modelOf(backend('b', A, B), backend('unused', A));
  const usable = new Set<Server>([A]);
  const log = new ServerLog({ model: () => model, frontendsNaming, isUsable: (_, one) => usable.has(one) });
  log.changed(new Map([...model.backends.keys()].map((name) => [name, null])), true);
  usable.clear();
  for (let i = 0; i < 3; i++) for (const one of model.backends.values()) log.look(one);
  const fields = { level: 'error', backend: 'b', frontends: 'f,g' };
  assert.deepEqual(taken(), [{ event: 'backend_empty', ...fields }]);
  usable.add(B);
  for (let i = 0; i < 3; i++) log.look(model.backends.get('b')!);
  assert.deepEqual(taken(), [{ event: 'backend_back', ...fields }]);
});

/** `one`: fails, and has no lines of another test that count against it. */
function setUp(t: TestContext, one: Server) {
  t.mock.timers.enable({ apis: ['setInterval'] });
  let now = 10_000;
  t.mock.method(performance, 'now', () => now);
  const buffer = createServerState(1);
  const model = modelOf(backend('b', A, B));
  const shared = {
    state: new ServerState(buffer),
    cursors: new Int32Array(createCursors()),
    backendSlots: new SlotRegistry({ kind: 'backend' }),
    serverSlots: new SlotRegistry({ kind: 'server' }),
    model: () => model,
    frontendsNaming,
  };
  const slot = shared.serverSlots.slotOf(serverKey('b', one.url), 1);
  const place = { kind: 'serverFailed', backend: shared.backendSlots.slotOf('b', 1), server: slot } as const;
  const failing = new FailingServers(shared, { upOf: () => '1/2', onChange: () => {} });
  t.after(() => failing.stop());
  const lane = new ServerLane(buffer, 0);
  return {
    fail: (reason: string, by: ServerFailed['by'] = 'connect') =>
      failing.heard({ ...place, by, reason, detail: 'no', tries: 3 }),
    answer: (isBad: boolean) => {
      lane.begin(slot);
      lane.end(slot, isBad);
    },
    pass: (ms: number) => {
      now += ms;
      t.mock.timers.tick(ms);
    },
  };
}

test('a server that fails is told once for each reason, and is up when it answers and fails no more', (t) => {
  const { fail, answer, pass } = setUp(t, A);
  for (let i = 0; i < 5; i++) {
    fail(i === 4 ? 'late' : 'refused');
    answer(false);
    pass(1_000);
  }
  const place = { level: 'warning', backend: 'b', server: 'a', url: 'http://a', by: 'connect', up_of: '1/2' };
  assert.deepEqual(taken(), [
    { event: 'server_down', ...place, reason: 'refused', detail: 'no', fails: 3 },
    { event: 'server_down', ...place, reason: 'late', detail: 'no', fails: 15 },
  ]);
  fail('late');
  answer(true);
  pass(60_000);
  assert.deepEqual(taken(), [], 'nobody has asked it since');
  answer(false);
  pass(1_000);
  assert.deepEqual(taken(), [{ event: 'server_up', ...place }]);
});

test('a server that can be reached is down when it brings no good answer between a few failures', (t) => {
  const { fail, answer, pass } = setUp(t, B);
  for (let i = 0; i < 5; i++) {
    fail('late', 'request');
    answer(false);
    pass(1_000);
  }
  assert.deepEqual(taken(), []);
  fail('late', 'request');
  fail('late', 'request');
  const [down, ...others] = taken() as { event: string; by: string; fails: number }[];
  assert.deepEqual([down.event, down.by, down.fails, others], ['server_down', 'request', 6, []]);
});

test('a worker tells of the first failure at once, then once a second, with how many there were', (t) => {
  let now = 0;
  t.mock.method(performance, 'now', () => now);
  const sent: ServerFailed[] = [];
  const reports = new FailureReports((message: FromWorker) => void sent.push(message as ServerFailed));
  for (; now < 2_500; now += 10) reports.failed(FAULTS.connectRefused, 1, 2, 'ECONNREFUSED');
  reports.failed(FAULTS.clientClosed, 1, 2, '');
  reports.failed(FAULTS.headerTimeout, 1, 3, '');
  assert.deepEqual(
    sent.map(({ server, by, tries }) => [server, by, tries]),
    [
      [2, 'connect', 1],
      [2, 'connect', 100],
      [2, 'connect', 100],
      [3, 'request', 1],
    ],
  );
});
