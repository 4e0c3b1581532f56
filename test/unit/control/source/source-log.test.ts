import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import type { SourceState, SourceStatus } from '../../../../src/control/source/source.ts';
import { SourceLog } from '../../../../src/control/source/source-log.ts';
import { captureLog, type Line } from '../../../harness/log.ts';

const lines = captureLog();

function status(state: SourceState, error = '', revision = state === 'connecting' ? '' : '7'): SourceStatus {
  return { name: 'etcdv3', state, revision, confirmedAt: 0, restarts: 0, error };
}

let now = 0;

/** A log of sources, a clock that the test moves, and what was told since the last look. */
function start(t: TestContext) {
  now += 1_000_000;
  t.mock.method(performance, 'now', () => now);
  lines.length = 0;
  return {
    log: new SourceLog(),
    pass: (ms: number) => {
      now += ms;
    },
    told: (): Line[] => lines.splice(0),
  };
}

const eventsOf = (told: Line[]): string[] => told.map(({ event, level }) => `${event} ${level}`);

test('a source that comes, is lost and comes back is told three times, with its reason, keys and times', (t) => {
  const { log, pass, told } = start(t);
  log.snapshot('etcdv3', 12);
  pass(30);
  log.saw(status('live'));
  log.saw(status('live'));
  assert.deepEqual(told(), [
    { event: 'source_live', level: 'info', source: 'etcdv3', revision: '7', keys: 12, after_ms: 30 },
  ]);
  log.saw(status('stale', 'etcd v3 at 10.0.0.1:2379: refused'));
  const [lost] = told();
  assert.equal(lost.event, 'source_lost');
  assert.equal(lost.level, 'warning');
  assert.equal(lost.reason, 'etcd v3 at 10.0.0.1:2379: refused');
  pass(500);
  log.saw(status('live'));
  assert.deepEqual(told(), [
    { event: 'source_live', level: 'warning', source: 'etcdv3', revision: '7', keys: 12, after_ms: 500 },
  ]);
});

test('a trouble is told once although its endpoint, its time or a count differs, and another one as well', (t) => {
  const { log, pass, told } = start(t);
  for (let i = 0; i < 50; i++) {
    log.saw(
      status('connecting', `etcd v3 at host-${'ab'[i % 2]}:2379: refused (2026-11-26T09:44:${10 + i}.1Z), try ${i}`),
    );
    pass(100);
  }
  assert.deepEqual(eventsOf(told()), ['source_lost warning']);
  log.saw(status('connecting', 'etcd v3 at host-a:2379: invalid user ID or password'));
  log.saw(status('connecting', 'etcd v3 at host-b:2379: invalid user ID or password'));
  assert.deepEqual(eventsOf(told()), ['source_lost warning']);
});

test('a loss that lasts a minute is an error, said again every five, and so is its end', (t) => {
  const { log, pass, told } = start(t);
  log.saw(status('live'));
  told();
  for (let second = 0; second < 700; second++) {
    log.saw(status('stale', 'refused'));
    pass(1_000);
  }
  assert.deepEqual(eventsOf(told()), [
    'source_lost warning',
    'source_lost error',
    'source_lost error',
    'source_lost error',
  ]);
  log.saw(status('live'));
  assert.deepEqual(eventsOf(told()), ['source_live error']);
});

test('a trouble that leaves the source live is told once, and so is its end', (t) => {
  const { log, told } = start(t);
  log.saw(status('live'));
  log.saw(status('live', 'file 1 is unreadable'));
  log.saw(status('live', 'file 2 is unreadable'));
  log.saw(status('live'));
  log.saw(status('live'));
  assert.deepEqual(eventsOf(told()), ['source_live info', 'source_trouble warning', 'source_easy warning']);
});

test('different troubles of one outage are told up to a bound', (t) => {
  const { log, told } = start(t);
  for (let i = 0; i < 1_000; i++) log.saw(status('connecting', `reason ${'x'.repeat(i + 1)}`));
  assert.ok(told().length <= 20);
});
