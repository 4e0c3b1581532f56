/**
 * Servers that fail requests, as the log tells of them (shared/spec logs §3.3, `server_down` by `connect`): each once, and
 * once more when it answers and does not fail for a while. It decides nothing: health checks and ejection do.
 *
 * One that cannot be reached is down at once. One that can, and does not answer, may have trouble with one request alone: it
 * is down after a few in a row without a good answer in between.
 */
import { EVENTS } from '../../kernel/events.ts';
import { log } from '../../kernel/log.ts';
import type { Backend } from '../../model/model.ts';
import type { ServerFailed } from '../../protocol/messages.ts';
import { guarded } from '../guarded.ts';
import { type SharedServers, slottedServers } from './server-slots.ts';

const LOOK_MS = 1_000;
/** Requests without an answer in a row. */
const IN_A_ROW = 5;
/** Workers tell of further failures once a second. */
const QUIET_MS = 2_500;

type Failing = {
  readonly backend: string;
  readonly server: string;
  readonly url: string;
  by: ServerFailed['by'];
  /** What was told of it; nothing yet: it is not down. */
  readonly reasons: Set<string>;
  tries: number;
  lastWord: string;
  /** performance.now() of the last failure. */
  failedAt: number;
  /** Answers that there were until then. */
  good: number;
};

export type FailingServersOptions = {
  /** How many servers of a backend can be used, as the log says it. */
  readonly upOf: (backend: Backend) => string;
  /** One of it fails, or does not any more. */
  readonly onChange: (backend: Backend) => void;
};

export class FailingServers {
  private readonly shared: SharedServers;
  private readonly options: FailingServersOptions;
  /** By slot. */
  private readonly failing = new Map<number, Failing>();
  private timer: NodeJS.Timeout | null = null;

  constructor(shared: SharedServers, options: FailingServersOptions) {
    this.shared = shared;
    this.options = options;
  }

  /** No server is. */
  get isEmpty(): boolean {
    return this.failing.size === 0;
  }

  isDown(slot: number): boolean {
    return (this.failing.get(slot)?.reasons.size ?? 0) > 0;
  }

  /** What its last try has failed by, with the word of the system; '' where it is not down. */
  reasonOf(slot: number): string {
    const one = this.failing.get(slot);
    return one === undefined || one.reasons.size === 0 ? '' : one.lastWord;
  }

  /** Slots as in the table of the worker, which may be an older one. */
  heard({ backend: backendSlot, server: slot, by, reason, detail, tries }: ServerFailed): void {
    const { shared } = this;
    const backend = shared.model().backends.get(shared.backendSlots.nameOf(backendSlot));
    const found = backend && slottedServers(shared, backend).find((server) => server.slot === slot);
    if (backend === undefined || found === undefined) return;
    const { name: server, url } = found.server;
    const good = this.goodOf(slot);
    const now = performance.now();
    let one = this.failing.get(slot);
    one ??= { backend: backend.name, server, url, by, reasons: new Set(), tries: 0, lastWord: '', failedAt: 0, good };
    this.failing.set(slot, one);
    const isNew = one.reasons.size === 0;
    one.tries = isNew && one.good !== good ? tries : one.tries + tries;
    one.lastWord = detail === '' ? reason : `${reason}: ${detail}`;
    one.failedAt = now;
    one.good = good;
    this.timer ??= setInterval(
      guarded('failing servers', () => this.look()),
      LOOK_MS,
    ).unref();
    if (one.reasons.has(reason) || (isNew && by === 'request' && one.tries < IN_A_ROW)) return;
    if (isNew) one.by = by;
    one.reasons.add(reason);
    const fields = { backend: backend.name, server, url, by, reason, detail, fails: one.tries };
    log.event(EVENTS.serverDown, `${backend.name} ${url}`, { ...fields, up_of: this.options.upOf(backend) });
    if (isNew) this.options.onChange(backend);
  }

  /** The slot has a new name. */
  forget(slot: number): void {
    this.failing.delete(slot);
  }

  stop(): void {
    if (this.timer !== null) clearInterval(this.timer);
  }

  private look(): void {
    const now = performance.now();
    for (const [slot, one] of this.failing) {
      if (now - one.failedAt < QUIET_MS || this.goodOf(slot) === one.good) continue;
      this.failing.delete(slot);
      const { backend: name, server, url, by, reasons } = one;
      const backend = this.shared.model().backends.get(name);
      if (backend === undefined || reasons.size === 0) continue;
      const up_of = this.options.upOf(backend);
      log.event(EVENTS.serverUp, `${name} ${url}`, { backend: name, server, url, by, up_of });
      this.options.onChange(backend);
    }
    if (this.failing.size > 0 || this.timer === null) return;
    clearInterval(this.timer);
    this.timer = null;
  }

  /** Modulo 2³². */
  private goodOf(slot: number): number {
    return (this.shared.state.ended(slot) - this.shared.state.bad(slot)) >>> 0;
  }
}
