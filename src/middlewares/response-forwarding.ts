/** How often Traefik flushes what it has of a response (shared/spec kv-schema §3.1). Here nothing waits that could go out. */
import { parseDuration } from '../kernel/durations.ts';
import { quoted } from '../kernel/quote.ts';
import type { Kind } from './kind.ts';

const INTERVAL = 'responseforwarding/flushinterval';

export const RESPONSE_FORWARDING: Kind<never> = {
  name: 'forwardingResponse',
  keys: [INTERVAL],

  parse(keys) {
    const text = keys.text(INTERVAL);
    if (text !== '' && parseDuration(text) === null) keys.ignored(INTERVAL, `${quoted(text)} is no duration`);
    else if (text !== '')
      keys.ignored(INTERVAL, 'nothing to do: every piece of a response goes out as soon as it comes');
    return null;
  },

  show: () => ({}),
};
