/**
 * What auth servers have said yes to, of one worker. It belongs to no table, so that a change of one leaves what is remembered
 * under the same options (shared/spec frontend-options §1.2).
 */
import { hash } from 'node:crypto';
import { monotonicMs } from '../../kernel/monotonic-clock.ts';
import { Remembered } from './remembered.ts';

/** Of one answer without any text. */
const COST = 256;

/** What a yes changes: fields that the server is told, and cookies that the client gets. */
export type Yes = {
  readonly fields: readonly (readonly [name: string, lines: string])[];
  readonly cookies: readonly string[];
};
type Kept = { readonly until: number; readonly yes: Yes };

function costOf({ yes: { fields, cookies } }: Kept): number {
  const ofFields = fields.reduce((sum, [name, lines]) => sum + name.length + lines.length, COST);
  return cookies.reduce((sum, cookie) => sum + cookie.length, ofFields);
}

export class AuthAnswers {
  private readonly kept = new Remembered<Kept>(costOf);
  /** Frontends whose auth server was told not to answer. */
  readonly lost = new Set<string>();

  /** Stands for one question; `scope`: where it is asked, another text under other options. */
  static key(scope: string, question: unknown): string {
    return scope + hash('sha256', JSON.stringify(question), 'base64');
  }

  /** null: it has to be asked. */
  find(key: string): Yes | null {
    const found = this.kept.get(key);
    return found !== undefined && found.until > monotonicMs() ? found.yes : null;
  }

  /** For `ms` milliseconds. */
  remember(key: string, yes: Yes, ms: number): void {
    this.kept.set(key, { until: monotonicMs() + ms, yes });
  }
}
