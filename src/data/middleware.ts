/**
 * What one option of an entrypoint or a frontend does to its requests and their responses. Middlewares stand in a plan
 * (plan.ts) and are used by all exchanges of their route; what one has to remember of an exchange it leaves with it.
 *
 *     request ──▶ first ──▶ second ──▶ third ──▶ server        each may answer itself, or let it wait
 *     client  ◀── first ◀── second ◀── third ◀── response      in the opposite order, and only those that were entered
 */
import type { RequestHead } from '../http/request-head.ts';
import type { ResponseText } from '../http/response-text.ts';
import type { Fault } from '../kernel/errors.ts';
import type { TimerWheel } from '../kernel/timer-wheel.ts';
import type { MetricsLane } from '../shared/metrics.ts';
import type { BackendView, FrontendView } from '../table/views.ts';
import type { Downstream, DownstreamEvents } from './downstream.ts';
import type { BodyPolicy } from './exchange/body-policy.ts';
import type { Outcome } from './exchange/outcome.ts';
import type { Reply } from './reply.ts';
import type { Named } from './request-ids.ts';
import type { SpoolOwner } from './spool/spool.ts';
import type { Flow, SubrequestUser } from './subrequest-user.ts';
import type { Trace } from './tracing/trace.ts';

/** The answer of `request` that comes later: by what `Scope.wait` has given. */
export const WAITS = Symbol('waits');
/** The answer of `response` after `Scope.replace`: another response comes in the place of this one. */
export const ELSEWHERE = Symbol('elsewhere');

/** Whom a request comes from. */
export type Peer = Pick<Downstream, 'peerAddress' | 'clientCertificates' | 'secure'>;

/** A request that waits. It alone: the exchange serves another request when this one has ended. */
export interface Waiting {
  /** From WAITS on its head, which may be changed; null when it waits no more, because it went on or its client has left. */
  readonly head: RequestHead | null;
  /** Not within the call that returned WAITS: null lets it go on. Does nothing for one that waits no more. */
  proceed(reply: Reply | null): void;
}

/** The exchange, as a middleware sees it. */
export interface Scope extends Named {
  /** null: it belongs to none. */
  trace: Trace | null;
  /** What a wrapper needs of its worker; a middleware is made with all of it. */
  readonly worker: { readonly wheel: TimerWheel; readonly metrics: MetricsLane } & SpoolOwner;
  /** Index. */
  readonly entryPoint: number;
  /** Null before it is routed: for the middlewares of the entrypoint. */
  readonly frontend: FrontendView | null;
  readonly client: Peer;
  /** What was asked for, before any modifier. */
  readonly clientTarget: string;
  /** Whose address counts instead of the peer's, '' for nobody's; null: the peer's. */
  clientAddress: string | null;
  /** For the access log, which is told of a body that is packed on its way; null where there is none. */
  readonly record: { packs(head: string, bytes: number): void } | null;
  /** Whom its client says to be; '' for nobody. `cause` tells whether it was believed. */
  user: string;
  /** An answer of an auth server was still known; null: none was needed. */
  authWasKnown: boolean | null;
  /** For a middleware whose `request` returns WAITS next. */
  wait(): Waiting;
  /** To a server of that backend instead of the frontend's own; only while the request comes in. */
  sendTo(backend: BackendView): void;
  /**
   * Milliseconds, 0 for ever: from its head to the end of the response, a tunnel aside; and in which some of the request's
   * body must come, in the place of `--respondingTimeouts.readTimeout`. null: as the flags say.
   */
  limitTime(totalMs: number | null, bodyMs: number | null): void;
  /** What it asks of the bodies; of a handshake it counts for nothing. */
  readonly bodies: BodyPolicy;
  /** From a wrapper that has kept all of a response back: it cannot be had, and is answered so. */
  fail(fault: Fault): void;
  /** It ends here, and a response that has begun is broken. `detail` is for the log. */
  breakOff(fault: Fault, detail: string): void;
  /**
   * Within `response`: `start` begins the request whose response counts instead, and ELSEWHERE is to be returned. False: that
   * cannot be done for this exchange, a handshake of a WebSocket.
   */
  replace(start: (user: SubrequestUser) => Flow): boolean;
  /** Remembers something of this exchange for this middleware. */
  keep(middleware: Middleware, value: object): void;
  /** What it has kept, undefined for nothing. */
  kept(middleware: Middleware): object | undefined;
}

/** Stands between an exchange and its client's side: what is written to it is written on to `inner`, changed or later. */
export interface Wrapper extends Downstream {
  /** `inner` can take more, or has sent all. */
  innerWritable(): void;
}

/** What a wrapper tells whoever writes to it. */
export type WrapperEvents = Pick<DownstreamEvents, 'downstreamWritable' | 'crash'>;

/** What a request would come to at a middleware. */
export type Foreseen = {
  readonly text: string;
  readonly reply: Reply | null;
  /** False: only the request itself can tell whether it goes on. */
  readonly isCertain: boolean;
};

export function foreseenRefusal(text: string, reply: Reply): Foreseen {
  return { text, reply, isCertain: true };
}

export interface Middleware {
  /**
   * Told to whoever asks what would become of a request, in the place of `request`, by those whose `request` counts, waits, asks
   * or takes a turn. Changes nothing but the head, as far as that can be known, and calls nobody outside of this process.
   */
  foresee?(exchange: Scope, head: RequestHead): Foreseen | Promise<Foreseen>;
  /**
   * The request comes: null lets it on, a reply answers it. `head` may be changed; it is valid only during the call. After
   * WAITS the head that goes on is that of `Waiting`.
   */
  request?(exchange: Scope, head: RequestHead): Reply | null | typeof WAITS;
  /** The head of the response, a server's or ours, before it goes out. `response` is valid only during the call. */
  response?(exchange: Scope, response: ResponseText): typeof ELSEWHERE | undefined;
  /** After ELSEWHERE: the head of the response that comes instead, before those that were entered earlier see it. */
  substituted?(exchange: Scope, response: ResponseText): void;
  /**
   * The request has gone to a server, body and all; never for an upgrade. `body`: what `copyRequest` has asked for, null
   * for a longer one.
   */
  sent?(exchange: Scope, body: readonly Buffer[] | null): void;
  /** Right after `request` has let it on. null: not for this exchange. */
  wrap?(exchange: Scope, inner: Downstream, events: WrapperEvents): Wrapper | null;
  /** It is over: once for each whose `request` was called. */
  ended?(exchange: Scope, outcome: Outcome): void;
}

/** What a frontend tells those who read its responses, whoever has sent them. */
export interface ResponseFields {
  /**
   * A page has come in the place of a response: it gets the fields of one. `head`: the request as it came to the error pages;
   * whether it has come here as well does not matter.
   */
  page(exchange: Scope, head: RequestHead, response: ResponseText): void;
}

/** In the order in which requests pass them; at least one. */
export type Plan = readonly Middleware[];
