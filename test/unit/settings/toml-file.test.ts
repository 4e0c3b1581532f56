import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { parseFlags } from '../../../src/settings/parse-flags.ts';
import type { Settings } from '../../../src/settings/settings.ts';
import { temporaryFolder } from '../../harness/tools.ts';
import { warningTexts } from '../../harness/warnings.ts';

function fileWith(t: TestContext, text: string): string {
  const { path, remove } = temporaryFolder();
  t.after(remove);
  writeFileSync(join(path, 'traefik.toml'), text);
  return join(path, 'traefik.toml');
}

function settingsOf(argv: string[], env: NodeJS.ProcessEnv = {}): Settings {
  const parsed = parseFlags(argv, env);
  if (parsed.kind !== 'run') throw new Error(parsed.kind === 'error' ? parsed.message : 'help');
  return parsed.settings;
}

/** shared/spec cli-api §4, but for what is refused. */
const WHOLE = `
logLevel = "INFO"
defaultEntryPoints = ["http", "https"]
providersThrottleDuration = "2s"
maxIdleConnsPerHost = 100
constraints = ["tag==eu-*"]
[entryPoints]
  [entryPoints.http]
  address = ":80"
  compress = true
    [entryPoints.http.redirect]
    entryPoint = "https"
    [entryPoints.http.whiteList]
    sourceRange = ["10.0.0.0/8", "::1"]
    useXForwardedFor = false
    [entryPoints.http.forwardedHeaders]
    trustedIPs = ["10.0.0.0/8"]
  [entryPoints.https]
  address = ":443"
    [entryPoints.https.tls]
    minVersion = "VersionTLS13"
    cipherSuites = ["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"]
      [[entryPoints.https.tls.certificates]]
      certFile = "b.crt"
      keyFile = "b.key"
      [entryPoints.https.tls.clientCA]
      files = ["ca.pem"]
      optional = true
[etcd]
endpoint = "10.0.0.1:2379,10.0.0.2:2379"
useAPIV3 = true
[api]
[metrics.prometheus]
buckets = [0.1, 5.0]
[retry]
attempts = 3
[forwardingTimeouts]
dialTimeout = 7
[lifeCycle]
graceTimeOut = "1m30s"
[docker]
endpoint = "unix:///var/run/docker.sock"
  [docker.tls]
  ca = "x"
`;

test('a whole file is read', (t) => {
  const settings = settingsOf([`--configFile=${fileWith(t, WHOLE)}`]);
  assert.equal(settings.logLevel, 'INFO');
  assert.deepEqual(settings.defaultEntryPoints, ['http', 'https']);
  assert.equal(settings.providersThrottleMs, 2_000);
  assert.equal(settings.maxIdleConnsPerHost, 100);
  assert.equal(settings.constraints[0].text, 'tag==eu-*');
  assert.deepEqual(settings.etcd?.endpoints, ['10.0.0.1:2379', '10.0.0.2:2379']);
  assert.equal(settings.etcd?.useApiV3, true);
  assert.notEqual(settings.web, null);
  assert.deepEqual(settings.metrics.buckets, [0.1, 5]);
  assert.equal(settings.retryAttempts, 3);
  assert.equal(settings.dialTimeoutMs, 7_000);
  assert.equal(settings.graceTimeOutMs, 90_000);
  const [http, https] = settings.entryPoints;
  assert.deepEqual([http.port, http.compress, http.redirect?.entryPoint], [80, true, 'https']);
  assert.deepEqual(http.whiteList, { sourceRange: ['10.0.0.0/8', '::1'], useXForwardedFor: false });
  assert.deepEqual(http.forwardedHeaders, { insecure: false, trustedIPs: ['10.0.0.0/8'] });
  assert.equal(https.engine, 'tsuji');
  assert.equal(https.tls?.minVersion, 'TLSv1.3');
  assert.deepEqual(https.tls?.cipherSuites, ['ECDHE-RSA-AES128-GCM-SHA256']);
  assert.deepEqual(https.tls?.certificates, [{ cert: 'b.crt', key: 'b.key' }]);
  assert.deepEqual(https.tls?.clientCA, { files: ['ca.pem'], optional: true });
  const [docker, ...others] = settings.warnings.filter(({ setting }) => setting.includes('docker'));
  assert.deepEqual([docker.setting, docker.origin], ['docker', 'file']);
  assert.match(docker.reason, /^it is ignored: routes come from etcd .* or a folder .*Docker, Marathon, Consul/);
  assert.deepEqual(others, []);
});

test('flags and the environment win over the file, item for item', (t) => {
  const file = fileWith(t, WHOLE);
  const flags = settingsOf([
    '-c',
    file,
    '--logLevel=WARN',
    '--entryPoints=Name:x Address::81',
    '--defaultEntryPoints=x',
  ]);
  assert.deepEqual(
    flags.entryPoints.map(({ name }) => name),
    ['x'],
  );
  assert.deepEqual([flags.logLevel, flags.retryAttempts], ['WARN', 3]);
  assert.equal(settingsOf([], { TSUJI_CONFIGFILE: file, TSUJI_RETRY_ATTEMPTS: '5' }).retryAttempts, 5);
  // A section that is asked for as such has its defaults.
  assert.equal(settingsOf(['-c', file, '--retry']).retryAttempts, 0);
  assert.equal(settingsOf(['-c', file, '--retry.attempts=2']).retryAttempts, 2);
});

