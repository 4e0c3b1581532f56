/** `tsuji history`, `diff` and `rollback` over a real etcd. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import test, { after } from 'node:test';
import { Etcd3 } from 'etcd3';
import { startEtcd, temporaryFolder } from '../harness/tools.ts';
import { MAIN, startTsuji } from '../harness/tsuji.ts';
import { waitFor } from '../harness/wait.ts';

const etcd = await startEtcd();
after(() => etcd.stop());
const client = new Etcd3({ hosts: etcd.url });
after(() => client.close());

function tsuji(command: string, ...args: string[]): Promise<{ code: number | null; out: string[]; err: string }> {
  const flags = ['--etcd', `--etcd.endpoint=${etcd.endpoint}`];
  const child = spawn(process.execPath, [MAIN, command, ...args, ...flags], { stdio: ['ignore', 'pipe', 'pipe'] });
  const output = Promise.all([text(child.stdout), text(child.stderr)]);
  return new Promise((resolve) => {
    child.on('close', async (code) => {
      const [out, err] = await output;
      resolve({ code, out: out.split('\n').filter((line) => line !== ''), err });
    });
  });
}

async function put(key: string, value: string): Promise<number> {
  return Number((await client.put(`/traefik/${key}`).value(value)).header.revision);
}

async function get(key: string): Promise<string | null> {
  return client.get(`/traefik/${key}`).string();
}

const RULE = 'frontends/f/routes/r/rule';
const first = await put(RULE, 'Host:a.test');
await put('frontends/f/backend', 'b');
await put('frontends/f/auth/basic/users', 'ann:$2y$05$secret');
const lease = client.lease(60, { autoKeepAlive: false });
await lease.put('/traefik/backends/b/servers/s/url').value('http://10.0.0.1');
await client.delete().key('/traefik/frontends/f/backend');
const good = await put(RULE, 'Host:b.test');
await client.put('/elsewhere').value('not ours');
await put('frontends/f/backend', 'c');
await put('frontends/g/backend', 'b');
await put(RULE, 'Host:slip.test');
await lease.put('/traefik/backends/b/servers/s2/url').value('http://10.0.0.2');

test('what happened to a key is told from its beginning, also what was deleted and came back', async () => {
  const rule = await tsuji('history', `/traefik/${RULE}`);
  assert.equal(rule.code, 0, rule.err);
  assert.deepEqual(
    rule.out.map((line) => line.replace(/^\d+ {2}/, '')),
    ['"Host:a.test"', '"Host:b.test"', '"Host:slip.test"'],
  );
  assert.equal(Number(rule.out[1].split(' ')[0]), good);
  const backend = await tsuji('history', 'frontends/f/backend', '--json');
  const { events } = JSON.parse(backend.out[0]) as { events: { value: string | null }[] };
  assert.deepEqual(
    events.map(({ value }) => value),
    ['"b"', null, '"c"'],
  );
  const server = await tsuji('history', 'backends/b/servers/s/url');
  assert.match(server.out.join(), /"http:\/\/10\.0\.0\.1" {2}\(lease\)/);
  assert.match(
    (await tsuji('history', 'frontends/none/backend')).out[0],
    /nothing is known to have happened to frontends\/none\/backend since/,
  );
});

test('two revisions are compared, and the keys are made again what they were, in one step', async () => {
  const diff = await tsuji('diff', `--from=${good}`);
  assert.deepEqual(diff.out, [
    '+ backends/b/servers/s2/url = "http://10.0.0.2"',
    '+ frontends/f/backend = "c"',
    `~ ${RULE} = "Host:b.test" -> "Host:slip.test"`,
    '+ frontends/g/backend = "b"',
  ]);
  assert.equal((await tsuji('diff', `--from=${good}`, `--to=${good}`)).out.length, 0);

  const dry = await tsuji('rollback', `${good}`);
  assert.equal(dry.code, 0, dry.err);
  assert.deepEqual(dry.out, [
    '- frontends/f/backend = "c"',
    `~ ${RULE} = "Host:slip.test" -> "Host:b.test"`,
    '- frontends/g/backend = "b"',
    '# 1 keys under a lease are left alone',
    '# nothing was changed; with --yes these 3 keys are',
  ]);
  assert.equal(await get(RULE), 'Host:slip.test');

  const part = await tsuji('rollback', `${good}`, '--below=frontends/g/', '--yes');
  assert.match(part.out.at(-1)!, /# done, as revision \d+/);
  assert.deepEqual([await get('frontends/g/backend'), await get(RULE)], [null, 'Host:slip.test']);
  await tsuji('rollback', `${good}`, '--yes');
  assert.deepEqual([await get('frontends/f/backend'), await get(RULE)], [null, 'Host:b.test']);
  assert.equal(await get('backends/b/servers/s2/url'), 'http://10.0.0.2');
  assert.match((await tsuji('rollback', `${good}`, '--yes')).out.at(-1)!, /nothing to change/);
});

test('what cannot be done is told with its reason', async () => {
  assert.match((await tsuji('diff', '--from=soon')).err, /--from: "soon" is no revision/);
  assert.match((await tsuji('diff', '--from=999999')).err, /there is no revision 999999 yet/);
  for (let i = 0; i < 130; i++) await put(`frontends/many${i}/backend`, 'b');
  assert.match((await tsuji('rollback', `${good}`, '--yes')).err, /1\d\d keys are too many: etcd allows 128/);
  assert.equal(await get('frontends/many0/backend'), 'b');
  const now = await put(RULE, 'Host:c.test');
  await client.kv.compact({ revision: String(now) });
  const old = await tsuji('diff', `--from=${first}`);
  assert.deepEqual([old.code, /etcd has compacted its history/.test(old.err)], [1, true]);
  const { out } = await tsuji('history', RULE);
  assert.deepEqual(out, [`${now}  "Host:c.test"`]);
  const untouched = await tsuji('history', 'backends/b/servers/s/url');
  assert.match(untouched.out.join(), /^\d+ {2}"http:\/\/10\.0\.0\.1" {2}\(lease\)$/, untouched.err);
});

test('what etcd has compacted, and never kept of v2, is known from what a node has kept', async (t) => {
  const folder = temporaryFolder();
  t.after(() => folder.remove());
  const snapshot = `${folder.path}/snapshot`;
  const node = await startTsuji(t, {
    flags: ['--etcd', `--etcd.endpoint=${etcd.endpoint}`, `--snapshot=${snapshot}`],
  });
  const written = async (): Promise<void> => {
    type WithSnapshot = { snapshot: { ok: number; writtenAt: number } };
    const at = Date.now();
    await waitFor(
      async () => ((await node.status()) as unknown as WithSnapshot).snapshot.writtenAt > at,
      () => `the snapshot to be written; ${node.output}`,
    );
  };
  const users = 'frontends/ring/auth/basic/users';
  const rule = 'frontends/ring/routes/r/rule';
  const url = 'backends/b/servers/v2/url';
  const index = async (value: string): Promise<number> => {
    const set = await fetch(`${etcd.url}/v2/keys/traefik/${url}?value=${encodeURIComponent(value)}`, { method: 'PUT' });
    return ((await set.json()) as { node: { modifiedIndex: number } }).node.modifiedIndex;
  };
  await put(users, 'ann:$2y$05$secret');
  const oldIndex = await index('http://ann:secret@10.0.0.8');
  const old = await put(rule, 'Host:old.test');
  await written();
  await index('http://10.0.0.9');
  const newer = await put(rule, 'Host:newer.test');
  await client.delete().key(`/traefik/${users}`);
  await written();
  await client.kv.compact({ revision: String(await put(rule, 'Host:now.test')) });
  await written();

  const flag = `--snapshot=${snapshot}`;
  const diff = await tsuji('diff', `--from=${old}`, `--to=${newer}`, flag);
  assert.equal(diff.code, 0, diff.err);
  assert.match(diff.out[0], /^# revision \d+ is from snapshots: etcd has compacted its history/);
  assert.deepEqual(diff.out.slice(2), [`~ ${rule} = "Host:old.test" -> "Host:newer.test"`]);
  const history = await tsuji('history', rule, flag);
  assert.deepEqual(
    history.out.map((line) => line.replace(/^\d+(?: or before)? {2}/, '')),
    ['"Host:old.test"  (from snapshots)', '"Host:newer.test"  (from snapshots)', '"Host:now.test"'],
  );
  const secret = await tsuji('history', users, flag);
  assert.match(secret.out.join(), /\(17 bytes\) {2}\(from snapshots\),\d+ {2}deleted/);
  const v2 = await tsuji('diff', '--source=etcdv2', `--from=${oldIndex}`, '--below=backends/b/', flag);
  assert.deepEqual(v2.out.slice(2), [`~ ${url} = "http://***@10.0.0.8" -> "http://10.0.0.9"`], v2.err);

  const asked = async (path: string): Promise<{ status: number; body: Record<string, unknown> }> => {
    const response = await node.api(path);
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };
  const shownDiff = await asked(`/api/diff?from=${old}&below=frontends/ring/&limit=1`);
  assert.equal(shownDiff.status, 200, JSON.stringify(shownDiff.body));
  assert.deepEqual(shownDiff.body.changes, [{ key: users, before: '(17 bytes)', after: null }]);
  assert.deepEqual([shownDiff.body.total, shownDiff.body.more], [2, 1]);
  assert.match(String(shownDiff.body.whyFrom), /compacted/);
  const next = await asked(`/api/diff?from=${old}&below=/frontends/ring/&after=${users}`);
  assert.deepEqual(next.body.changes, [{ key: rule, before: '"Host:old.test"', after: '"Host:now.test"' }]);
  const told = await asked(`/api/history?key=/traefik/${rule}&limit=2`);
  const events = told.body.events as { value: string; fromSnapshots: boolean }[];
  assert.deepEqual(
    events.map(({ value, fromSnapshots }) => [value, fromSnapshots]),
    [
      ['"Host:newer.test"', true],
      ['"Host:now.test"', false],
    ],
  );
  assert.equal(told.body.more, 1);
  assert.equal((await asked('/api/diff?from=2')).status, 404);
  for (const query of ['history', 'history?key=a&limit=0', 'diff?from=x', 'diff', 'history?key=a&color=red']) {
    assert.equal((await asked(`/api/${query}`)).status, 400, query);
  }

  const back = await tsuji('rollback', `${old}`, '--below=frontends/ring/', '--yes', flag);
  assert.match(back.out.at(-1)!, /# done, as revision/, back.err);
  assert.deepEqual([await get(rule), await get(users)], ['Host:old.test', 'ann:$2y$05$secret']);
  const never = await tsuji('diff', '--from=2', flag);
  assert.deepEqual(
    [
      never.code,
      /compacted.*; revision 2 is not among what this node has kept of etcdv3: revisions \d+ to \d+/.test(never.err),
    ],
    [1, true],
    never.err,
  );
});
