/**
 * Addresses of the names in server URLs, remembered by each thread for a moment.
 *
 *     fresh ──RESOLVE_TTL_MS──▶ old ──next dial──▶ lookup in flight ──answer──▶ fresh
 *                                                     │ slower than SLOW_MS, or no name server answers
 *                                                     └▶ whoever waits gets the last known addresses
 *
 * A lookup (getaddrinfo) holds a thread of a pool that the whole process shares until its name server answers or is
 * given up, which takes many seconds. So there is one at a time per name and thread, and after a slow failure the name
 * rests for as long as the lookup took: names that nobody answers for cannot keep all threads from the others.
 */
import { lookup } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { performance } from 'node:perf_hooks';
import { TimerEntry, type TimerWheel } from './timer-wheel.ts';

/** How long an answer is used without asking again. getaddrinfo does not tell the TTL of the record. */
export const RESOLVE_TTL_MS = 2_000;
/** How long the answer "no such name" is used. */
export const RESOLVE_FAILED_TTL_MS = 1_000;
/** Whoever dials waits no longer for a lookup when there are addresses of before. */
const SLOW_MS = 1_000;
/** How long addresses are used that no name server confirms any more. */
const KEEP_MS = 600_000;
/** Beyond that many names those that nobody waits for are forgotten. */
const MAX_NAMES = 10_000;

type Callback = Parameters<LookupFunction>[2];
type Address = { readonly address: string; readonly family: number };

class ResolvedName extends TimerEntry {
  lookingUp = false;
  private readonly name: string;
  private readonly wheel: TimerWheel;
  private hints = 0;
  private waiting: Callback[] = [];
  private slow = false;
  private addresses: Address[] = [];
  private confirmedAt = 0;
  private error: NodeJS.ErrnoException | null = null;
  /** Milliseconds of performance.now(), as all times here. */
  private freshUntil = 0;

  constructor(name: string, wheel: TimerWheel) {
    super();
    this.name = name;
    this.wheel = wheel;
  }

  ask(hints: number, callback: Callback): void {
    const known = performance.now() < this.freshUntil || (this.slow && this.addresses.length > 0);
    if (known) {
      callback(this.error, this.addresses);
      return;
    }
    this.waiting.push(callback);
    if (this.lookingUp) return;
    this.hints = hints;
    this.lookUp();
  }

  private lookUp(): void {
    const startedAt = performance.now();
    this.lookingUp = true;
    this.wheel.arm(this, SLOW_MS);
    lookup(this.name, { all: true, hints: this.hints }, (error, addresses) => {
      this.lookingUp = false;
      this.slow = false;
      this.wheel.cancel(this);
      const now = performance.now();
      if (error === null) this.confirmed(addresses, now);
      else this.unconfirmed(error, now, now - startedAt);
      this.release();
    });
  }

  private confirmed(addresses: Address[], now: number): void {
    this.addresses = addresses;
    this.error = null;
    this.confirmedAt = now;
    this.freshUntil = now + RESOLVE_TTL_MS;
  }

  private unconfirmed(error: NodeJS.ErrnoException, now: number, took: number): void {
    this.freshUntil = now + Math.max(RESOLVE_FAILED_TTL_MS, took);
    // "No such name" is an answer; everything else is the lack of one, and says nothing about the server.
    if (error.code !== 'ENOTFOUND' && this.addresses.length > 0 && now - this.confirmedAt < KEEP_MS) return;
    this.addresses = [];
    this.error = error;
  }

  override expired(): void {
    this.slow = true;
    if (this.addresses.length > 0) this.release();
  }

  private release(): void {
    const waiting = this.waiting;
    this.waiting = [];
    for (const callback of waiting) callback(this.error, this.addresses);
  }
}

export class Resolver {
  private readonly wheel: TimerWheel;
  private readonly names = new Map<string, ResolvedName>();

  constructor(wheel: TimerWheel) {
    this.wheel = wheel;
  }

  /** In the place of dns.lookup, for sockets that ask for all addresses (`autoSelectFamily`). */
  readonly lookup: LookupFunction = (hostname, options, callback) => {
    let name = this.names.get(hostname);
    if (name === undefined) {
      if (this.names.size >= MAX_NAMES) this.forget();
      name = new ResolvedName(hostname, this.wheel);
      this.names.set(hostname, name);
    }
    name.ask(options.hints ?? 0, callback);
  };

  private forget(): void {
    for (const [hostname, name] of this.names) if (!name.lookingUp) this.names.delete(hostname);
  }
}
