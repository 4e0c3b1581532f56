/** Counts what the authentication behind it comes to, for one frontend or entrypoint. It lets everything through. */
import type { LabelCounts } from '../../shared/label-counts.ts';
import { FAMILY } from '../../shared/label-families.ts';
import type { Outcome } from '../exchange/outcome.ts';
import type { Middleware, Scope } from '../middleware.ts';

const REFUSED: ReadonlySet<string> = new Set(['unauthorized', 'auth_refused', 'jwt_refused', 'jwt_claims']);
const FAILED: ReadonlySet<string> = new Set(['auth_error', 'auth_config', 'jwt_keys']);

export class AuthCounts implements Middleware {
  private readonly labels: LabelCounts;
  private readonly results: Readonly<Record<'ok' | 'refused' | 'error', number>>;
  private readonly seconds: number;

  /** `whose`: the names of the frontend and of the entrypoint, one of them ''; `kind`: `basic`, `digest`, `forward`, `none` or `jwt`. */
  constructor(labels: LabelCounts, whose: readonly [frontend: string, entryPoint: string], kind: string) {
    const place = (result: string): number => labels.at(FAMILY.auth, [...whose, kind, result]);
    this.labels = labels;
    this.results = { ok: place('ok'), refused: place('refused'), error: place('error') };
    this.seconds = labels.at(FAMILY.authSeconds, whose);
  }

  request(): null {
    return null;
  }

  ended(_: Scope, { cause, marks }: Outcome): void {
    const { labels, results } = this;
    // Who leaves meanwhile is neither let in nor refused.
    if (marks.guard < 0) return;
    labels.add(REFUSED.has(cause) ? results.refused : FAILED.has(cause) ? results.error : results.ok);
    labels.observe(this.seconds, FAMILY.authSeconds.bounds!, marks.guard / 1_000);
  }
}
