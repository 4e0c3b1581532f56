/** A name for each request of a frontend (shared/spec frontend-options §3.12, logs §2.4). Ours: Traefik 1.x has no such keys. */
import { quoted } from '../kernel/quote.ts';
import { isRequestIdMode, REQUEST_ID_MODES, type RequestIdMode } from '../kernel/request-id-mode.ts';
import { canonicalName, fieldNameProblem } from './header-keys.ts';
import type { Kind } from './kind.ts';

export type RequestIdOptions = {
  /** As it is written in responses. */
  readonly header: string;
  /** The client is told as well. */
  readonly inResponse: boolean;
  /** Whose ids are kept; null: those of trusted peers. */
  readonly trust: boolean | null;
  /** null: as `--requestId` says. */
  readonly mode: RequestIdMode | null;
};

const DEFAULT_HEADER = 'X-Request-Id';

export const REQUEST_ID: Kind<RequestIdOptions> = {
  name: 'requestId',
  keys: ['header', 'response', 'trust', 'mode'].map((name) => `requestid/${name}`),

  parse(keys) {
    const text = keys.text('requestid/mode');
    const mode = isRequestIdMode(text) ? text : null;
    if (text !== '' && mode === null) {
      const modes = REQUEST_ID_MODES.join(', ');
      keys.defaulted('requestid/mode', `${quoted(text)} is none of ${modes}; it is as --requestId says`);
    }
    let header = keys.text('requestid/header') || DEFAULT_HEADER;
    const problem = header.toLowerCase() === 'host' ? 'the host is no id' : fieldNameProblem(header);
    if (problem !== '') {
      keys.defaulted('requestid/header', `${problem}; ${DEFAULT_HEADER} is used`);
      header = DEFAULT_HEADER;
    }
    const inResponse = keys.flag('requestid/response');
    const trust = keys.text('requestid/trust') === '' ? null : keys.flag('requestid/trust');
    return { header: canonicalName(header), inResponse, trust, mode };
  },

  show({ header, inResponse, trust, mode }) {
    return {
      header,
      ...(mode !== null && { mode }),
      ...(inResponse && { response: true }),
      ...(trust !== null && { trust }),
    };
  },
};
