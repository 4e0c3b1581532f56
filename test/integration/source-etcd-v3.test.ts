/** What etcd v3 alone can do to a source. */
import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { Etcd3 } from 'etcd3';
import { EtcdV3Source, type EtcdV3Tuning } from '../../src/control/source/etcd-v3.ts';
import type { EtcdSettings } from '../../src/settings/settings.ts';
import { etcdSettings } from '../harness/defaults.ts';
import { OWN_HOST } from '../harness/own-host.ts';
import { SourceRecorder } from '../harness/source-recorder.ts';
import { startTcpValve } from '../harness/tcp-valve.ts';
import { type Etcd, freePort, startEtcd, waitFor } from '../harness/tools.ts';

async function etcdOf(t: TestContext): Promise<Etcd> {
  const etcd = await startEtcd({ enableV2: false });
  t.after(() => etcd.stop());
  return etcd;
}

function clientOf(t: TestContext, etcd: Etcd): Etcd3 {
  const client = new Etcd3({ hosts: etcd.url });
  t.after(() => client.close());
  return client;
}

function followV3(
  t: TestContext,
  endpoints: readonly string[],
  fields: Partial<EtcdSettings> = {},
  tuning: Partial<EtcdV3Tuning> = {},
): { source: EtcdV3Source; sink: SourceRecorder } {
  const source = new EtcdV3Source(etcdSettings(endpoints, fields), tuning);
  t.after(() => source.stop());
  const sink = new SourceRecorder(source);
  source.start(sink);
  return { source, sink };
}

test('a transaction arrives as one batch with its revision', async (t) => {
  const etcd = await etcdOf(t);
  const client = clientOf(t, etcd);
  await client.put('/traefik/old').value('1');
  const { sink } = followV3(t, [etcd.endpoint]);
  await sink.inState('live');
  const done = await client
    .if('/traefik/old', 'Version', '>', 0)
    .then(client.put('/traefik/a').value('1'), client.put('/traefik/b').value('2'), client.delete().key('/traefik/old'))
    .commit();
  await sink.has('b', '2');
  const last = sink.told.at(-1);
  assert.equal(last?.kind, 'changes');
  assert.equal(last.revision, done.header.revision);
  assert.deepEqual(
    new Map(last.changes.map(({ key, value }) => [key, value])),
    new Map([
      ['a', '1'],
      ['b', '2'],
      ['old', null],
    ]),
  );
});

test('who asks for settings alone is given nothing of backends, frontends and certificates, and all that is beside them', async (t) => {
  const etcd = await etcdOf(t);
  const client = clientOf(t, etcd);
  const trees = ['backends/b/servers/s/url', 'frontends/f/backend', 'tls/t/entrypoints'];
  const beside = ['alias', 'backends', 'backends.x/y', 'frontends0', 'tl', 'tls!', 'web/address', 'zz/\u{10ffff}', '!'];
  for (const key of [...trees, ...beside]) await client.put(`/traefik/${key}`).value('/elsewhere');
  await client.put('/traefik0/web').value('1');
  const { sink } = followV3(t, [etcd.endpoint], { watch: false }, { leavesTrees: true, pageKeys: 1 });
  await sink.inState('live');
  assert.deepEqual([...sink.keys.keys()].sort(), [...beside].sort());
});

test('5 000 keys are read in pages that belong to one revision, while they are written', async (t) => {
  const etcd = await etcdOf(t);
  const client = clientOf(t, etcd);
  const writeAll = async (value: string) => {
    for (let from = 0; from < 5000; from += 125) {
      const puts = Array.from({ length: 125 }, (_, i) =>
        client.put(`/traefik/k${String(from + i).padStart(4, '0')}`).value(value),
      );
      await client
        .if('/none', 'Version', '==', 0)
        .then(...puts)
        .commit();
    }
  };
  await writeAll('0');
  let writing = true;
  const writer = (async () => {
    for (let round = 1; writing; round++)
      await client
        .if('/none', 'Version', '==', 0)
        .then(client.put('/traefik/k0000').value(String(round)), client.put('/traefik/k4999').value(String(round)))
        .commit();
  })();
  const { sink } = followV3(t, [etcd.endpoint], {}, { pageKeys: 500 });
  await waitFor(() => sink.valuesOf('k4999').length > 20, 'changes after the snapshot');
  writing = false;
  await writer;
  const snapshot = sink.told[0];
  assert.equal(snapshot.kind, 'snapshot');
  assert.equal(snapshot.entries.size, 5000);
  // Both were written in one transaction each time, so a reading of one revision has them equal.
  assert.equal(snapshot.entries.get('k0000'), snapshot.entries.get('k4999'));
  const rounds = sink.valuesOf('k4999').map(Number);
  const first = Number(snapshot.entries.get('k4999')) + 1;
  assert.deepEqual(
    rounds,
    rounds.map((_, i) => first + i),
    'no gap between the reading and the watch',
  );
  const { header } = await client.delete().prefix('/traefik/');
  await sink.has('k4999', undefined);
  const last = sink.told.at(-1);
  assert.equal(last?.kind, 'changes');
  assert.equal(last.revision, header.revision);
  assert.equal(last.changes.length, 5000, 'a deletion of all is one change');
  assert.equal(sink.keys.size, 0);
});

