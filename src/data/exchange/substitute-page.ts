/**
 * The response of a request of our own that comes in the place of the server's, or of ours: it goes out under the status of
 * the one that it stands for. An exchange has one only while it is under way.
 */
import { NO_LENGTH, type ResponseHead } from '../../http/response-head.ts';
import { BODY_LENGTH } from '../../http/response-parser.ts';
import type { Fault } from '../../kernel/errors.ts';
import { localReply, reasonPhrase } from '../reply.ts';
import type { Flow, SubrequestUser } from '../subrequest-user.ts';
import { sendable } from './outgoing-response.ts';
import type { Passage } from './passage.ts';

/** The exchange whose response it is. */
export interface SubstitutedExchange {
  readonly response: { readonly isBegun: boolean };
  /** Its response has no body, whatever comes. */
  readonly isBodiless: boolean;
  /** `text`: the head as it goes to the client, of a body that is framed as `framing` and `head` say. */
  hasAnswer(head: ResponseHead, text: string | Uint8Array, framing: number): void;
  responseBody(chunk: Uint8Array): void;
  responseEnd(trailers: string): void;
  /** A whole response; `length`: of the body, also where that may not be sent, or NO_LENGTH. */
  sendReply(text: string, body: string | Uint8Array, length: number, closes: boolean): void;
  breakOff(fault: Fault, detail: string): void;
}

export class SubstitutePage implements SubrequestUser, Flow {
  private readonly exchange: SubstitutedExchange;
  private readonly passage: Passage;
  private readonly status: number;
  /** Its request; null before it has begun and when nobody waits for it any more. */
  private flow: Flow | null = null;

  /** `status`: of the response that it stands for, which was seen by those of `passage` that see it no more. */
  constructor(exchange: SubstitutedExchange, passage: Passage, status: number) {
    this.exchange = exchange;
    this.passage = passage;
    this.status = status;
  }

  /** `start`: begins its request. */
  begin(start: (user: SubrequestUser) => Flow): void {
    this.flow = start(this);
  }

  pause(): void {
    this.flow?.pause();
  }

  resume(): void {
    this.flow?.resume();
  }

  cancel(): void {
    this.flow?.cancel();
    this.flow = null;
  }

  subrequestAnswered(head: ResponseHead, framing: number): void {
    const { passage, status, exchange } = this;
    const seen = passage.substitute(status, this.headOf(head.text), head.contentLength, false);
    if (!exchange.isBodiless) {
      exchange.hasAnswer(head, sendable(seen, head.nonAscii || passage.addedNonAscii), framing);
      return;
    }
    // The page was asked for by a GET, and our request may have been another.
    this.cancel();
    exchange.sendReply(seen, '', framing === BODY_LENGTH && status !== 204 ? head.contentLength : NO_LENGTH, false);
  }

  subrequestBody(chunk: Uint8Array): void {
    this.exchange.responseBody(chunk);
  }

  subrequestEnded(): void {
    this.exchange.responseEnd('');
  }

  /** Its own answer goes out under the status of the one that it was to stand for. */
  subrequestFailed(fault: Fault): void {
    const { exchange, status } = this;
    if (exchange.response.isBegun) {
      exchange.breakOff(fault, 'an error page');
      return;
    }
    const { body, length, head } = localReply(fault);
    exchange.sendReply(this.passage.substitute(status, this.headOf(head), length, true), body, length, false);
  }

  /** `text`, another head, with our status. */
  private headOf(text: string): string {
    const lineEnd = text.indexOf('\r\n');
    return `${this.status} ${reasonPhrase(this.status)}${lineEnd < 0 ? '' : text.slice(lineEnd)}`;
  }
}
