/** An exchange as live tails see it: what of it may be shown, and filtered by. Nothing that is hidden can be filtered by. */
import { requestPath } from '../../access-log/request-path.ts';
import { queryNames } from '../../http/query.ts';
import { shortened } from '../../kernel/quote.ts';
import type { TailNumber, TailText } from '../../protocol/tails.ts';
import type { ExchangeRecord } from '../access-log/exchange-record.ts';
import type { Outcome } from '../exchange/outcome.ts';

const MOST_PATH = 400;
const MOST_HOST = 255;

function hiddenValues(path: string): string {
  const mark = path.indexOf('?');
  return mark < 0 ? path : path.slice(0, mark + 1) + queryNames(path.slice(mark + 1));
}

/** Hundredths of milliseconds, which a text of a duration needs no more than. */
function ms(duration: number): number {
  return Math.round(Math.max(duration, 0) * 100) / 100;
}

/** One per worker, filled for each exchange that is looked at. */
export class TailEntry {
  private outcome!: Outcome;
  private record!: ExchangeRecord;
  private entryPoint = '';
  private target = '';
  private address = '';
  private path: string | null = null;
  private showsQueries = false;

  fill(
    outcome: Outcome,
    record: ExchangeRecord,
    target: string,
    address: string,
    entryPoint: string,
    showsQueries: boolean,
  ): void {
    this.outcome = outcome;
    this.record = record;
    this.target = target;
    this.address = address;
    this.entryPoint = entryPoint;
    this.showsQueries = showsQueries;
    this.path = null;
  }

  number(of: TailNumber): number {
    const { outcome } = this;
    if (of === 'code') return outcome.status;
    return of === 'ms' ? outcome.marks.total : outcome.tries;
  }

  texts(of: TailText): readonly string[] {
    const { outcome } = this;
    switch (of) {
      case 'host':
        return [this.record.host];
      case 'path':
        return [this.shownPath()];
      case 'frontend':
        return [outcome.frontend?.name ?? ''];
      case 'backend':
        return [outcome.backend?.name ?? ''];
      case 'server':
        return [this.server()?.name ?? '', this.server()?.address ?? ''];
      case 'entrypoint':
        return [this.entryPoint];
      case 'method':
        return [outcome.method];
      case 'cause':
        return [outcome.cause];
      case 'ip':
        return [this.address];
      case 'any':
        return ['host', 'path', 'frontend', 'backend', 'server', 'ip', 'method', 'cause'].flatMap((each) =>
          this.texts(each as TailText),
        );
    }
  }

  /** As `TailLine` of src/control/admin/ui-api/shapes.ts. */
  json(): string {
    const { outcome, record } = this;
    const { marks, frontend, backend, tries, cause } = outcome;
    const waited = Math.max(marks.guard, 0) + Math.max(marks.queue, 0) + Math.max(marks.lost, 0);
    const connect = ms(marks.connect);
    const first = ms(marks.firstByte);
    const wait = ms(waited);
    return JSON.stringify({
      t: Math.round(marks.wall + marks.total),
      ms: [wait, connect, first, ms(marks.total - wait - connect - first)],
      code: outcome.status,
      m: shortened(outcome.method, 20),
      h: shortened(record.host, MOST_HOST),
      p: this.shownPath(),
      f: frontend?.name ?? null,
      b: backend?.name ?? null,
      s: this.server()?.name ?? null,
      tries,
      ip: this.address,
      e: this.entryPoint,
      cause,
    });
  }

  /** That was asked last, also when it did not answer. */
  private server() {
    const { server, marks } = this.outcome;
    return server ?? marks.failed.at(-1)?.server ?? null;
  }

  private shownPath(): string {
    if (this.path === null) {
      const path = requestPath(this.target, true);
      this.path = shortened(this.showsQueries ? path : hiddenValues(path), MOST_PATH);
    }
    return this.path;
  }
}
