/** The load balancer keys of a backend: kv-schema §3.1, §3.4, §4.2 and §14. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { ProblemList } from '../../../src/kernel/problems.ts';
import {
  type BalancingKeys,
  derivedCookieName,
  readBalancing,
  safeCookieName,
} from '../../../src/model/balancing-keys.ts';
import { buildBackend } from '../../../src/model/build-backend.ts';

function read(keys: BalancingKeys) {
  const problems = new ProblemList('');
  const value = readBalancing('backend', keys, problems);
  return { ...value, problems: problems.list.map(({ key, reason }) => `${key}: ${reason}`) };
}

test('the cookie of a backend is named by its own name', () => {
  assert.equal(derivedCookieName('backend'), '_76eb3');
  assert.equal(derivedCookieName('backend1'), '_73be0');
  assert.equal(derivedCookieName('/my/BACKEND-v1.0~rc1'), '_5f7bc');
  assert.equal(safeCookieName('/my/BACKEND-v1.0~rc1'), '_my_BACKEND-v1.0~rc1');
  assert.equal(safeCookieName('a=b;c,é 😀'), 'a_b_c____');
});

test('stickiness wins over the older sticky, which has a fixed name', () => {
  assert.equal(read({}).sticky, undefined);
  assert.deepEqual(read({ stickiness: 'true', sticky: 'true' }).sticky, {
    cookie: '_76eb3',
    cookieName: '',
    secure: false,
    httpOnly: false,
    sameSite: '',
    deprecated: false,
  });
  const old = read({ sticky: 'true' }).sticky!;
  assert.deepEqual([old.cookie, old.deprecated], ['_TRAEFIK_BACKEND', true]);
  assert.equal(read({ sticky: 'true', stickiness: 'false' }).sticky?.cookie, '_TRAEFIK_BACKEND');
});

test('cookie keys alone switch stickiness on, because etcd v2 has no value beside children', () => {
  const sticky = read({ cookieName: 's/1', cookieSecure: '1', cookieHttpOnly: 'T', cookieSameSite: 'lax' }).sticky!;
  assert.deepEqual([sticky.cookie, sticky.secure, sticky.httpOnly, sticky.sameSite], ['s_1', true, true, 'lax']);
  assert.equal(read({ cookieName: 's', stickiness: 'false' }).sticky, undefined);
});

test('what is no value of a key gets its default and a reason', () => {
  const bad = read({ stickiness: 'yes', method: 'hash', hashKey: 'request.body', hashBound: '99', slowStart: 'soon' });
  assert.equal(bad.sticky, undefined);
  assert.deepEqual(bad.hash, { key: 'client.ip', bound: 125 });
  assert.equal(bad.slowStartMs, undefined);
  assert.deepEqual(bad.problems.sort(), [
    'loadbalancer/hash/bound: 99 is neither 0 nor between 101 and 100000; 125 is used',
    'loadbalancer/hash/key: "request.body" is none of client.ip, request.host, request.uri, request.path, ' +
      'request.header.<Name>, request.cookie.<Name>; client.ip is used',
    'loadbalancer/stickiness: "yes" is neither true nor false; false is used',
    'slowstart: "soon" is no duration, such as 30s; new servers get their full share at once',
  ]);
  const cookie = read({ stickiness: '1', cookieSameSite: 'Lax', ejectionFailures: '-1' });
  assert.equal(cookie.sticky?.sameSite, '');
  assert.equal(cookie.ejectionFailures, undefined);
  assert.equal(cookie.problems.length, 2);
});

test('the keys of hash, slow start and ejection', () => {
  const read1 = read({
    method: 'HASH',
    hashKey: 'request.cookie.SID',
    hashBound: '0',
    slowStart: '90',
    ejectionFailures: '0',
  });
  assert.deepEqual(read1, {
    method: 'hash',
    hash: { key: 'request.cookie.SID', bound: 0 },
    slowStartMs: 90_000,
    ejectionFailures: 0,
    problems: [],
  });
  assert.equal(read({ slowStart: '1m30s' }).slowStartMs, 90_000);
  // Only with its method.
  assert.equal(read({ hashKey: 'request.uri' }).hash, undefined);
});

test('a server drains when its key says so', () => {
  const keys = new Map([
    ['servers/a/url', 'http://a'],
    ['servers/a/draining', 'true'],
    ['servers/b/url', 'http://b'],
    ['servers/b/draining', 'soon'],
  ]);
  const others = { backendLack: () => '', keyOf: () => '', readFile: () => ({ text: '', problem: '' }) };
  const built = buildBackend('b', keys, { prefix: '', allowMinWeightZero: false, constraints: [] }, others);
  assert.deepEqual(
    built.value!.servers.map(({ draining }) => draining),
    [true, undefined],
  );
  assert.deepEqual(
    built.problems.map(({ key }) => key),
    ['/backends/b/servers/b/draining'],
  );
});
