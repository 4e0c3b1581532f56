/** Is this tsuji ready for traffic? Not before it has routes to go by, and not from SIGTERM on. */
import type { ControlView } from '../view.ts';

/** Why it is not, one line; '' when it is. */
export function whyNotReady(view: ControlView): string {
  if (view.draining()) return 'draining';
  if (view.workers().every(({ state }) => state !== 'serving')) return 'no worker is serving';
  return view.loaded().reason;
}
