import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { parseFlags } from '../../../src/settings/parse-flags.ts';
import type { StoredSettings } from '../../../src/settings/stored-settings.ts';

function stored(keys: Record<string, string>, ...argv: string[]): StoredSettings {
  const parsed = parseFlags(['--etcd', ...argv], {});
  if (parsed.kind !== 'run') throw new Error(parsed.kind === 'error' ? parsed.message : 'help');
  return parsed.withStored(new Map(Object.entries(keys)));
}

test('keys count more than flags, whatever their case', () => {
  const { settings, problems } = stored(
    { 'retry/attempts': '0x3', LogLevel: 'warn', 'forwardingtimeouts/dialtimeout': '2000000000', debug: '1' },
    '--logLevel=INFO',
    '--forwardingTimeouts.dialTimeout=7s',
  );
  assert.equal(settings.retryAttempts, 3);
  assert.equal(settings.logLevel, 'WARN');
  assert.equal(settings.dialTimeoutMs, 2_000);
  assert.deepEqual([...problems], []);
});

test('a duration is in nanoseconds, but may say its unit', () => {
  assert.equal(stored({ 'lifecycle/gracetimeout': '1500000' }).settings.graceTimeOutMs, 1.5);
  assert.equal(stored({ 'lifecycle/gracetimeout': '2s' }).settings.graceTimeOutMs, 2_000);
});

test('of a list the items are overwritten one by one, and a text with commas is a list', () => {
  const entryPoints = ['a', 'b', 'c'].map((name, index) => `--entryPoints=Name:${name} Address::${index + 1}`);
  const flags = [...entryPoints, '--defaultEntryPoints=a,b'];
  assert.deepEqual(stored({ 'defaultentrypoints/0': 'c' }, ...flags).settings.defaultEntryPoints, ['c', 'b']);
  assert.deepEqual(stored({ defaultentrypoints: 'c,a' }, ...flags).settings.defaultEntryPoints, ['c', 'a']);
  const many = Object.fromEntries(Array.from({ length: 11 }, (_, index) => [`rootcas/${index}`, `ca${index}`]));
  assert.equal(stored(many).settings.rootCAs?.[10], 'ca10');
});

test('an entrypoint takes the place of the one of its name, others stay, and none is made up', () => {
  const keys = {
    'entrypoints/https/address': ':443',
    'entrypoints/https/tls/certificates/0/certfile': 'a.crt',
    'entrypoints/https/tls/certificates/0/keyfile': 'a.key',
    'entrypoints/https/tls/certificates/10/certfile': 'c.crt',
    'entrypoints/https/tls/certificates/10/keyfile': 'c.key',
    'entrypoints/https/tls/certificates/9/certfile': 'b.crt',
    'entrypoints/https/tls/certificates/9/keyfile': 'b.key',
    'entrypoints/https/tls/clientca/files/0': 'ca.pem',
    'entrypoints/http/address': ':8080',
    'entrypoints/http/redirect/entrypoint': 'https',
    'entrypoints/http/whitelist/sourcerange/0': '10.0.0.0/8',
    'entrypoints/http/forwardedheaders/trustedips/0': '10.0.0.1',
    'entrypoints/http/compress': 'true',
    'defaultentrypoints/0': 'http',
    'defaultentrypoints/1': 'https',
  };
  const { settings, problems } = stored(keys);
  assert.deepEqual([...problems], []);
  assert.deepEqual(
    settings.entryPoints.map(({ name }) => name),
    ['http', 'https'],
  );
  const [http, https] = settings.entryPoints;
  assert.deepEqual([http.port, http.compress, http.redirect?.entryPoint], [8080, true, 'https']);
  assert.deepEqual(http.whiteList?.sourceRange, ['10.0.0.0/8']);
  assert.deepEqual(http.forwardedHeaders, { insecure: false, trustedIPs: ['10.0.0.1'] });
  assert.deepEqual(
    https.tls?.certificates.map(({ cert, key }) => cert + key),
    ['a.crta.key', 'b.crtb.key', 'c.crtc.key'],
  );
  assert.deepEqual(https.tls?.clientCA?.files, ['ca.pem']);

  const mixed = stored(
    { 'entrypoints/http/address': ':81' },
    '--entryPoints=Name:http Address::80 Compress:true',
    '--entryPoints=Name:x Address::82',
  ).settings.entryPoints;
  assert.deepEqual(
    mixed.map(({ name, port, compress }) => [name, port, compress]),
    [
      ['http', 81, false],
      ['x', 82, false],
    ],
  );
});

test('what is no setting, has no value or is a directory means nothing', () => {
  const { settings, problems } = stored({
    'backends/b/servers/s/url': 'http://10.0.0.1',
    'frontends/f/backend': 'b',
    'loadbalancer/x': '1',
    'tls/t/entrypoints': 'https',
    alias: '/other',
    'retry/': '',
    'retry/attempts': '',
    'api/': 'x',
  });
  assert.deepEqual([...problems], []);
  assert.equal(settings.retryAttempts, null);
  assert.equal(settings.web, null);
});

