/**
 * The keys of session tickets, made by the clock: time is cut into periods, and each has its own key. Workers get
 *
 *     now ── next ── before        tickets are made with the first; all are accepted
 *
 * The key of the next period is there a whole period early, so that nobody meets a ticket that he cannot read, neither
 * a worker that turns a moment later nor a node whose clock is behind. A store may share the keys with other nodes.
 */

import { randomBytes } from 'node:crypto';
import { timerSpan } from '../../kernel/durations.ts';
import { reasonOf } from '../../kernel/errors.ts';
import { EVENTS } from '../../kernel/events.ts';
import { log } from '../../kernel/log.ts';
import type { TicketKey, TicketKeyRing } from '../../protocol/messages.ts';
import { attempt, guarded } from '../guarded.ts';

/** A session lives as long (SESSION_SECONDS in src/tls/tls-entrypoint.ts), so its ticket's key outlives it. */
export const TICKET_PERIOD_MS = 12 * 3600 * 1000;
export const TICKET_KEY_BYTES = 48;
const RETRY_MS = 5000;

/** Where nodes share their keys. */
export interface TicketKeyStore {
  /**
   * The key of a period: the one that is there, else `mine`, which is there from now on.
   * @throws when it cannot be asked
   */
  share(period: number, mine: TicketKey): Promise<TicketKey>;
  stop(): void;
}

export type TicketRingOptions = {
  readonly store: TicketKeyStore | null;
  readonly onRing: (ring: TicketKeyRing) => void;
  readonly periodMs?: number;
  /** Wait after the store has failed. */
  readonly retryMs?: number;
};

type Held = { key: TicketKey; shared: boolean };

export class TicketRing {
  private readonly options: TicketRingOptions;
  private readonly periodMs: number;
  private readonly held = new Map<number, Held>();
  private timer: NodeJS.Timeout | null = null;
  private stopped = false;
  private lastPeriod = -1;
  /** Why the keys are not shared; '' when they are, or need not be. */
  problem = '';

  constructor(options: TicketRingOptions) {
    this.options = options;
    this.periodMs = options.periodMs ?? TICKET_PERIOD_MS;
    this.makeKeys();
  }

  /** As it is now, newest first. */
  ring(): TicketKeyRing {
    const now = this.period();
    return [now, now + 1, now - 1].flatMap((period) => this.held.get(period)?.key ?? []);
  }

  /** From now on it turns with the clock. */
  start(): void {
    guarded('ticket keys', () => this.turn())();
  }

  stop(): void {
    this.stopped = true;
    if (this.timer !== null) clearTimeout(this.timer);
    this.options.store?.stop();
  }

  private period(): number {
    return Math.floor(Date.now() / this.periodMs);
  }

  private makeKeys(): boolean {
    const now = this.period();
    let changed = now !== this.lastPeriod;
    this.lastPeriod = now;
    for (const period of this.held.keys()) {
      if (Math.abs(period - now) > 1) this.held.delete(period);
    }
    for (const period of [now - 1, now, now + 1]) {
      // The period before has a key only if it was lived through, or if other nodes have one.
      if (this.held.has(period) || (period < now && this.options.store === null)) continue;
      this.held.set(period, { key: randomBytes(TICKET_KEY_BYTES), shared: false });
      changed = true;
    }
    return changed;
  }

  private async share(): Promise<boolean> {
    const { store } = this.options;
    if (store === null) return false;
    let changed = false;
    for (const [period, held] of this.held) {
      if (held.shared) continue;
      const key = await store.share(period, held.key);
      changed ||= Buffer.compare(key, held.key) !== 0;
      held.key = key;
      held.shared = true;
    }
    return changed;
  }

  private async turn(): Promise<void> {
    const made = this.makeKeys();
    let changed = made;
    let wait = this.periodMs - (Date.now() % this.periodMs) + 1;
    try {
      changed = (await this.share()) || made;
      if (this.problem !== '') log.event(EVENTS.ticketKeysShared, '', {});
      this.problem = '';
    } catch (error) {
      wait = this.options.retryMs ?? RETRY_MS;
      if (this.problem === '') log.event(EVENTS.ticketKeysAlone, '', { reason: reasonOf(error) });
      this.problem = reasonOf(error);
    }
    if (this.stopped) return;
    if (changed) attempt('ticket keys', () => this.options.onRing(this.ring()));
    this.timer = setTimeout(
      guarded('ticket keys', () => this.turn()),
      timerSpan(wait),
    );
    this.timer.unref();
  }
}
