/** Waiting for states instead of sleeping. `TSUJI_TEST_PATIENCE` stretches every deadline on slow machines. */

const PATIENCE = Number(process.env.TSUJI_TEST_PATIENCE ?? '1');
/** The first look again comes soon, since most states are only a few turns away; those that are not cost few looks. */
const FIRST_LOOK_MS = 1;
const LOOK_EVERY_MS = 15;
/** What has not changed for so long rests: longer than a turn takes, and than a process waits for a busy processor. */
const STILL_MS = 150;
/** Long: several programs may be starting at once on two cores. Only a test that fails waits so long. */
const DEADLINE_MS = 90_000;
/** For what is done at once: by a timeout of tsuji's it would not come before a minute. */
export const SOON_MS = 20_000;

/**
 * Asks `condition` every few milliseconds until it gives something truthy, and returns that. What it throws counts as
 * "not yet". After `ms` milliseconds it fails with `what` and the last error.
 */
export async function waitFor<T>(
  condition: () => T | Promise<T>,
  what: string | (() => string),
  ms = DEADLINE_MS,
): Promise<NonNullable<T>> {
  const deadline = performance.now() + ms * PATIENCE;
  let lastError = '';
  for (let pause = FIRST_LOOK_MS; ; pause = Math.min(pause * 2, LOOK_EVERY_MS)) {
    try {
      const value = await condition();
      if (value) return value;
      lastError = '';
    } catch (error) {
      lastError = `: ${error instanceof Error ? error.message : error}`;
    }
    if (performance.now() > deadline) {
      throw new Error(`after ${ms} ms still waiting for ${typeof what === 'string' ? what : what()}${lastError}`);
    }
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}

/** Until `value()` has not changed for a while, as a flow that is held up; gives it. */
export async function untilStill<T>(value: () => T | Promise<T>, what: string): Promise<T> {
  let last = await value();
  let since = performance.now();
  await waitFor(async () => {
    const now = await value();
    if (now !== last) since = performance.now();
    last = now;
    return performance.now() - since >= STILL_MS * PATIENCE;
  }, what);
  return last;
}
