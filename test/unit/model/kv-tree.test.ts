/** Keys that mean nothing, by the hundred thousand: what a batch of them may cost everybody else. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { type Change, KvTree } from '../../../src/model/kv-tree.ts';

const MANY = 20_000;
/** Keys outside of all objects that are listed. */
const LISTED = 1_000;

function junk(value: string | null, from = 0, to = MANY): Change[] {
  return Array.from({ length: to - from }, (_, i) => ({ key: `junk/${1_000_000 + from + i}`, value }));
}

test('of junk that goes in one batch only what was listed, and what is listed in its place, is judged again', () => {
  const tree = new KvTree(() => false);
  tree.apply(junk('x'));
  assert.equal(tree.unlistedOthers, MANY - LISTED);
  const some = tree.apply(junk(null, 0, MANY / 2));
  assert.equal(some.others.size, 2 * LISTED);
  assert.equal(tree.unlistedOthers, MANY / 2 - LISTED);
  assert.equal(tree.other(`junk/${1_000_000 + MANY / 2}`), '');
  const all = tree.apply(junk(null, MANY / 2));
  assert.equal(all.others.size, LISTED);
  assert.equal(tree.unlistedOthers, 0);
});

test('an object of which all listed junk goes at once has the rest of it still', () => {
  const tree = new KvTree(() => false);
  const below = (changes: Change[]): Change[] =>
    changes.map(({ key, value }) => ({ key: `frontends/f/${key}`, value }));
  tree.apply(below(junk('x')));
  const listed = tree.frontends.keys('f').size;
  const unlisted = tree.frontends.unlisted('f');
  assert.equal(listed + unlisted, MANY);
  assert.deepEqual([...tree.apply(below(junk(null, 0, listed))).frontends], ['f']);
  assert.deepEqual([tree.frontends.keys('f').size, tree.frontends.unlisted('f')], [listed, unlisted - listed]);
  tree.apply(below(junk(null)));
  assert.deepEqual([...tree.frontends.names()], []);
});
