/** `tsuji storeconfig`, `config` and `convert keys` over a real etcd. */
import assert from 'node:assert/strict';
import test, { after } from 'node:test';
import { freePort, run, startEtcd } from '../harness/tools.ts';
import { MAIN } from '../harness/tsuji.ts';

const etcd = await startEtcd();
after(() => etcd.stop());

async function tsuji(...words: string[]): Promise<{ code: number | null; lines: string[]; stderr: string }> {
  const flags = words.some((word) => word.startsWith('--etcd')) ? [] : [`--etcd.endpoint=${etcd.endpoint}`];
  const { code, stdout, stderr } = await run(process.execPath, [MAIN, ...words, ...flags]);
  return { code, lines: stdout.trimEnd().split('\n'), stderr };
}

async function v3Of(key: string): Promise<string> {
  return (await etcd.ctl(3, 'get', '--print-value-only', `/traefik/${key}`)).trim();
}

test('what storeconfig has written is in force for whoever reads that store, as config says', async () => {
  await etcd.ctl(3, 'put', '/traefik/entrypoints/http/compress', 'true');
  await etcd.ctl(3, 'put', '/traefik/frontends/f/backend', 'b');
  const flags = ['--entryPoints=Name:http Address::8000', '--lifeCycle.graceTimeOut=2s', '--limits.fields=50'];
  const dry = await tsuji('storeconfig', '--dryrun', ...flags);
  assert.deepEqual([dry.code, await v3Of('entrypoints/http/address')], [0, ''], dry.stderr);
  const done = await tsuji('storeconfig', ...flags);
  assert.equal(done.code, 0, done.stderr);
  assert.deepEqual(done.lines.slice(0, 3), [
    '+ entrypoints/http/address = ":8000"',
    '- entrypoints/http/compress = "true"',
    '+ lifecycle/gracetimeout = "2000000000"',
  ]);
  assert.match(done.lines.join('\n'), /# limits\.fields is left out: it is not read from a store/);
  assert.deepEqual(dry.lines.slice(0, 3), done.lines.slice(0, 3));
  assert.equal(await v3Of('frontends/f/backend'), 'b');
  const config = await tsuji('config', '--changed');
  assert.equal(config.code, 0, config.stderr);
  assert.deepEqual(
    config.lines.map((line) => line.replace(/ +/g, ' ')).filter((line) => line.startsWith('store')),
    ['store entryPoints.http = Address::8000', 'store lifeCycle.graceTimeOut = 2s'],
  );
});

test('storeconfig writes by API v2 too, and says when there is no store; config, when it does not answer', async () => {
  const [v2, none, silent] = await Promise.all([
    tsuji('storeconfig', '--v2', '--retry.attempts=4'),
    run(process.execPath, [MAIN, 'storeconfig', '--web']),
    tsuji('config', `--etcd.endpoint=127.0.0.1:${await freePort()}`, '--timeout=500ms', '--json'),
  ]);
  assert.equal(v2.code, 0, v2.stderr);
  assert.equal((await etcd.ctl(2, 'get', '/traefik/retry/attempts')).trim(), '4');
  assert.deepEqual([none.code, none.stderr], [1, 'storeconfig: there is no store to write to: give --etcd\n']);
  assert.equal(silent.code, 1);
  const { problems } = JSON.parse(silent.lines.join('\n')) as { problems: { reason: string }[] };
  assert.match(problems[0].reason, /it does not answer/);
});

test('convert keys shows what it would write, and writes it with --yes, expiring keys under leases', async () => {
  await etcd.ctl(2, 'set', '/traefik/frontends/v2/routes/r/rule', 'Host:v2.test');
  await etcd.ctl(2, 'set', '/traefik/backends/v2/servers/s/url', 'http://10.0.0.1', '--ttl', '600');
  const shown = await tsuji('convert', 'keys');
  assert.equal(shown.code, 0, shown.stderr);
  const text = shown.lines.join('\n');
  assert.match(text, /^\+ frontends\/v2\/routes\/r\/rule = "Host:v2\.test"$/m);
  assert.match(text, /# backends\/v2\/servers\/s\/url is left out: it expires in/);
  assert.match(text, /# nothing was written; with --yes these \d+ keys are/);
  assert.equal(await v3Of('frontends/v2/routes/r/rule'), '');
  const done = await tsuji('convert', 'keys', '--yes', '--expiring=lease');
  assert.equal(done.code, 0, done.stderr);
  assert.match(
    done.lines.join('\n'),
    /url = "http:\/\/10\.0\.0\.1" {2}\(lease of \d+ s\)[\s\S]*# done, as revision \d+/,
  );
  assert.equal(await v3Of('frontends/v2/routes/r/rule'), 'Host:v2.test');
  const answer = await etcd.ctl(3, 'get', '/traefik/backends/v2/servers/s/url', '-w', 'json');
  assert.match(answer, /"lease":[1-9]/);
});
