/** Keeps the keys of one server in etcd, by one of its APIs. */
import type { EtcdSettings } from '../../settings/settings.ts';
import type { WantedKeys, Wish } from './wish.ts';

export type ServerPlaceOptions = {
  readonly etcd: EtcdSettings;
  /** With the prefix, without a slash at its end. */
  readonly directory: string;
  /** So long the keys outlive whoever keeps them, milliseconds. */
  readonly ttlMs: number;
  readonly wish: Wish;
  /** These stand in the store now; none: the server is not there. */
  readonly onWritten: (keys: WantedKeys) => void;
  /** Somebody else has given this key another value, which is left alone. */
  readonly onForeign: (key: string) => void;
};

export interface ServerPlace {
  /** Never resolves. Rejects when that endpoint cannot be used any more, or `signal` is aborted; keys are left then. */
  keep(endpoint: string, signal: AbortSignal): Promise<never>;
  /** Takes away what this has written, and nothing that is another's. */
  withdraw(endpoint: string): Promise<void>;
}

/** An endpoint that does not answer for so long is out of reach, milliseconds. */
export const DEADLINE_MS = 5_000;
