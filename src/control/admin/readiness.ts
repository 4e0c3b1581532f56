/** Is this tsuji ready for traffic? Not before it has routes to go by, and not from SIGTERM on. */
import type { ControlView } from '../view.ts';

/** Why it is not, one line; '' when it is. */
export function whyNotReady(view: ControlView): string {
  if (view.draining()) return 'draining';
  if (view.workers().every(({ state }) => state !== 'serving')) return 'no worker is serving';
  return view.loaded().reason;
}

/** What whoever asks whether it is ready had better know as well, a line each; '' for nothing. */
export function whatIsOld(view: ControlView): string {
  return view
    .sources()
    .filter(({ remembered }) => remembered === true)
    .map(({ name, revision, confirmedAt }) => {
      const since = new Date(confirmedAt).toISOString();
      return `${name} does not answer: its routes are those of a snapshot, revision ${revision}, last confirmed ${since}\n`;
    })
    .join('');
}
