import assert from 'node:assert/strict';
import test from 'node:test';
import { fingerprint } from '../../../src/kernel/health-name.ts';

const RUN = ['--web', '--etcd', '--etcd.endpoint=10.0.0.1:2379', '--entryPoints=Name:http Address::80', '-cfile.toml'];
const same = (flags: readonly string[], env: NodeJS.ProcessEnv = {}): boolean =>
  fingerprint(flags, env) === fingerprint(RUN, {});

test('a tsuji is known by what sets it apart: not by the order of flags, their case, or what else there is', () => {
  assert.ok(same(RUN.toReversed()));
  assert.ok(
    same(['--ETCD.Endpoint=10.0.0.1:2379', '--entrypoints=address::80 Name:http Compress:true', '-c', 'file.toml']),
  );
  assert.ok(same([...RUN, '--logLevel=DEBUG', '--etcd.password=secret']));
  assert.ok(same([...RUN.slice(0, 4), '--configFile=file.toml']));
});

test('environment and flags say the same, and flags win', () => {
  const env = { TSUJI_ETCD_ENDPOINT: '10.0.0.1:2379', TSUJI_CONFIGFILE: '' };
  assert.ok(
    same(
      RUN.filter((flag) => !flag.includes('endpoint')),
      env,
    ),
  );
  assert.ok(same(RUN, { TSUJI_ETCD_ENDPOINT: 'other:1' }));
});

test('another store, another address or another file is another tsuji', () => {
  for (const [is, was] of [
    ['--etcd.endpoint=10.0.0.2:2379', '--etcd.endpoint=10.0.0.1:2379'],
    ['--entryPoints=Name:http Address::81', '--entryPoints=Name:http Address::80'],
    ['-cother.toml', '-cfile.toml'],
  ]) {
    assert.equal(same(RUN.map((flag) => (flag === was ? is : flag))), false, is);
  }
  assert.equal(same([...RUN, '--folder=f']), false);
});

test('passwords of an entrypoint leave no trace in it', () => {
  const guarded = 'Name:http Address::80 Auth.Basic.Users:a:$apr1$x';
  assert.ok(same([...RUN.filter((flag) => !flag.startsWith('--entry')), `--entryPoints=${guarded}`]));
});
