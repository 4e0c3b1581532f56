import assert from 'node:assert/strict';
import test from 'node:test';
import { ModelBuilder } from '../../../src/model/build-model.ts';
import { MODEL_DEFAULTS } from '../../harness/defaults.ts';

/** Keys that are to protect a frontend with values that cannot be used; under which key, and why. */
const PROTECTIONS: readonly (readonly [key: string, value: string, under: string, reason: RegExp])[] = [
  ['basicauth', 'x', 'basicauth', /NAME:HASH/],
  ['basicauth', 'a:plain', 'basicauth', /the hash of user "a" is of no known kind/],
  ['auth/basic/users/0', 'a:b:c', 'auth/basic/users', /one colon/],
  ['auth/basic/usersfile', '/nowhere', 'auth/basic/usersfile', /there are no files here/],
  ['auth/digest/users', 'a:other:a2688e031edb4be6a3797f3882655c05', 'auth/digest/users', /must be traefik/],
  ['auth/forward/address', 'ftp://x', 'auth/forward/address', /no http or https URL/],
  ['auth/forward/trustforwardheader', 'true', 'auth/forward/address', /it is missing/],
  ['auth/basci/users', 'a:b', 'auth/basci/users', /did you mean "basic"/],
  ['auth/basic/user', 'a:b', 'auth/basic/user', /did you mean "users"/],
  ['auth/forward/tsl/ca', 'x', 'auth/forward/tsl/ca', /unknown key; a mistake here/],
  ['auth/headerfield', 'X Y', 'auth/headerfield', /no name of a field/],
  ...[
    'whitelist/sourcerang',
    'whitelist',
    'whitelist//sourcerange',
    '/whitelist/sourcerange',
    'whitelist/sourcerange/0/1',
    'whitelst/sourcerange',
    'whiteList/sourceRange',
    'whitelistsourcerange',
    'denylist/sourceranges',
    'ipstrategy/dept',
    'limits/maxrequestbody',
    'ratelimit/rateset/a/avarage',
    'ratelimits/extractorfunc',
    'jwt/issuers',
    'jwt.issuer',
    'Auth/basic/users',
    'basicauth/0/1',
    'basic-auth',
    'headers/allowedhost',
    'headers/allowedHosts/0',
    'header/allowedhosts',
  ].map((key) => [key, '10.0.0.0/8', key, /the door open/] as const),
  ...['whitelist/sourcerange', 'denylist/sourcerange', 'ipstrategy/excludedips', 'headers/allowedhosts'].flatMap(
    (list) =>
      [
        [list, ','],
        [list, ''],
        [`${list}/0`, ''],
      ].map(([key, value]) => [key, value, list, /it names nothing/] as const),
  ),
  ...[
    'whitelist/usexforwardedfor',
    'denylist/usexforwardedfor',
    'auth/basic/removeheader',
    'auth/digest/removeheader',
  ].map((key) => [key, 'yes', key, /"yes" is neither true nor false; a mistake here/] as const),
  ['denylist/status', '4o3', 'denylist/status', /"4o3" is not a whole number; a mistake here/],
  ['passtlscert', 'true', 'passtlscert', /not offered: write backends\/B\/tls/],
];

for (const [key, value, under, reason] of PROTECTIONS) {
  test(`a frontend with ${key} = ${value} is left out, never served without it`, () => {
    const builder = new ModelBuilder(MODEL_DEFAULTS);
    const { model } = builder.update([
      { key: 'backends/b/servers/s/url', value: 'http://10.0.0.1:80' },
      { key: 'frontends/open/backend', value: 'b' },
      { key: 'frontends/guarded/backend', value: 'b' },
      { key: `frontends/guarded/${key}`, value },
    ]);
    assert.deepEqual([...model.frontends.keys()], ['open']);
    const problem = model.problems.get(`/traefik/frontends/guarded/${under}`);
    assert.equal(problem?.state, 'rejected');
    assert.match(problem!.reason, reason);
  });
}

/** Keys beside each other, of which the last one is wrong. */
const TOGETHER: readonly (readonly [besides: Record<string, string>, key: string, value: string])[] = [
  ...['usexforwardedfor', 'cluster', 'ipv6prefix'].map(
    (part) =>
      [
        {
          'ratelimit/extractorfunc': 'client.ip',
          'ratelimit/rateset/a/period': '1s',
          'ratelimit/rateset/a/average': '1',
          'ratelimit/rateset/a/burst': '1',
        },
        `ratelimit/${part}`,
        'maybe',
      ] as const,
  ),
  ...['requireexp', 'optional', 'removetoken', 'allowhttp'].map(
    (part) => [{ 'jwt/secret': 'A'.repeat(43) }, `jwt/${part}`, 'maybe'] as const,
  ),
  ...[
    ['trustforwardheader', 'maybe'],
    ['preservelocationheader', 'maybe'],
    ['tls/insecureskipverify', 'maybe'],
    ['maxresponsebodybytes', '1k'],
    ['maxresponsebodybytes', '0'],
    // A client could say itself what it is to be told by the auth server.
    ['authresponseheaders', 'X User'],
    ['authresponseheadersregex', '('],
  ].map(([part, value]) => [{ 'auth/forward/address': 'http://a/' }, `auth/forward/${part}`, value] as const),
];

