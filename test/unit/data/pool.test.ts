import assert from 'node:assert/strict';
import test from 'node:test';
import type { UpstreamConnection } from '../../../src/data/upstream/connection.ts';
import { UpstreamPool } from '../../../src/data/upstream/pool.ts';
import type { UpstreamUser } from '../../../src/data/upstream/upstream.ts';

type Idle = { deadline: number; used: boolean; destroyed: boolean; use(): void; destroy(): void };

function idle(deadline: number): Idle {
  return {
    deadline,
    used: false,
    destroyed: false,
    use() {
      this.used = true;
    },
    destroy() {
      this.destroyed = true;
    },
  };
}

test('a connection whose time is over is not used, however late its timer is', () => {
  // Only what `keep` and `take` look at.
  const pool: UpstreamPool = Object.assign(Object.create(UpstreamPool.prototype), {
    idle: [],
    closed: false,
    shares: false,
    options: { maxIdleConnsPerHost: 9 },
  });
  const now = performance.now();
  const [good, over, alsoOver] = [idle(now + 60_000), idle(now - 1), idle(now - 5_000)];
  for (const each of [good, over, alsoOver]) pool.keep(each as unknown as UpstreamConnection);
  const user = {} as UpstreamUser;
  assert.equal(pool.take(user, false), good as unknown);
  assert.deepEqual(
    [good, over, alsoOver].map(({ used, destroyed }) => [used, destroyed]),
    [
      [true, false],
      [false, true],
      [false, true],
    ],
  );
  assert.equal(pool.take(user, false), null);
});
