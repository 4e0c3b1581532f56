import assert from 'node:assert/strict';
import test from 'node:test';
import { nearestName } from '../../../src/kernel/nearest.ts';

test('the nearest name is found, and other case is nearer than other letters', () => {
  assert.equal(nearestName('wieght', ['url', 'weight', 'tags']), 'weight');
  assert.equal(nearestName('host', ['Post', 'Host']), 'Host');
});

test('names that have little in common are not offered', () => {
  assert.equal(nearestName('zebra', ['url', 'weight', 'tags']), null);
  assert.equal(nearestName('x'.repeat(5000), ['x']), null);
  assert.equal(nearestName('url', []), null);
});
