/**
 * Compresses the responses of an entrypoint (shared/spec cli-api §3) or a frontend (frontend-options §3.10) for clients that
 * take it. Where both ask for it the entrypoint's wrapper does it, once, as the frontend wants it.
 */
import { withStrongForms } from '../../http/entity-tags.ts';
import type { RequestHead } from '../../http/request-head.ts';
import type { Coding } from '../../kernel/codings.ts';
import type { CompressOptions } from '../../middlewares/compress.ts';
import type { Downstream } from '../downstream.ts';
import type { Middleware, Plan, Scope, Wrapper, WrapperEvents } from '../middleware.ts';
import { CompressingDownstream } from './compressing-downstream.ts';
import { CompressionLoad } from './compression-load.ts';
import { type CompressionRules, ENTRY_POINT_RULES, FrontendRules } from './compression-rules.ts';

/** Of the worker. */
const load = new CompressionLoad();

/** What is to become of the response of one exchange. */
export class Compression {
  /** null: nothing. */
  rules: CompressionRules | null = null;
  /** What its client takes, the best first. */
  codings: readonly Coding[] = [];
  /** Values of If-None-Match as the client has sent them, null where they stand so. */
  private asked: string | null = null;

  follow(rules: CompressionRules | null, head: RequestHead): void {
    this.rules = rules;
    this.codings = rules === null ? [] : rules.codings(head);
    if (rules !== null) this.askForBoth(head);
    else if (this.asked !== null) head.setField('if-none-match', this.asked);
  }

  private askForBoth(head: RequestHead): void {
    const values = head.values('if-none-match');
    if (values.length === 0) return;
    const asked = values.join(', ');
    const both = withStrongForms(asked);
    if (both === asked) return;
    this.asked ??= asked;
    head.setField('if-none-match', both);
  }
}

export class Compress implements Middleware {
  private readonly rules: CompressionRules | null;
  /** That of the entrypoint, which does it in our place. */
  private readonly outer: Compress | null;

  constructor(rules: CompressionRules | null, outer: Compress | null) {
    this.rules = rules;
    this.outer = outer;
  }

  static ofEntryPoint(): Compress {
    return new Compress(ENTRY_POINT_RULES, null);
  }

  /** `entryPoint`: the plan of the entrypoint. null: there is nothing to do. */
  static ofFrontend(options: CompressOptions, entryPoint: Plan | null): Compress | null {
    const outer = entryPoint?.find((step) => step instanceof Compress) ?? null;
    if (!options.enabled && outer === null) return null;
    return new Compress(options.enabled ? new FrontendRules(options) : null, outer);
  }

  request(exchange: Scope, head: RequestHead): null {
    if (this.outer !== null) {
      const compression = exchange.kept(this.outer) as Compression | undefined;
      compression?.follow(this.rules, head);
      return null;
    }
    // gRPC frames and compresses its messages itself.
    if (head.isGrpc) return null;
    const compression = new Compression();
    compression.follow(this.rules, head);
    exchange.keep(this, compression);
    return null;
  }

  wrap(exchange: Scope, inner: Downstream, events: WrapperEvents): Wrapper | null {
    const compression = exchange.kept(this) as Compression | undefined;
    return compression === undefined ? null : new CompressingDownstream(inner, events, exchange, compression, load);
  }
}
