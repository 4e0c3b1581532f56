/** May traffic be sent to this tsuji? Not while it cannot serve any; and better not before it has routes to go by. */
import type { ControlView } from '../view.ts';

/** Why it serves nobody, one line; '' when it does: what `/ping` tells, whatever was loaded, as Traefik's (cli-api §5.2). */
export function whyNotServing(view: ControlView): string {
  if (view.draining()) return 'draining';
  return view.workers().every(({ state }) => state !== 'serving') ? 'no worker is serving' : '';
}

/** Why it is not ready, one line; '' when it is. */
export function whyNotReady(view: ControlView): string {
  return whyNotServing(view) || view.loaded().reason;
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
