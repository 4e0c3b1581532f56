/**
 * The way of one exchange through its middlewares: which it has entered, what they keep of it, and the way back of its
 * response. Only an exchange that has any has one.
 */
import type { RequestHead } from '../../http/request-head.ts';
import { NO_LENGTH } from '../../http/response-head.ts';
import { ResponseText } from '../../http/response-text.ts';
import { ELSEWHERE, type Middleware, type Plan, type Scope, WAITS } from '../middleware.ts';
import type { Reply } from '../reply.ts';
import type { Outcome } from './outcome.ts';

const SWITCHING_PROTOCOLS = 101;

/** Of the worker: the head that middlewares look at. */
const responseText = new ResponseText();

export class Passage {
  /** Some of those that were entered look at responses. */
  looksAtResponses = false;
  /** Some of them hear when the request is with its server. */
  hearsOfSent = false;
  private readonly exchange: Scope;
  private readonly entered: Middleware[] = [];
  /** Of them those that have not seen the response, from the first on. */
  private unseen = 0;
  /** The last one has answered: it does not look at its own reply. */
  private answered = false;
  /** A middleware, then what it keeps. */
  private readonly keeps: unknown[] = [];
  private plan: Plan | null = null;
  private at = 0;

  constructor(exchange: Scope) {
    this.exchange = exchange;
  }

  /** The next plan, from its beginning. */
  begin(plan: Plan): void {
    this.plan = plan;
    this.at = 0;
  }

  /**
   * On through the plan that has begun. `wrap`: for each middleware that may stand between the exchange and its client. null
   * when it is through, else what the last one said.
   */
  go(head: RequestHead, wrap: (step: Middleware) => void): Reply | null | typeof WAITS {
    const { plan, exchange, entered } = this;
    if (plan === null) return null;
    while (this.at < plan.length) {
      const step = plan[this.at++];
      entered.push(step);
      if (step.response !== undefined) this.looksAtResponses = true;
      if (step.sent !== undefined) this.hearsOfSent = true;
      const verdict = step.request === undefined ? null : step.request(exchange, head);
      if (verdict === WAITS) return WAITS;
      if (verdict !== null) {
        this.answered = true;
        return verdict;
      }
      if (step.wrap !== undefined) wrap(step);
    }
    this.plan = null;
    return null;
  }

  /** How many were entered. */
  get depth(): number {
    return this.entered.length;
  }

  /** Those that were entered beyond `depth` have no part in it any more. */
  leave(depth: number): void {
    this.entered.length = depth;
    this.plan = null;
  }

  /** The last one, for which the exchange has waited, lets it on or (`answers`) has a reply. */
  resumed(answers: boolean): Middleware {
    this.answered = answers;
    return this.entered.at(-1)!;
  }

  keep(middleware: Middleware, value: object): void {
    this.keeps.push(middleware, value);
  }

  kept(middleware: Middleware): object | undefined {
    const { keeps } = this;
    for (let i = keeps.length - 2; i >= 0; i -= 2) if (keeps[i] === middleware) return keeps[i + 1] as object;
    return undefined;
  }

  /**
   * The head of a response as they leave it, one character per byte; null when another response comes in its place. `length`:
   * of the body, below 0 where it is not known.
   */
  response(status: number, text: string, length: number, isLocal: boolean): string | null {
    this.show(status, text, length, isLocal);
    return this.lookFirst();
  }

  /** The same for a 101; `webSocket`: that it opens one. */
  switching(text: string, webSocket: boolean): string {
    this.show(SWITCHING_PROTOCOLS, text, NO_LENGTH, false);
    responseText.opensWebSocket = webSocket;
    return this.lookFirst() ?? text;
  }

  /** The same for the response that comes in the place of another: those that have seen the first do not see it. */
  substitute(status: number, text: string, length: number, isLocal: boolean): string {
    this.show(status, text, length, isLocal);
    this.entered[this.unseen].substituted?.(this.exchange, responseText);
    return this.look() ?? text;
  }

  private show(status: number, text: string, length: number, isLocal: boolean): void {
    responseText.status = status;
    responseText.text = text;
    responseText.length = length;
    responseText.isLocal = isLocal;
    responseText.opensWebSocket = false;
  }

  private lookFirst(): string | null {
    this.unseen = this.entered.length - (this.answered ? 1 : 0);
    return this.look();
  }

  private look(): string | null {
    while (this.unseen > 0) {
      if (this.entered[--this.unseen].response?.(this.exchange, responseText) === ELSEWHERE) return null;
    }
    return responseText.text;
  }

  sent(body: readonly Buffer[] | null): void {
    for (const step of this.entered) step.sent?.(this.exchange, body);
  }

  ended(outcome: Outcome): void {
    for (let at = this.entered.length - 1; at >= 0; at--) this.entered[at].ended?.(this.exchange, outcome);
  }
}
