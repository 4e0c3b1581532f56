/**
 * The way of one exchange through its middlewares: which it has entered, what they keep of it, and the way back of its
 * response. Only an exchange that has any has one, and uses it again.
 */

import { ANY_NAMES } from '../../http/name-bits.ts';
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
  /** So many of `entered` count: setting the length of an array is a call into the runtime of V8. */
  private count = 0;
  private readonly entered: (Middleware | null)[] = [];
  /** What each of them keeps. */
  private readonly keeps: (object | undefined)[] = [];
  /** Of them those that have not seen the response, from the first on. */
  private unseen = 0;
  /** The last one has answered: it does not look at its own reply. */
  private answered = false;
  private plan: Plan | null = null;
  private at = 0;

  constructor(exchange: Scope) {
    this.exchange = exchange;
  }

  /** As it was made: an exchange that waits for its next request holds nothing of a table that may be gone by then. */
  reset(): void {
    this.forget(0);
    this.looksAtResponses = false;
    this.hearsOfSent = false;
    this.unseen = 0;
    this.answered = false;
    this.plan = null;
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
    const { plan, exchange } = this;
    if (plan === null) return null;
    while (this.at < plan.length) {
      const step = plan[this.at++];
      this.entered[this.count] = step;
      this.keeps[this.count++] = undefined;
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
    return this.count;
  }

  /** Those that were entered beyond `depth` have no part in it any more. */
  leave(depth: number): void {
    this.forget(depth);
    this.plan = null;
  }

  /** The last one, for which the exchange has waited, lets it on or (`answers`) has a reply. */
  resumed(answers: boolean): Middleware {
    this.answered = answers;
    return this.entered[this.count - 1]!;
  }

  keep(middleware: Middleware, value: object): void {
    this.keeps[this.placeOf(middleware)] = value;
  }

  kept(middleware: Middleware): object | undefined {
    const place = this.placeOf(middleware);
    return place < 0 ? undefined : this.keeps[place];
  }

  /** Where it was entered last, -1 when it was not. */
  private placeOf(middleware: Middleware): number {
    let place = this.count - 1;
    while (place >= 0 && this.entered[place] !== middleware) place--;
    return place;
  }

  private forget(depth: number): void {
    while (this.count > depth) {
      this.entered[--this.count] = null;
      this.keeps[this.count] = undefined;
    }
  }

  /**
   * The head of a response as they leave it, one character per byte; null when another response comes in its place. `length`:
   * of the body, below 0 where it is not known. `names`: those that its fields may have (name-bits.ts).
   */
  response(status: number, text: string, length: number, isLocal: boolean, names = ANY_NAMES): string | null {
    this.show(status, text, length, isLocal);
    responseText.names = names;
    return this.lookFirst();
  }

  /** The head that has just left them may have got bytes above 0x7F from them. */
  get addedNonAscii(): boolean {
    return responseText.nonAscii;
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
    this.entered[this.unseen]!.substituted?.(this.exchange, responseText);
    return this.look() ?? text;
  }

  private show(status: number, text: string, length: number, isLocal: boolean): void {
    responseText.status = status;
    responseText.text = text;
    responseText.names = ANY_NAMES;
    responseText.nonAscii = false;
    responseText.length = length;
    responseText.isLocal = isLocal;
    responseText.opensWebSocket = false;
  }

  private lookFirst(): string | null {
    this.unseen = this.count - (this.answered ? 1 : 0);
    return this.look();
  }

  private look(): string | null {
    while (this.unseen > 0) {
      if (this.entered[--this.unseen]!.response?.(this.exchange, responseText) === ELSEWHERE) return null;
    }
    return responseText.text;
  }

  sent(body: readonly Buffer[] | null): void {
    for (let at = 0; at < this.count; at++) this.entered[at]!.sent?.(this.exchange, body);
  }

  ended(outcome: Outcome): void {
    for (let at = this.count - 1; at >= 0; at--) this.entered[at]!.ended?.(this.exchange, outcome);
  }
}
