/**
 * A server of the soak's kind (soak/origin.ts) with its sidekick: a key under a lease, kept alive for as long as the sidekick
 * lives, as the units of a CoreOS cluster do it. What is known of both is kept, so that requests can be judged by it.
 */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Processes, Started } from '../processes.ts';
import { untilListening } from '../processes.ts';
import type { Store } from './store.ts';
import type { Span } from './times.ts';

const ORIGIN = join(import.meta.dirname, '../soak/origin.ts');
const LEASE_SECONDS = 5;
const KEEP_MS = 1_000;
const PREFIX = '/traefik';

export type Api = 'v2' | 'v3';
/** Why it did not answer. */
export type Absence = Span & { readonly why: 'killed' | 'stopped' };

export class Service {
  readonly name: string;
  readonly backend: string;
  readonly api: Api;
  readonly port: number;
  /** It could not answer then, or not in time. */
  readonly absences: Absence[] = [];
  /** Its key was there all the time: from the answer to a write, as long as the lease surely holds. */
  readonly surely: Span[] = [];
  /** Its key may have been there: from before a write until it was seen to be gone. */
  readonly perhaps: Span[] = [];
  /** A fault has it. */
  busy = false;
  readonly #processes: Processes;
  readonly #store: Store;
  readonly #uploads: string;
  #running: Started | null = null;
  #said = '';
  #keeping: AbortController | null = null;
  #kept: Promise<void> = Promise.resolve();

  constructor(place: { name: string; backend: string; api: Api; port: number }, processes: Processes, store: Store) {
    this.name = place.name;
    this.backend = place.backend;
    this.api = place.api;
    this.port = place.port;
    this.#processes = processes;
    this.#store = store;
    this.#uploads = join(processes.folder('chaos-uploads'), 'uploads');
  }

  get key(): string {
    return `${PREFIX}/backends/${this.backend}/servers/${this.name}/url`;
  }

  /** File with a line for each upload that it has begun to answer. */
  get uploads(): string {
    return this.#uploads;
  }

  async start(): Promise<void> {
    const args = [ORIGIN, this.name, String(this.port), this.#uploads];
    this.#running = this.#processes.start(`server ${this.name}`, null, { file: process.execPath, args });
    await untilListening(this.#running, this.port);
    this.#here();
  }

  async kill(): Promise<void> {
    this.absences.push({ from: performance.now(), to: Number.POSITIVE_INFINITY, why: 'killed' });
    this.#running!.child.kill('SIGKILL');
    await this.#running!.ended;
    this.#said += this.#running!.stdout() + this.#running!.stderr();
    this.#running = null;
  }

  /** SIGSTOP, for so long. */
  async pause(ms: number): Promise<void> {
    this.absences.push({ from: performance.now(), to: Number.POSITIVE_INFINITY, why: 'stopped' });
    this.#running!.child.kill('SIGSTOP');
    await sleep(ms);
    this.#running!.child.kill('SIGCONT');
    this.#here();
  }

  #here(): void {
    for (const absence of this.absences) if (absence.to === Number.POSITIVE_INFINITY) absence.to = performance.now();
  }

  complaints(): string {
    return this.#said + (this.#running === null ? '' : this.#running.stdout() + this.#running.stderr());
  }

  /** The sidekick begins; resolves with the first write. */
  async register(): Promise<void> {
    const keeping = new AbortController();
    this.#keeping = keeping;
    const first = Promise.withResolvers<void>();
    const keep =
      this.api === 'v3' ? this.#keepV3(keeping.signal, first.resolve) : this.#keepV2(keeping.signal, first.resolve);
    this.#kept = keep.finally(() => first.resolve());
    await first.promise;
  }

  /** The sidekick dies; its key goes when its lease has run out. */
  async abandon(): Promise<void> {
    this.#keeping?.abort();
    await this.#kept;
  }

  /** It takes its key along. */
  async deregister(): Promise<void> {
    await this.abandon();
    for (const span of this.surely) span.to = Math.min(span.to, performance.now());
    if (this.api === 'v3') await this.#store.delete(this.key);
    else await this.#store.v2('DELETE', this.key);
    this.gone(performance.now());
  }

  /** Somebody has seen, at that time, that it has no key. */
  gone(at: number): void {
    for (const span of this.perhaps) if (span.from < at) span.to = Math.min(span.to, at);
  }

  async #keepV3(signal: AbortSignal, written: () => void): Promise<void> {
    while (!signal.aborted) {
      try {
        type Grant = { ID: string };
        const grantedAt = performance.now();
        const { ID } = await this.#store.at((member) =>
          member.post<Grant>('/v3/lease/grant', { TTL: String(LEASE_SECONDS) }),
        );
        const span = this.#begin(grantedAt);
        await this.#store.put(this.key, `http://127.0.0.1:${this.port}`, ID);
        this.surely.push(span);
        span.from = performance.now();
        written();
        for (;;) {
          await sleep(KEEP_MS, undefined, { signal });
          const sentAt = performance.now();
          type Kept = { result: { TTL?: string } };
          const kept = await this.#store.at((member) => member.post<Kept>('/v3/lease/keepalive', { ID }));
          if (Number(kept.result.TTL ?? 0) <= 0) break;
          span.to = sentAt + LEASE_SECONDS * 1_000;
        }
      } catch {
        // The next lease.
      }
    }
  }

  async #keepV2(signal: AbortSignal, written: () => void): Promise<void> {
    const ttl = String(LEASE_SECONDS);
    while (!signal.aborted) {
      try {
        const sentAt = performance.now();
        const span = this.#begin(sentAt);
        await this.#store.v2('PUT', this.key, { value: `http://127.0.0.1:${this.port}`, ttl });
        this.surely.push(span);
        span.from = performance.now();
        written();
        for (;;) {
          await sleep(KEEP_MS, undefined, { signal });
          const at = performance.now();
          const status = await this.#store.v2('PUT', this.key, { refresh: 'true', prevExist: 'true', ttl });
          if (status !== 200) break;
          span.to = at + LEASE_SECONDS * 1_000;
        }
      } catch {
        // The next key.
      }
    }
  }

  /** What is written from now on may be there; surely it is from its answer on. */
  #begin(sentAt: number): { from: number; to: number } {
    const now = performance.now();
    const open = this.perhaps.at(-1);
    if (open === undefined || open.to !== Number.POSITIVE_INFINITY) {
      this.perhaps.push({ from: now, to: Number.POSITIVE_INFINITY });
    }
    return { from: now, to: sentAt + LEASE_SECONDS * 1_000 };
  }
}
