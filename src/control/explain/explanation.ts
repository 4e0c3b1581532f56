/** What `POST /api/explain` and `GET /api/ui/explain` answer (docs/explain.md tells it to people). */
import type { ExplainedLimit, ExplainedReply, ExplainedServer } from '../../protocol/explanation.ts';
import type { KeyRow } from '../keys/key-rows.ts';

/** A middleware, in the order in which the request passes them. */
export type MiddlewareAnswer = {
  readonly kind: string;
  readonly does: readonly string[];
  readonly reply: ExplainedReply | null;
  readonly certain: boolean;
  /** As far as they may be shown. */
  readonly options: object | null;
  readonly keys: readonly KeyRow[];
};

/** Why there is none. */
export type NoAnswer = { readonly reason: string };

/** Of Problem; `fix`: the value that was probably meant, '' when that is not known. */
export type Blamed = { readonly key: string; readonly state: string; readonly reason: string; readonly fix: string };

export type FrontendTry = {
  readonly name: string;
  /** Of its routes, in order of name. */
  readonly rules: readonly string[];
  readonly rank: number;
  /** The matcher that said no, '' where all match. */
  readonly no: string;
  /** What that would have taken. */
  readonly wants: readonly string[];
  /** It matches as well, and another one comes before it. */
  readonly shadowed: boolean;
};

/** Named by what they are of: each `ok` when the request goes on from there. */
export type Step = {
  readonly name: 'request' | 'entrypoint' | 'frontend' | 'middlewares' | 'backend' | 'server';
  readonly ok: boolean;
  /** One sentence. */
  readonly text: string;
  /** Of the entrypoint, the frontend or the backend. */
  readonly middlewares?: readonly MiddlewareAnswer[];
  readonly tried?: readonly FrontendTry[];
  /** Of them those that are told. */
  readonly triedInAll?: number;
  /** `reason`: why its checks, or requests to it, have failed. */
  readonly servers?: readonly (ExplainedServer & { readonly reason: string; readonly keys: readonly KeyRow[] })[];
  /** Of the backend: what its limit of requests in progress is to this one. */
  readonly limit?: ExplainedLimit | null;
  /** Servers that constraints leave out. */
  readonly leftOut?: readonly { readonly name: string; readonly url: string; readonly constraint: string }[];
  /** Keys that are to blame, since their objects are left out. */
  readonly problems?: readonly Blamed[];
  readonly keys?: readonly KeyRow[];
};

export type Explanation = {
  /** Of the table that the worker routes by. */
  readonly gen: number;
  /** One sentence. */
  readonly short: string;
  /** A server would get it. */
  readonly served: boolean;
  /** False: that depends on what only the request itself can tell; the middlewares, the breaker or the limit say on what. */
  readonly certain: boolean;
  readonly request: {
    readonly entrypoint: string;
    readonly method: string;
    readonly host: string | null;
    readonly target: string;
    readonly client: string;
  };
  readonly frontend: string;
  readonly backend: string;
  /** Of ours, null where a server answers. */
  readonly reply: ExplainedReply | null;
  readonly steps: readonly Step[];
  /** null: nothing is. */
  readonly sent: {
    readonly server: string;
    readonly url: string;
    readonly target: string;
    readonly head: string;
  } | null;
};
