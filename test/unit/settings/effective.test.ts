import assert from 'node:assert/strict';
import test from 'node:test';
import { effectiveSettings } from '../../../src/settings/effective.ts';
import { parseFlags } from '../../../src/settings/parse-flags.ts';
import { storedForm } from '../../../src/settings/stored-form.ts';

function run(argv: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const parsed = parseFlags(argv, env);
  if (parsed.kind !== 'run') throw new Error(JSON.stringify(parsed));
  return parsed;
}

/** `origin value`, by name. */
function shown(argv: readonly string[], env: NodeJS.ProcessEnv = {}, keys: Record<string, string> = {}) {
  const { given, settings } = run(argv, env).withStored(new Map(Object.entries(keys)), () => {});
  return new Map(effectiveSettings(given, settings).map(({ name, value, origin }) => [name, `${origin} ${value}`]));
}

test('each setting has its value, and where it was written', () => {
  const all = shown(
    ['--web', '--etcd.endpoint=a:1,b:2', '--entryPoints=Name:http Address::80'],
    { TSUJI_WORKERS: '3', OTEL_SERVICE_NAME: 'x' },
    { 'retry/attempts': '4', 'entrypoints/more/address': ':81' },
  );
  const told = Object.entries({
    web: 'flag true',
    etcd: 'flag true',
    'etcd.endpoint': 'flag a:1,b:2',
    workers: 'environment 3',
    'retry.attempts': 'store 4',
    retry: 'store true',
    'entryPoints.http': 'flag Address::80',
    'entryPoints.more': 'store Address::81',
    logLevel: 'default INFO',
    'web.address': 'default 127.0.0.1:8080',
    'etcd.tls': 'default false',
    OTEL_SERVICE_NAME: 'environment x',
  });
  for (const [name, text] of told) assert.equal(all.get(name), text, name);
});

test('no secret is among them', () => {
  const secret = 'sesame';
  const pem = `-----BEGIN CERTIFICATE-----\n${secret}\n-----END CERTIFICATE-----`;
  const hash = '$apr1$H6uskkkW$IgXLP6ewTrSuBkTrqE8wj/';
  const flags = [
    '--etcd.username=ann',
    `--etcd.password=${secret}`,
    `--etcd.tls.key=${pem}`,
    `--tracing.otlp.http.headers=a=${secret}`,
    `--tracing.otlp.http.headers.Authorization=${secret}`,
    `--entryPoints=Name:x Address::80 Auth.Basic.Users:ann:${hash}`,
  ];
  const env = { OTEL_EXPORTER_OTLP_HEADERS: `a=${secret}` };
  const all = shown(flags, env, {
    'entrypoints/y/address': ':81',
    'entrypoints/y/auth/basic/users/0': `bob:${hash}`,
    'entrypoints/y/auth/basic/users/1': `eve:${hash}`,
  });
  const text = [...all].join('\n');
  assert.equal(text.includes(secret) || text.includes(hash), false, text);
  assert.equal(all.get('etcd.password'), 'flag (set)');
  assert.equal(all.get('etcd.tls.key'), 'flag (set)');
  assert.match(all.get('entryPoints.x')!, /Auth\.Basic\.Users:\(set\)/);
  assert.match(all.get('entryPoints.y')!, /Auth\.Basic\.Users:\(set\),\(set\)/);
});

test('what is written into a store is read from there as it was', () => {
  const hash = '$apr1$H6uskkkW$IgXLP6ewTrSuBkTrqE8wj/';
  for (const flags of [
    ['--web', '--retry', '--debug', '--ping'],
    ['--lifeCycle.graceTimeOut=1m30s', '--providersThrottleDuration=300ms', '--constraints=tag==a,tag!=b'],
    ['--accessLog', '--accessLog.filters.statusCodes=404,500-599', '--traefikLog.format=json', '--etcd.watch=false'],
    ['--accessLog', '--metrics.prometheus', '--api.dashboard=false', '--keepTrailingSlash=T', '--retry.attempts=0x3'],
    [
      `--entryPoints=Name:http Address::80 Compress:on Redirect.EntryPoint:s Auth.Basic.Users:a:${hash},b:${hash}`,
      '--entryPoints=Name:s Address::443 TLS:a.pem,a.key;b.pem,b.key TLS.CipherSuites:TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 Engine:tsuji',
      '--entryPoints=Name:t Address::444 TLS WhiteList.SourceRange:10.0.0.0/8,1.2.3.4 ProxyProtocol.TrustedIPs:10.0.0.1',
      '--defaultEntryPoints=http,s',
    ],
  ]) {
    const wanted = run(['--etcd', ...flags]);
    const { keys, leftOut } = storedForm(wanted.given);
    assert.deepEqual([...leftOut.keys()], [], flags.join(' '));
    const { settings, problems } = run(['--etcd']).withStored(keys, () => {});
    assert.deepEqual([...problems], [], flags.join(' '));
    assert.deepEqual(
      { ...settings, origins: null, warnings: null },
      { ...wanted.settings, origins: null, warnings: null },
      flags.join(' '),
    );
  }
});

test('what says where the store is, and what is not read from one, is left out and told', () => {
  const { given } = run(['--etcd.endpoint=a:1', '--etcd.password=x', '--limits.fields=50', '--hostResolver', '--web']);
  const { keys, leftOut } = storedForm(given);
  assert.deepEqual([...keys.keys()], ['web/path']);
  assert.deepEqual([...leftOut.keys()].sort(), ['etcd.endpoint', 'etcd.password', 'hostResolver', 'limits.fields']);
});