test('changes are told once each and in their order, however often the watch is lost among them', async (t) => {
  const etcd = await etcdOf(t);
  const client = clientOf(t, etcd);
  const valves = await Promise.all([1, 2, 3].map(() => startTcpValve(etcd.endpoint)));
  t.after(() => Promise.all(valves.map((valve) => valve.close())));
  await client.put('/traefik/k0').value('0');
  const { sink } = followV3(t, [...valves.map(({ endpoint }) => endpoint), etcd.endpoint]);
  await sink.has('k0', '0');
  let round = 0;
  let wanted = true;
  const writer = (async () => {
    while (wanted) {
      round++;
      const puts = Array.from({ length: 30 }, (_, i) => client.put(`/traefik/k${i}`).value(String(round)));
      await client
        .if('/none', 'Version', '==', 0)
        .then(...puts)
        .commit();
    }
  })();
  for (const [i, valve] of valves.entries()) {
    await waitFor(() => Number(sink.keys.get('k29')) >= 20 * (i + 1), 'some changes');
    await valve.close();
  }
  wanted = false;
  await writer;
  await sink.has('k29', String(round));
  assert.equal(sink.snapshots().length, 1);
  const rounds = Array.from({ length: round }, (_, i) => String(i + 1));
  for (const key of ['k0', 'k29']) assert.deepEqual(sink.valuesOf(key), rounds);
});

test('values larger than a usual gRPC message are read', async (t) => {
  const etcd = await etcdOf(t);
  const client = clientOf(t, etcd);
  const large = 'x'.repeat(1_200_000);
  for (const key of ['a', 'b', 'c', 'd', 'e']) await client.put(`/traefik/${key}`).value(large);
  const { sink } = followV3(t, [etcd.endpoint]);
  await sink.inState('live');
  assert.equal(sink.keys.get('e')?.length, large.length);
});

test('a compaction while the source was cut off leads to a fresh reading', async (t) => {
  const etcd = await etcdOf(t);
  const client = clientOf(t, etcd);
  const valve = await startTcpValve(etcd.endpoint);
  t.after(() => valve.close());
  await client.put('/traefik/gone').value('1');
  const { sink } = followV3(t, [valve.endpoint], {}, { probeMs: 200, deadlineMs: 300 });
  await sink.inState('live');
  valve.shut();
  await client.delete().key('/traefik/gone');
  await client.put('/traefik/new').value('1');
  const { header } = await client.put('/traefik/new').value('2');
  await etcd.ctl(3, 'compact', header.revision);
  await sink.inState('stale');
  assert.deepEqual(Object.fromEntries(sink.keys), { gone: '1' });
  valve.open();
  await sink.has('new', '2');
  assert.deepEqual(Object.fromEntries(sink.keys), { new: '2' });
});

test('a watch that has gone silent is noticed and begun anew', async (t) => {
  const etcd = await etcdOf(t);
  const client = clientOf(t, etcd);
  const valve = await startTcpValve(etcd.endpoint);
  t.after(() => valve.close());
  await client.put('/traefik/a').value('1');
  const { source, sink } = followV3(t, [valve.endpoint], {}, { probeMs: 200, deadlineMs: 300 });
  await sink.inState('live');
  valve.shut();
  await client.put('/traefik/a').value('2');
  valve.open();
  await sink.has('a', '2');
  assert.equal(source.status().restarts, 1);
});

test('a lost watch goes on where it was, without a fresh reading, also when nothing has changed', async (t) => {
  const etcd = await etcdOf(t);
  const client = clientOf(t, etcd);
  for (const key of ['a', 'b', 'c']) await client.put(`/traefik/${key}`).value('1');
  const first = await startTcpValve(etcd.endpoint);
  const second = await startTcpValve(etcd.endpoint);
  t.after(() => second.close());
  const { source, sink } = followV3(t, [first.endpoint, second.endpoint, etcd.endpoint]);
  await sink.has('a', '1');
  await client.put('/traefik/d').value('1');
  await client.delete().key('/traefik/b');
  await sink.has('b', undefined);
  await first.close();
  await client.put('/traefik/a').value('2');
  await client.delete().key('/traefik/c');
  await sink.has('c', undefined);
  const newest = Number(source.status().revision);
  await second.close();
  const { header } = await client.put('/foreign').value('1');
  await waitFor(() => Number(source.status().revision) >= Number(header.revision), 'that all is known');
  assert.ok(Number(header.revision) > newest);
  assert.equal(source.status().state, 'live');
  assert.deepEqual(Object.fromEntries(sink.keys), { a: '2', d: '1' });
  assert.equal(sink.snapshots().length, 1);
});