test('the file is found in its folder, by a variable, and in the home of the user', (t) => {
  const file = fileWith(t, 'maxIdleConnsPerHost = 9');
  const folder = file.slice(0, -'/traefik.toml'.length);
  assert.equal(settingsOf([`--configFile=${folder}`]).maxIdleConnsPerHost, 9);
  assert.equal(settingsOf(['--configFile=$CONF/traefik.toml'], { CONF: folder }).maxIdleConnsPerHost, 9);
  mkdirSync(join(folder, '.traefik'));
  writeFileSync(join(folder, '.traefik', 'traefik.toml'), 'maxIdleConnsPerHost = 8');
  assert.equal(settingsOf([], { HOME: folder }).maxIdleConnsPerHost, 8);
  const none = settingsOf([`--configFile=${folder}/other.toml`], {});
  assert.equal(none.maxIdleConnsPerHost, 200);
  assert.match(warningTexts(none.warnings).join(), /^configFile \(flag\): there is no file/);
});

const BAD: readonly (readonly [string, RegExp])[] = [
  ['a = ', /traefik.toml: Invalid TOML document.*, at line 1, column \d+: "a ="/],
  ['[web]\nx = "a:b', /at line 2, column \d+: "x = \\"…\\""/],
  ['[retry]\nattempts = "many"', /traefik.toml: retry.attempts: "many" is not a whole number/],
  ['[lifeCycle]\ngraceTimeOut = "soon"', /lifeCycle.graceTimeOut: "soon" is not a duration/],
  ['[web.auth.basic]\nusers = ["a:b"]', /web.auth.basic.* is not supported yet/],
  [
    '[entryPoints.http]\naddress = ":80"\n[entryPoints.http.auth.basic]\nusers = ["a:b"]',
    /"http": Auth.basic.users.0: the hash of user "a" is of no known kind/,
  ],
  ['[entryPoints.http]\ncompress = true', /"http": it has no address/],
  ...[
    ['whiteListt]\nsourceRange = ["10.0.0.0/8"', /unknown option "whiteListt/],
    ['whiteList]\nsourceRange = [', /WhiteList.SourceRange: it is empty/],
    ['whiteList]\nuseXForwardedFor = [true', /unknown option|it is empty/],
    ['tls.clientCA]\noptional = [', /CA: it is empty/],
    ['redirect]\nx = [', /Redirect.EntryPoint: whereto\?/],
    ['proxyProtocol]\ntrustedIPs = [', /ProxyProtocol: whom to believe\?/],
    ['auth]\nx = [', /Auth: the key ends too early/],
    ['auth.digest]\nusers = ["a:b"', /each user must be NAME:REALM:HASH/],
  ].map(
    ([text, reason]) => [`[entryPoints.http]\naddress = ":80"\n[entryPoints.http.${text}]`, reason] as [string, RegExp],
  ),
  ['[entryPoints.s]\naddress = ":1"\n[[entryPoints.s.tls.certificates]]\ncertFile = "a"', /TLS: pair 1 has no key/],
];

for (const [text, reason] of BAD) {
  test(`${JSON.stringify(text)} ends the start with its reason`, (t) => {
    const parsed = parseFlags([`--configFile=${fileWith(t, text)}`], {});
    assert.equal(parsed.kind, 'error');
    assert.match(parsed.kind === 'error' ? parsed.message : '', reason);
    assert.doesNotMatch(parsed.kind === 'error' ? parsed.message : '', /a:b/);
  });
}

test('an empty section of forwarded headers believes nobody, and clientCAFiles are always required', (t) => {
  const text = `[entryPoints.http]
address = ":80"
  [entryPoints.http.forwardedHeaders]
[entryPoints.https]
address = ":443"
  [entryPoints.https.tls]
  clientCAFiles = ["old.pem"]
    [entryPoints.https.tls.clientCA]
    files = "new.pem,other.pem"
    optional = true
[entryPoints.more]
address = ":444"
  [entryPoints.more.tls.clientCA]
  files = "new.pem,other.pem"
  optional = true
`;
  const { entryPoints, warnings } = settingsOf([`--configFile=${fileWith(t, text)}`]);
  const [http, https, more] = entryPoints;
  assert.deepEqual(http.forwardedHeaders, { insecure: false, trustedIPs: [] });
  assert.deepEqual(https.tls?.clientCA, { files: ['old.pem'], optional: false });
  assert.deepEqual(more.tls?.clientCA, { files: ['new.pem', 'other.pem'], optional: true });
  assert.match(warningTexts(warnings).join(), /entryPoints.https.CA \(file\): the older ClientCAFiles win over it/);
});

test('entrypoints of the file that flags replace are told', (t) => {
  const file = fileWith(t, '[entryPoints.http]\naddress = ":80"\n');
  const { warnings } = settingsOf(['-c', file, '--entryPoints=Name:x Address::81']);
  assert.match(
    warningTexts(warnings).join(),
    /entryPoints \(file\): those of the file are ignored, because there are --entryPoints/,
  );
});
