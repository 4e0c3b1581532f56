/** Lets a source ask a frontend only so often (shared/spec frontend-options §2.5), exact over all workers. */

import type { RequestHead } from '../../http/request-head.ts';
import { goDuration } from '../../kernel/durations.ts';
import { rateLimitedFault } from '../../kernel/errors.ts';
import { networkOf } from '../../kernel/ip-ranges.ts';
import { tellLimit } from '../../kernel/limit-log.ts';
import { log } from '../../kernel/log.ts';
import { monotonicMs } from '../../kernel/monotonic-clock.ts';
import { quoted } from '../../kernel/quote.ts';
import { shownSource } from '../../middlewares/header-keys.ts';
import type { RateLimitOptions } from '../../middlewares/rate-limit.ts';
import { FAMILY } from '../../shared/label-families.ts';
import { type BucketLimit, CELLS, type Rate } from '../../shared/rate-buckets.ts';
import type { WorkerContext } from '../context.ts';
import { type Foreseen, foreseenRefusal, type Middleware, type Scope } from '../middleware.ts';
import { localReply, type Reply } from '../reply.ts';
import { forwardedAddress } from './client-address.ts';

const NANOSECOND_MS = 1e-6;
const REQUESTS = 'requests of sources that ask too often: value is how often one may per second';

/** What is told to whoever asks too often: the time that one token of that rate takes. */
function refusalOf({ perTokenMs }: Rate): Reply {
  const delay = goDuration(Math.floor(perTokenMs / NANOSECOND_MS) / 1e9);
  const reply = localReply(rateLimitedFault(delay));
  const seconds = Math.max(1, Math.ceil(perTokenMs / 1000));
  return { ...reply, head: `${reply.head}\r\nRetry-After: ${seconds}\r\nX-Retry-In: ${delay}` };
}

function perSecondOf({ perTokenMs }: Rate): number {
  return Number((1000 / perTokenMs).toPrecision(3));
}

/** What one of `nodes` allows of a rate, so that all together allow `factor` times that rate (shared/spec frontend-options §3.13). */
export function shareOf({ perTokenMs, burst }: Rate, nodes: number, factor: number): Rate {
  // More than all of it is nobody's share.
  if (factor >= nodes) return { perTokenMs, burst };
  return { perTokenMs: (perTokenMs * nodes) / factor, burst: Math.max(1, Math.floor((burst * factor) / nodes)) };
}

export class RateLimit implements Middleware {
  private readonly options: RateLimitOptions;
  private readonly worker: WorkerContext;
  /** Another text for every frontend, and for the same one with other rates. */
  private readonly limit: BucketLimit;
  /** Of the whole cluster. */
  private readonly whole: readonly Rate[];
  private rates: readonly Rate[];
  private refusals: readonly Reply[];
  /** For the log. */
  private perSecond: readonly number[];
  /** That `rates` are for. */
  private nodes = 1;
  private readonly frontend: string;
  /** Where its refusals are counted. */
  private readonly refused: number;

  constructor(options: RateLimitOptions, worker: WorkerContext, frontend: string) {
    this.options = options;
    this.worker = worker;
    this.frontend = frontend;
    this.refused = worker.counts.labels.at(FAMILY.rateLimited, [frontend]);
    this.limit = worker.rateBuckets.limitOf(JSON.stringify([frontend, options.extractorFunc, options.rates]));
    this.whole = options.rates
      .map(({ periodMs, average, burst }) => ({ perTokenMs: periodMs / average, burst }))
      // As in the original: a token takes whole nanoseconds, and one that takes none limits nobody.
      .filter(({ perTokenMs }) => perTokenMs >= NANOSECOND_MS);
    this.rates = this.whole;
    this.refusals = this.rates.map(refusalOf);
    this.perSecond = this.rates.map(perSecondOf);
  }

  request(exchange: Scope, head: RequestHead): Reply | null {
    const { rateBuckets } = this.worker;
    this.followNodes();
    const refusing = rateBuckets.take(this.limit, this.sourceOf(head, exchange), this.rates, monotonicMs());
    if (rateBuckets.forgot) this.tellForgotten();
    if (refusing < 0) return null;
    const { frontend } = this;
    this.worker.counts.labels.add(this.refused);
    log.debug('request refused', { reason: 'its source asks too often', frontend });
    tellLimit({ limit: 'ratelimit', object: frontend, value: this.perSecond[refusing], what: REQUESTS });
    return this.refusals[refusing];
  }

  /** Takes no token. */
  foresee(exchange: Scope, head: RequestHead): Foreseen {
    this.followNodes();
    const { options, worker, rates } = this;
    const source = this.sourceOf(head, exchange);
    const refusing = worker.rateBuckets.foresee(this.limit, source, rates, monotonicMs());
    const shown = quoted(shownSource(options, source));
    if (refusing >= 0) {
      const text = `the source ${shown} has used up what it may ask: ${this.perSecond[refusing]} a second, ${rates[refusing].burst} at once`;
      return foreseenRefusal(text, this.refusals[refusing]);
    }
    return {
      text: `lets it on: the source ${shown} has a token left, and this takes it`,
      reply: null,
      isCertain: true,
    };
  }

  private followNodes(): void {
    const { liveNodes } = this.worker;
    if (this.options.clusterFactor > 0 && liveNodes.count !== this.nodes) this.divide(liveNodes.count);
  }

  private divide(nodes: number): void {
    this.nodes = nodes;
    this.rates = this.whole.map((rate) => shareOf(rate, nodes, this.options.clusterFactor));
    this.refusals = this.rates.map(refusalOf);
    this.perSecond = this.rates.map(perSecondOf);
  }

  private sourceOf(head: RequestHead, { client, clientAddress }: Scope): string {
    const { source, header, useXForwardedFor, ipv6Prefix } = this.options;
    if (source === 'host') return head.host;
    if (source === 'header') return head.values(header)[0] ?? '';
    const told = clientAddress ?? (useXForwardedFor ? forwardedAddress(head.forwarded.for, 1) : '');
    const address = told === '' ? client.peerAddress() : told;
    return address.includes(':') ? networkOf(address, ipv6Prefix) : address;
  }

  private tellForgotten(): void {
    this.worker.rateBuckets.forgot = false;
    const { frontend: object } = this;
    const what = 'nobody: some sources begin anew with a full bucket';
    tellLimit({ limit: 'ratelimit_sources', object, value: CELLS, what });
  }
}