test('a bad value is said of its key, and the others count', () => {
  const { settings, problems } = stored({
    'retry/attempts': 'many',
    loglevel: 'LOUD',
    'metrics/prometheus/buckets/0': '-1',
    'forwardingtimeouts/dialtimeout': 'soon',
    'defaultentrypoints/0': 'nobody',
    'accesslog/format': 'json',
    'web/adress': ':1',
    'entrypoints/x/address': ':81',
    'entrypoints/x/addres': ':80',
    maxidleconnsperhost: '7',
  });
  assert.equal(settings.maxIdleConnsPerHost, 7);
  assert.equal(settings.logLevel, 'INFO');
  const reasons = Object.fromEntries(problems);
  assert.match(reasons['retry/attempts'], /"many" is not a whole number/);
  assert.match(reasons.loglevel, /"LOUD" is none of/);
  assert.match(reasons['metrics/prometheus/buckets/0'], /not a number above 0/);
  assert.match(reasons['forwardingtimeouts/dialtimeout'], /not a duration/);
  assert.match(reasons['accesslog/format'], /not supported yet/);
  assert.match(reasons['web/adress'], /unknown setting/);
  assert.match(reasons['entrypoints/x/addres'], /unknown setting/);
});

test('a bad entrypoint is not listened on, not even as flags have it', () => {
  const flags = [
    '--entryPoints=Name:http Address::80',
    '--entryPoints=Name:x Address::81',
    '--defaultEntryPoints=http,x',
  ];
  const { settings, problems } = stored(
    { 'entrypoints/http/address': ':80', 'entrypoints/http/whitelist/sourcerange/0': '10.0.0.0/99' },
    ...flags,
  );
  assert.deepEqual(
    settings.entryPoints.map(({ name }) => name),
    ['x'],
  );
  assert.deepEqual(settings.defaultEntryPoints, ['x']);
  assert.match(problems.get('entrypoints/http')!, /^WhiteList.SourceRange: "10.0.0.0\/99" has more bits/);
  const guarded = stored({ 'entrypoints/http/address': ':80', 'entrypoints/http/auth/basic/users/0': 'a:b' }, ...flags);
  assert.deepEqual(
    guarded.settings.entryPoints.map(({ name }) => name),
    ['x'],
  );
  assert.throws(() => stored({ 'entrypoints/http/address': 'here' }), /there is none left to listen on/);
});

test('what guards the admin pages and cannot be used closes them', () => {
  const flags = ['--web', '--entryPoints=Name:http Address::80', '--entryPoints=Name:traefik Address::9000'];
  for (const [keys, key, reason] of [
    [{ 'web/auth/basic/users/0': 'a:b' }, 'web/auth/basic/users/0', /^not supported yet, and it would not be safe/],
    [{ 'web/certfile': 'a.pem' }, 'web/certfile', /there is no --web.keyFile/],
    [{ 'api/entrypoint': 'nobody' }, 'api/entrypoint', /"nobody" is no entrypoint/],
    [
      { 'entrypoints/traefik/address': ':9000', 'entrypoints/traefik/auth/basic/users/0': 'a:b' },
      'entrypoints/traefik',
      /it would not be safe to serve without it/,
    ],
    [
      { 'entrypoints/traefik/address': ':9000', 'entrypoints/traefik/proxyprotocol/insecure': 'true' },
      'entrypoints/traefik',
      /^ProxyProtocol: tsuji's pages/,
    ],
  ] as const) {
    const { settings, problems } = stored({ ...keys, 'retry/attempts': '3' }, ...flags);
    assert.equal(settings.web, null, key);
    assert.match(problems.get(key) ?? '', reason);
    assert.equal(settings.retryAttempts, 3);
  }
  const { settings, problems } = stored(
    { 'web/certfile': 'a.pem', 'web/keyfile': 'a.key', 'retry/attempts': 'many' },
    ...flags,
  );
  assert.deepEqual(settings.web?.tls?.certificates, [{ cert: 'a.pem', key: 'a.key' }]);
  assert.deepEqual([...problems.keys()], ['retry/attempts']);
});

test('any keys give settings, or nothing to listen on', () => {
  const part = fc.constantFrom(
    ...['entrypoints', 'http', 'address', 'tls', 'certificates', '0', 'certfile', 'retry', 'attempts', 'web', 'x', ''],
    ...['defaultentrypoints', 'metrics', 'prometheus', 'buckets', 'etcd', 'endpoint', '__proto__', 'constructor'],
  );
  const key = fc.array(part, { minLength: 1, maxLength: 5 }).map((parts) => parts.join('/'));
  const value = fc.oneof(fc.constantFrom('', ':80', 'true', '1', 'http'), fc.string());
  fc.assert(
    fc.property(fc.array(fc.tuple(key, value), { maxLength: 8 }), (pairs) => {
      try {
        assert.ok(stored(Object.fromEntries(pairs)).settings.entryPoints.length > 0);
      } catch (error) {
        assert.match((error as Error).message, /there is none left to listen on/);
      }
    }),
  );
});
