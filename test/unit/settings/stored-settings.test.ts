import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { TsujiError } from '../../../src/kernel/errors.ts';
import { parseFlags } from '../../../src/settings/parse-flags.ts';
import type { StoredSettings } from '../../../src/settings/stored-settings.ts';

function stored(keys: Record<string, string>, ...argv: string[]): StoredSettings {
  const parsed = parseFlags(['--etcd', ...argv], {});
  if (parsed.kind !== 'run') throw new Error(parsed.kind === 'error' ? parsed.message : 'help');
  return parsed.withStored(new Map(Object.entries(keys)), ({ rootCAs }) => {
    if (rootCAs?.includes('missing') === true) throw new TsujiError('TEST', 'there is no file');
  });
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
    'hostresolver/cnameflattening': 'true',
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
  assert.match(reasons['hostresolver/cnameflattening'], /not supported yet/);
  assert.match(reasons['web/adress'], /unknown setting/);
  assert.match(
    reasons['entrypoints/x/addres'],
    /unknown option "addres"; did you mean address\?; .* is not listened on/,
  );
});

const FLAGS = [
  '--entryPoints=Name:http Address::80 Compress:true',
  '--entryPoints=Name:x Address::81',
  '--defaultEntryPoints=http,x',
];
const names = ({ settings }: StoredSettings): string[] => settings.entryPoints.map(({ name }) => name);

/** Keys below `entrypoints/http/`, the one that is at fault first. */
const UNUSABLE: readonly (readonly [keys: Record<string, string>, reason: RegExp])[] = [
  [{ 'redirect/entrypoint': 'nobody', address: ':80' }, /^Redirect.EntryPoint: "nobody" is no entrypoint; there is /],
  [{ 'redirect/entrypoint': 'http', address: ':80' }, /^Redirect.EntryPoint: it leads to the entrypoint itself/],
  [{ 'redirect/regex': '(', address: ':80', 'redirect/replacement': 'x' }, /^Redirect.Regex: /],
  [{ 'redirect/permanent': 'true', address: ':80' }, /^Redirect.Permanent: whereto\?/],
  [{ address: ':99999' }, /port "99999"/],
  [{ address: ':81' }, /both listen on :81/],
  [{ compress: 'perhaps', address: ':80' }, /^Compress: "perhaps" is neither/],
  [{ engine: 'go', address: ':80' }, /^Engine: "go" is neither/],
];

for (const [keys, reason] of UNUSABLE) {
  test(`${JSON.stringify(keys)} of an entrypoint is reported by its key, and what is below stays`, () => {
    const [culprit] = Object.keys(keys);
    const below = Object.fromEntries(Object.entries(keys).map(([key, value]) => [`entrypoints/http/${key}`, value]));
    const result = stored(below, ...FLAGS);
    assert.match(result.problems.get(`entrypoints/http/${culprit}`)!, reason);
    assert.match(result.problems.get('entrypoints/http')!, /^the entrypoint is as without its keys: /);
    const [http] = result.settings.entryPoints;
    assert.deepEqual(names(result), ['http', 'x']);
    assert.deepEqual([http.port, http.compress], [80, true]);
    // And where there are no flags, the entrypoint that is always there.
    assert.deepEqual(names(stored({ 'entrypoints/http/address': ':99999' })), ['http']);
  });
}

const GUARDS: readonly (readonly [keys: Record<string, string>, reason: RegExp])[] = [
  [{ 'whitelist/sourcerange/0': '10.0.0.0/99' }, /^WhiteList.SourceRange: "10.0.0.0\/99" has more bits/],
  [{ 'whitelist/sourceranges/0': '10.0.0.0/8' }, /^unknown option "whitelist\/sourceranges\/0"/],
  [{ 'auth/basic/users/0': 'a:b' }, /^Auth.basic.users.0: the hash of user "a" is of no known kind/],
  [{ 'tls/minversion': '1.3' }, /^TLS.MinVersion: "1.3" is none of/],
  [{ 'proxyprotocol/trustedips/0': 'x' }, /^ProxyProtocol.TrustedIPs: "x" is no IP/],
  [{ 'forwardedheaders/trustedips/0': 'x' }, /^ForwardedHeaders.TrustedIPs: "x" is no IP/],
];

for (const [keys, reason] of GUARDS) {
  test(`${JSON.stringify(keys)} leaves the entrypoint that it was to guard unserved, and the others alone`, () => {
    const [culprit] = Object.keys(keys);
    const below = Object.fromEntries(Object.entries(keys).map(([key, value]) => [`entrypoints/http/${key}`, value]));
    const all = { ...below, 'entrypoints/http/address': ':80' };
    const result = stored(all, ...FLAGS);
    assert.deepEqual(names(result), ['x']);
    assert.deepEqual(result.settings.defaultEntryPoints, ['x']);
    assert.match(result.problems.get(`entrypoints/http/${culprit}`)!, reason);
    assert.match(result.problems.get('entrypoints/http')!, /^the entrypoint is not listened on: /);
    // Only when nothing is left it is the end, which names the key and the reason.
    const key = new RegExp(`none left to listen on; .*"entrypoints/http/${culprit}" in the store: `);
    assert.throws(() => stored(all), key);
  });
}

test('what is guarded and has a bad address is not served at the address below, without its guard', () => {
  const keys = { 'entrypoints/http/address': 'here', 'entrypoints/http/whitelist/sourcerange/0': '10.0.0.0/8' };
  assert.deepEqual(names(stored(keys, ...FLAGS)), ['x']);
});

test('an entrypoint that leads to one that is not listened on is not either, and a line says so', () => {
  const flags = ['--entryPoints=Name:a Address::80 Redirect.EntryPoint:b', '--entryPoints=Name:b Address::81'];
  const keys = { 'entrypoints/b/address': ':81', 'entrypoints/b/tls/minversion': 'none' };
  const result = stored(keys, ...flags, '--entryPoints=Name:c Address::82', '--defaultEntryPoints=a,b,c');
  assert.deepEqual(names(result), ['c']);
  const [{ setting, origin, reason, isRefused }] = result.settings.warnings;
  assert.deepEqual([setting, origin, isRefused], ['entryPoints.a', 'flag', true]);
  assert.match(reason, /^it is not listened on: Redirect.EntryPoint: "b"/);
});

test('a file that is not there costs the setting that names it', () => {
  const { settings, problems } = stored({ 'rootcas/0': 'missing', 'retry/attempts': '3' });
  assert.deepEqual([settings.rootCAs, settings.retryAttempts], [null, 3]);
  assert.equal(problems.get('rootcas/0'), 'there is no file');
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
      /not listened on: Auth.basic.users.0: the hash of user "a" is of no known kind/,
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
