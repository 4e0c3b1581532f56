import assert from 'node:assert/strict';
import { test } from 'node:test';
import { concerns, EventLog, type Happening, MOST_EVENTS } from '../../../../src/control/board/event-log.ts';
import { plain } from '../../../../src/control/board/findings.ts';
import { happeningOf } from '../../../../src/control/board/heard-events.ts';
import type { LogEvent } from '../../../../src/kernel/events.ts';
import { EVENTS } from '../../../../src/kernel/events.ts';
import type { LogFields } from '../../../../src/kernel/log-line.ts';

function heard({ name, level, text }: LogEvent, fields: LogFields, t: number): Happening {
  const happening = happeningOf({ name, level, text, fields, times: 1 }, t);
  assert.ok(happening !== null);
  return happening;
}

function down(backend: string, server: string, reason: string, t: number): Happening {
  return heard(EVENTS.serverDown, { backend, server, url: `http://${server}`, reason, by: 'check' }, t);
}

function texts(log: EventLog): string[] {
  return [...log.before()].map(({ text, detail, n }) => `${plain(text)} ×${n}: ${plain(detail)}`);
}

test('87 servers that go down within some seconds are one event, which knows whom it stands for', () => {
  const log = new EventLog();
  for (let i = 0; i < 87; i++)
    log.add(down(`b${i % 7}`, `s${i}`, `connect EHOSTUNREACH 10.0.1.${i}:80`, 1_000 + i * 100));
  assert.equal(log.newest, 1);
  const [event] = log.before();
  assert.equal(event.n, 87);
  assert.equal(plain(event.text), '87 servers down');
  assert.equal(event.members?.length, 87);
  assert.ok(concerns(event, ['backend', 'b3']));
  assert.ok(concerns(event, ['server', 'b3', 's3']));
  assert.ok(!concerns(event, ['backend', 'b9']));
  assert.equal(log.revision, 87);
});

test('several for several reasons are one event too, which says so once', () => {
  const log = new EventLog();
  log.add(down('b', 's1', 'connect ECONNREFUSED 10.0.1.1:80', 0));
  log.add(down('b', 's2', 'socket hang up', 10));
  log.add(down('b', 's3', 'status 500', 20));
  assert.deepEqual(texts(log), ['3 servers down ×3: connect ECONNREFUSED 10.0.1.1:80, and others']);
});

test('what is said of one and of several agrees with their number', () => {
  const log = new EventLog();
  const fields = { backend: 'b', url: 'http://10.0.0.1', names: 'a.test', source: '/tls/a' };
  for (const event of [EVENTS.serverReturned, EVENTS.serverAdded, EVENTS.serverDraining, EVENTS.certificateExpiring]) {
    for (const server of ['s1', 's2']) log.add(heard(event, { ...fields, server }, 0));
  }
  assert.deepEqual(
    texts(log)
      .map((text) => text.slice(0, text.indexOf(' ×')))
      .reverse(),
    ['2 servers serve again', '2 servers are new', '2 servers drain', 'a.test ends soon, or has ended'],
  );
});

test('what is better, or comes later, is another event', () => {
  const log = new EventLog();
  log.add(down('b', 's1', 'connect ECONNREFUSED 10.0.1.1:80', 0));
  log.add(heard(EVENTS.serverUp, { backend: 'b', server: 's1', by: 'check' }, 2_000));
  log.add(down('b', 's3', 'connect ECONNREFUSED 10.0.1.3:80', 60_000));
  assert.deepEqual(texts(log), [
    'b/s3 down ×1: connect ECONNREFUSED 10.0.1.3:80',
    'b/s1 back ×1: ',
    'b/s1 down ×1: connect ECONNREFUSED 10.0.1.1:80',
  ]);
});

test('the same one again and again keeps its name', () => {
  const log = new EventLog();
  for (let i = 0; i < 12; i++) log.add(down('checkout', 's4', 'connect ECONNREFUSED', i * 2_000));
  const [event] = log.before();
  assert.equal(event.n, 12);
  assert.equal(plain(event.text), 'checkout/s4 down');
  assert.deepEqual(event.of, ['server', 'checkout', 's4']);
});

test('servers of one backend are an event of that backend', () => {
  const log = new EventLog();
  for (const server of ['s1', 's2']) log.add(down('checkout', server, 'connect ECONNREFUSED', 0));
  assert.deepEqual([...log.before()][0].of, ['backend', 'checkout']);
});

test('a name from a key is text, and a warning that nobody has listed is told in the words of the log', () => {
  const name = '<img src=x onerror=alert(1)>';
  assert.equal(plain(down(name, 's1', '', 0).text), `${name}/s1 down`);
  const other = heard(EVENTS.clockJump, { by_ms: 5_000 }, 0);
  assert.equal(plain(other.text), EVENTS.clockJump.text);
  assert.equal(happeningOf({ name: 'listening', level: 'info', text: 'Listening', fields: {}, times: 1 }, 0), null);
});

test('the newest 10 000 are kept', () => {
  const log = new EventLog();
  for (let i = 1; i <= MOST_EVENTS + 5; i++) {
    log.add({ t: i, kind: 'keys', worse: 0, of: [], text: [`generation ${i}`], by: 'keys' });
  }
  const ids = [...log.before()].map(({ id }) => id);
  assert.equal(ids.length, MOST_EVENTS);
  assert.equal(ids[0], MOST_EVENTS + 5);
  assert.equal(ids.at(-1), 6);
  assert.deepEqual(
    [...log.before(9)].map(({ id }) => id),
    [8, 7, 6],
  );
});
