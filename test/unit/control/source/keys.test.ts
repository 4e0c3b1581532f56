import assert from 'node:assert/strict';
import test from 'node:test';
import { rangeBelow } from '../../../../src/control/source/etcd-v3.ts';
import { relativeKey } from '../../../../src/control/source/keys.ts';

test('a key below the prefix is named without prefix and slash', () => {
  assert.equal(relativeKey('/traefik', '/traefik/backends/b/servers/s/url'), 'backends/b/servers/s/url');
  assert.equal(relativeKey('', '/backends/b'), 'backends/b');
});

test('the prefix itself, neighbours of it and locks are no keys', () => {
  for (const key of ['/traefik', '/traefik/', '/traefik2/a', '/traefik_configurations/a', 'traefik/a', '/other/a']) {
    assert.equal(relativeKey('/traefik', key), null, key);
  }
  assert.equal(relativeKey('/traefik', '/traefik/backends___lock'), null);
  assert.equal(relativeKey('/traefik', '/traefik/a/___lock/b'), null);
});

test('the range of a prefix holds what is below it and none of its neighbours', () => {
  const { start, end } = rangeBelow('/traefik');
  const inside = (key: string) => Buffer.from(key).compare(start) >= 0 && Buffer.from(key).compare(end) < 0;
  assert.ok(inside('/traefik/a'));
  assert.ok(inside('/traefik/\u{10ffff}'));
  assert.ok(!inside('/traefik'));
  assert.ok(!inside('/traefik0'));
  assert.ok(!inside('/traefik-2/a'));
});
