/**
 * Keeps one server registered in etcd for as long as it runs and, if it is checked, is well; what sidekick units do by a loop of
 * their shell.
 *
 *     check ─▶ wanted keys (Wish) ─▶ place: lease and transaction (v3), or TTLs (v2), one endpoint after the other
 */
import { timerSpan } from '../../kernel/durations.ts';
import { reasonOf } from '../../kernel/errors.ts';
import { EVENTS } from '../../kernel/events.ts';
import { log } from '../../kernel/log.ts';
import { tellOwnError } from '../../kernel/own-error.ts';
import type { EtcdSettings } from '../../settings/settings.ts';
import type { ServiceNotifier } from '../service/notify.ts';
import { EndpointMemory, followEndpoints } from '../source/endpoint-loop.ts';
import { EtcdV2Place } from './etcd-v2-place.ts';
import { EtcdV3Place } from './etcd-v3-place.ts';
import { checkServer, type ServerCheckOptions } from './server-check.ts';
import type { ServerPlace } from './server-place.ts';
import { type WantedKeys, Wish } from './wish.ts';

/**
 * What becomes of the server while its check fails: its keys are taken away; or it gets `draining`, so that running sessions
 * stay; or the weight 0, which counts where tsuji runs with --allowMinWeightZero.
 */
export const WHILE_FAILING = ['remove', 'drain', 'weight'] as const;
export type WhileFailing = (typeof WHILE_FAILING)[number];

export type RegistrationOptions = {
  readonly etcd: EtcdSettings;
  readonly api: 'v2' | 'v3';
  readonly backend: string;
  readonly server: string;
  readonly url: string;
  readonly weight: number;
  /** So long the keys outlive this process, milliseconds. */
  readonly ttlMs: number;
  /** null: it is taken to be well. */
  readonly check: Omit<ServerCheckOptions, 'onVerdict'> | null;
  readonly whileFailing: WhileFailing;
  readonly notifier: ServiceNotifier;
};

/** In which the keys may be taken away at the end; else their lease or TTL does it. */
const FAREWELL_MS = 5_000;

export class Registration {
  private readonly options: RegistrationOptions;
  private readonly wish = new Wish();
  private readonly stopping = new AbortController();
  private readonly place: ServerPlace;
  private readonly foreign = new Set<string>();
  private running: Promise<unknown> = Promise.resolve();
  /** That is asked now, or was asked last. */
  private endpoint: string;
  private isRegistered = false;
  /** Why the store cannot be written, '' when it can. */
  private trouble = '';
  private failing = '';

  constructor(options: RegistrationOptions) {
    this.options = options;
    const { etcd, backend, server, ttlMs } = options;
    this.endpoint = etcd.endpoints[0];
    const Place = options.api === 'v2' ? EtcdV2Place : EtcdV3Place;
    this.place = new Place({
      etcd,
      directory: `${etcd.prefix}/backends/${backend}/servers/${server}`,
      ttlMs,
      wish: this.wish,
      onWritten: (keys) => this.written(keys),
      onForeign: (key) => this.sawForeign(key),
    });
  }

  start(): void {
    const { etcd, api, check, url } = this.options;
    const { signal } = this.stopping;
    if (check === null) this.wish.set(this.keys(''));
    else this.tell(`Waiting for the first check of ${url}`);
    const following = followEndpoints(
      etcd.endpoints,
      new EndpointMemory(),
      signal,
      (endpoint) => {
        this.endpoint = endpoint;
        return this.place.keep(endpoint, signal);
      },
      (endpoint, error) => this.lost(`etcd ${api} at ${endpoint}: ${reasonOf(error)}`),
    );
    const onVerdict = (isUp: boolean, reason: string): void => this.judged(isUp, reason);
    const checking = check === null ? null : checkServer({ ...check, onVerdict }, signal);
    this.running = Promise.all([following, checking]).catch((error: unknown) => tellOwnError('registration', error));
  }

  /** Takes the keys away, if some endpoint takes that in time. */
  async stop(): Promise<void> {
    this.options.notifier.notify({ STOPPING: '1' });
    this.stopping.abort();
    await this.running;
    const late = Promise.withResolvers<void>();
    const timer = setTimeout(late.resolve, timerSpan(FAREWELL_MS));
    await Promise.race([this.withdraw(), late.promise]);
    clearTimeout(timer);
  }

  private async withdraw(): Promise<void> {
    const { backend, server } = this.options;
    let reason = '';
    // The one that was asked last first: others may hang.
    for (const endpoint of new Set([this.endpoint, ...this.options.etcd.endpoints])) {
      try {
        await this.place.withdraw(endpoint);
        if (this.isRegistered) log.event(EVENTS.unregistered, '', { backend, server, reason: 'it ends' });
        return;
      } catch (error) {
        reason = `etcd at ${endpoint}: ${reasonOf(error)}`;
      }
    }
    log.event(EVENTS.registrationLost, '', { backend, server, reason });
  }

  /** `reason`: why it is not well, '' when it is. */
  private keys(reason: string): WantedKeys {
    const { url, weight, whileFailing } = this.options;
    if (reason !== '' && whileFailing === 'remove') return new Map();
    const shown = reason !== '' && whileFailing === 'weight' ? 0 : weight;
    const keys = new Map([
      ['url', url],
      ['weight', String(shown)],
    ]);
    if (reason !== '' && whileFailing === 'drain') keys.set('draining', 'true');
    return keys;
  }

  private judged(isUp: boolean, reason: string): void {
    const { backend, server, url } = this.options;
    if (isUp) log.event(EVENTS.serverUp, server, { backend, server, url, by: 'check' });
    else log.event(EVENTS.serverDown, server, { backend, server, url, by: 'check', reason });
    this.failing = reason;
    // Until it was well for the first time it is not there, whatever becomes of it later.
    if (isUp || this.wish.keys.size > 0) this.wish.set(this.keys(reason));
    else this.tell(`Not registered: the check fails: ${reason}`);
  }

  private written(keys: WantedKeys): void {
    const { api, backend, server, url, ttlMs, notifier } = this.options;
    const wasLost = this.trouble !== '';
    this.trouble = '';
    this.foreign.clear();
    if (keys.size > 0) {
      const weight = keys.get('weight') ?? '';
      const fields = { backend, server, url, weight, api, ttl_s: ttlMs / 1_000 };
      log.event(EVENTS.registered, '', fields, wasLost ? 'warning' : 'info');
      const state = this.failing === '' ? '' : `, while its check fails: ${this.failing}`;
      const status = `Registered as ${server} of ${backend}${state}`;
      notifier.notify(this.isRegistered ? { STATUS: status } : { READY: '1', STATUS: status });
      this.isRegistered = true;
    } else if (this.isRegistered) {
      log.event(EVENTS.unregistered, '', { backend, server, reason: this.failing });
      this.tell(`Not registered: the check fails: ${this.failing}`);
    }
  }

  private lost(reason: string): void {
    const { backend, server } = this.options;
    if (reason === this.trouble) return;
    this.trouble = reason;
    log.event(EVENTS.registrationLost, '', { backend, server, reason });
    this.tell(`Trying to register ${server} of ${backend}: ${reason}`);
  }

  private sawForeign(key: string): void {
    if (this.foreign.has(key)) return;
    this.foreign.add(key);
    const { backend, server } = this.options;
    log.event(EVENTS.registrationForeign, '', { backend, server, key });
  }

  private tell(status: string): void {
    this.options.notifier.notify({ STATUS: status });
  }
}
