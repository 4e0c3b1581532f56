/** `tsuji history`, `diff` and `rollback` over a real etcd. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import test, { after } from 'node:test';
import { Etcd3 } from 'etcd3';
import { startEtcd } from '../harness/tools.ts';

const MAIN = new URL('../../src/main.ts', import.meta.url).pathname;
const etcd = await startEtcd({ enableV2: false });
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
    /nothing happened to frontends\/none\/backend/,
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
});