function serve(keys: Record<string, string>) {
  const builder = new ModelBuilder(MODEL_DEFAULTS);
  const all = { 'backends/b/servers/s/url': 'http://10.0.0.1:80', 'frontends/f/backend': 'b' };
  const changes = [
    ...Object.entries(all),
    ...Object.entries(keys).map(([key, value]) => [`frontends/f/${key}`, value] as const),
  ];
  const { model } = builder.update(changes.map(([key, value]) => ({ key, value })));
  const problems = [...model.problems.values()].map(
    ({ key, state }) => `${key.slice('/traefik/frontends/f/'.length)} ${state}`,
  );
  return { isServed: model.frontends.has('f'), problems };
}

for (const [besides, key, value] of TOGETHER) {
  test(`${key} = ${value} closes its frontend, which is served without it`, () => {
    assert.equal(serve(besides).isServed, true);
    const { isServed, problems } = serve({ ...besides, [key]: value });
    assert.equal(isServed, false);
    assert.ok(problems.includes(`${key} rejected`), problems.join());
  });
}

test('an unknown key that was not meant to protect is reported, and its frontend served', () => {
  for (const key of [
    'headers/framdeny',
    'headers/customresponseheader/X-A',
    'headers/customrequestheaders/allowedhosts/x',
    'errors/whitelist/whitelist',
    'compres',
    'prioritie',
    'comment',
    'x'.repeat(1_000),
  ]) {
    const { isServed, problems } = serve({ [key]: 'x' });
    assert.deepEqual([isServed, problems.length], [true, 1], key);
    assert.match(problems[0], / ignored$/);
  }
});

test('the directory of a section is no mistake', () => {
  assert.deepEqual(serve({ 'whitelist/': '', 'auth/basic/': '' }), { isServed: true, problems: [] });
});

test('a mistake is found among any number of keys that mean nothing, and mended by its deletion', () => {
  const builder = new ModelBuilder({
    prefix: '',
    entryPoints: ['http'],
    defaultEntryPoints: ['http'],
    allowMinWeightZero: false,
  });
  const junk = Array.from({ length: 500 }, (_, i) => ({ key: `frontends/f/a${i}`, value: 'x' }));
  const good = [
    { key: 'backends/b/servers/s/url', value: 'http://a' },
    { key: 'frontends/f/backend', value: 'b' },
  ];
  const bad = 'frontends/f/whitelst/sourcerange';
  assert.equal(builder.update([...good, ...junk, { key: bad, value: '::1' }]).model.frontends.size, 0);
  assert.equal(builder.update([{ key: bad, value: null }]).model.frontends.size, 1);
});

test('of very many mistakes some are listed and the others counted, and the last one closes the frontend as well', () => {
  const builder = new ModelBuilder({
    prefix: '',
    entryPoints: ['http'],
    defaultEntryPoints: ['http'],
    allowMinWeightZero: false,
  });
  const bad = Array.from({ length: 1_000 }, (_, i) => ({ key: `frontends/f/whitelist/x${i}`, value: '::1' }));
  const { model } = builder.update([
    { key: 'backends/b/servers/s/url', value: 'http://a' },
    { key: 'frontends/f/backend', value: 'b' },
    ...bad,
  ]);
  assert.deepEqual([model.frontends.size, model.problems.size], [0, 101]);
  assert.equal(model.problems.get('/frontends/f/')?.reason, '900 more keys are unknown');
  const gone = bad.map(({ key }) => ({ key, value: null }));
  assert.equal(builder.update(gone.slice(0, -1)).model.frontends.size, 0);
  assert.equal(builder.update(gone.slice(-1)).model.frontends.size, 1);
});

test('an auth section that lets nobody in says so of the keys that are there', () => {
  for (const keys of [{ basicauth: '' }, { 'basicauth/0': '' }, { 'auth/headerfield': 'X-User' }]) {
    const [key] = Object.keys(keys);
    assert.deepEqual(serve(keys), { isServed: true, problems: [`${key} warned`] });
  }
});
