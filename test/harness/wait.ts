/** Waiting for states instead of sleeping. `TSUJI_TEST_PATIENCE` stretches every deadline on slow machines. */

const PATIENCE = Number(process.env.TSUJI_TEST_PATIENCE ?? '1');
const LOOK_EVERY_MS = 10;

/** Resolves when `condition` is true; rejects after `ms`, saying what was waited for. */
export async function waitFor(
  condition: () => boolean | Promise<boolean>,
  what: string | (() => string),
  ms = 15_000,
): Promise<void> {
  const deadline = Date.now() + ms * PATIENCE;
  while (!(await condition())) {
    if (Date.now() > deadline)
      throw new Error(`waited ${ms} ms in vain for ${typeof what === 'string' ? what : what()}`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
}
