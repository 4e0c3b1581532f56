/** What is noted of the requests of a frontend (shared/spec frontend-options §3.12). Ours: as in Traefik 3. */
import { quoted } from '../kernel/quote.ts';
import type { Kind } from './kind.ts';

export type ObservabilityOptions = {
  readonly accessLogs: boolean;
  /** They count for series of backends; for those of entrypoints they always do. */
  readonly metrics: boolean;
  readonly tracing: boolean;
  /** Share of the uneventful lines of the access log, 0 to 1; null: as for all. */
  readonly sampling: number | null;
};

const NUMBER = /^(?:\d+(?:\.\d*)?|\.\d+)$/;

export const OBSERVABILITY: Kind<ObservabilityOptions> = {
  name: 'observability',
  keys: ['accesslogs', 'metrics', 'tracing', 'sampling'].map((name) => `observability/${name}`),

  parse(keys) {
    const [accessLogs, metrics, tracing] = ['accesslogs', 'metrics', 'tracing'].map((name) =>
      keys.flag(`observability/${name}`, true),
    );
    const text = keys.text('observability/sampling');
    const isShare = NUMBER.test(text) && Number(text) <= 1;
    if (text !== '' && !isShare) keys.defaulted('observability/sampling', `${quoted(text)} is no number from 0 to 1`);
    const sampling = isShare ? Number(text) : null;
    // All of it as without it.
    return accessLogs && metrics && tracing && sampling === null ? null : { accessLogs, metrics, tracing, sampling };
  },

  show({ accessLogs, metrics, tracing, sampling }) {
    return { accessLogs, metrics, tracing, ...(sampling !== null && { sampling }) };
  },
};