test('another store at the next endpoint, with the same revisions and as many keys, is read from the beginning', async (t) => {
  const etcd = await etcdOf(t);
  const other = await etcdOf(t);
  await etcd.ctl(3, 'put', '/traefik/a', '1');
  await other.ctl(3, 'put', '/traefik/a', 'other');
  const valve = await startTcpValve(etcd.endpoint);
  const { sink } = followV3(t, [valve.endpoint, other.endpoint]);
  await sink.has('a', '1');
  await valve.close();
  await sink.has('a', 'other');
});

test('an etcd that is stopped and goes on is followed again', async (t) => {
  const etcd = await etcdOf(t);
  await etcd.ctl(3, 'put', '/traefik/a', '1');
  const { sink } = followV3(t, [etcd.endpoint], {}, { probeMs: 200, deadlineMs: 300 });
  await sink.has('a', '1');
  etcd.signal('SIGSTOP');
  await sink.inState('stale').finally(() => etcd.signal('SIGCONT'));
  await etcd.ctl(3, 'put', '/traefik/a', '2');
  await sink.has('a', '2');
});

test('probes confirm a quiet watch, also when only foreign keys change, and never restart it', async (t) => {
  const etcd = await etcdOf(t);
  const client = clientOf(t, etcd);
  await client.put('/traefik/a').value('1');
  const { source, sink } = followV3(t, [etcd.endpoint], {}, { probeMs: 20, deadlineMs: 1000 });
  await sink.inState('live');
  for (let round = 0; round < 5; round++) {
    const { header } = await client.put('/foreign').value(String(round));
    await waitFor(() => Number(source.status().revision) >= Number(header.revision), 'that revision to be confirmed');
  }
  assert.equal(source.status().restarts, 0);
  assert.equal(sink.told.length, 1);
});

test('of several endpoints the next one is taken when one is dead or dies', async (t) => {
  const etcd = await etcdOf(t);
  const valve = await startTcpValve(etcd.endpoint);
  await etcd.ctl(3, 'put', '/traefik/a', '1');
  const dead = `${OWN_HOST}:${await freePort()}`;
  const { sink } = followV3(t, [dead, valve.endpoint, etcd.endpoint]);
  await sink.has('a', '1');
  await valve.close();
  await etcd.ctl(3, 'put', '/traefik/a', '2');
  await sink.has('a', '2');
});

test('a watch that is not wanted leaves it at one reading', async (t) => {
  const etcd = await etcdOf(t);
  const valve = await startTcpValve(etcd.endpoint);
  t.after(() => valve.close());
  await etcd.ctl(3, 'put', '/traefik/a', '1');
  const { source, sink } = followV3(t, [valve.endpoint], { watch: false });
  await sink.has('a', '1');
  await waitFor(() => valve.connections() === 0, 'the connection to be closed');
  assert.equal(source.status().state, 'live');
});

test('a user with read permission for the prefix follows it; a wrong password is told', async (t) => {
  const etcd = await startEtcd({ args: ['--auth-token-ttl=1'] });
  t.after(() => etcd.stop());
  const root = ['--user', 'root:top'];
  await etcd.ctl(3, 'user', 'add', 'root:top');
  await etcd.ctl(3, 'user', 'add', 'reader:secret');
  await etcd.ctl(3, 'role', 'add', 'reading');
  await etcd.ctl(3, 'role', 'grant-permission', 'reading', 'read', '/traefik/', '/traefik0');
  await etcd.ctl(3, 'user', 'grant-role', 'reader', 'reading');
  await etcd.ctl(3, 'user', 'grant-role', 'root', 'root');
  await etcd.ctl(3, 'auth', 'enable');
  await etcd.ctl(3, ...root, 'put', '/traefik/a', '1');

  const login = { username: 'reader', password: 'secret' };
  const { source, sink } = followV3(t, [etcd.endpoint], login, { probeMs: 2500 });
  await sink.has('a', '1');
  await etcd.ctl(3, ...root, 'put', '/traefik/a', '2');
  await sink.has('a', '2');

  const refused = followV3(t, [etcd.endpoint], { ...login, password: 'wrong' });
  await waitFor(() => refused.source.status().error !== '', 'an error');
  assert.match(refused.source.status().error, /authentication failed/);
  assert.equal(refused.sink.told.length, 0);

  const anonymous = followV3(t, [etcd.endpoint]);
  await waitFor(() => anonymous.source.status().error !== '', 'an error');
  assert.match(anonymous.source.status().error, /user name is empty/);

  // The token is long past its life at the next probe, which must fetch a new one and leave the watch alone.
  const { confirmedAt } = source.status();
  await waitFor(() => source.status().confirmedAt > confirmedAt, 'a probe with a new token');
  await etcd.ctl(3, ...root, 'put', '/traefik/a', '3');
  await sink.has('a', '3');
  assert.equal(source.status().restarts, 0);
});

test('credentials for an etcd without authentication do no harm', async (t) => {
  const etcd = await etcdOf(t);
  await etcd.ctl(3, 'put', '/traefik/a', '1');
  const { sink } = followV3(t, [etcd.endpoint], { username: 'u', password: 'p' });
  await sink.has('a', '1');
});
