/** Preloaded into tsuji by tests (`--import`): an unknown key has its set fetched again at once, and not once a minute at most. */
import { KeySets } from '../../src/control/key-sets/key-sets.ts';
import { KeySets as KeySetsOfWorker } from '../../src/data/auth/key-sets.ts';

const { asked } = KeySets.prototype;
KeySets.prototype.asked = function (worker, url) {
  const set = (this as unknown as { followed: Map<string, { beganAt: number }> }).followed.get(url);
  if (set !== undefined) set.beganAt = Number.NEGATIVE_INFINITY;
  asked.call(this, worker, url);
};

const { ask } = KeySetsOfWorker.prototype;
KeySetsOfWorker.prototype.ask = function (url, done) {
  (this as unknown as { askedAt: Map<string, number> }).askedAt.delete(url);
  return ask.call(this, url, done);
};
