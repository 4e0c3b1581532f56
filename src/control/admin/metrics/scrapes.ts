/**
 * Pages of metrics for those who ask (shared/spec logs §4.3). A page is made once for all who ask at a time, compressed as it is
 * made. Whoever takes no gzip gets it unpacked: a small one as a whole, shared as well, a large one a piece at a time, so that it is
 * never whole in memory; few may have such a one at a time.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { timerSpan } from '../../../kernel/durations.ts';
import type { Page, PageMaker } from '../page.ts';
import { Unpacking } from '../unpacking.ts';
import { metricsPage, openMetricsPage } from './page.ts';
import type { MetricsSource } from './source.ts';

export type ScrapeLimits = {
  /** How long the making of a page may take. */
  readonly makingMs: number;
  /** Of the text of a page, up to which it is unpacked as a whole. */
  readonly wholeBytes: number;
  /** Larger ones that are unpacked at a time. */
  readonly unpackings: number;
};

const LIMITS: ScrapeLimits = { makingMs: 10_000, wholeBytes: 4 << 20, unpackings: 2 };

/** Why there is no page. */
export type Refusal = { readonly reason: string };

export class Scrapes {
  private readonly source: MetricsSource;
  private readonly maker: PageMaker;
  private readonly limits: ScrapeLimits;
  private unpacking = 0;

  constructor(source: MetricsSource, maker: PageMaker, limits: Partial<ScrapeLimits>) {
    this.source = source;
    this.maker = maker;
    this.limits = { ...LIMITS, ...limits };
  }

  /** `isOpen`: as OpenMetrics. An `Unpacking` is to be ended by whoever takes it. */
  async page(isOpen: boolean, gzips: boolean): Promise<Page | Unpacking | Refusal> {
    const page = await this.made(isOpen);
    if (page === null) return { reason: 'the page was not made in time\n' };
    if (gzips) return page;
    if (page.textBytes <= this.limits.wholeBytes) return page.unpacked();
    if (this.unpacking >= this.limits.unpackings)
      return { reason: 'others are being sent such a page; ask for gzip\n' };
    this.unpacking++;
    return new Unpacking(page, () => {
      this.unpacking--;
    });
  }

  /** null: not in time. */
  private async made(isOpen: boolean): Promise<Page | null> {
    const { source, maker, limits } = this;
    const isMade = new AbortController();
    const late = delay(timerSpan(limits.makingMs), null, { ref: false, signal: isMade.signal });
    late.catch(() => undefined);
    try {
      const text = () => (isOpen ? openMetricsPage(source) : metricsPage(source));
      return await Promise.race([maker.ask(isOpen ? 'metrics open' : 'metrics', text, true), late]);
    } finally {
      isMade.abort();
    }
  }
}
