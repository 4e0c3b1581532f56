/** What a request of our own (subrequest.ts) tells whoever began it, and what that one may tell it. */
import type { ResponseHead } from '../http/response-head.ts';
import type { Fault } from '../kernel/errors.ts';

export interface SubrequestUser {
  /** `head` and its body's `framing` (response-parser.ts); valid only during the call. */
  subrequestAnswered(head: ResponseHead, framing: number): void;
  /** `chunk` is valid only during the call. */
  subrequestBody(chunk: Uint8Array): void;
  subrequestEnded(): void;
  /** There is no answer, or no whole one. Nothing follows. */
  subrequestFailed(fault: Fault, detail: string): void;
}

/** The response of a request of our own, on its way. */
export interface Flow {
  /** Stops and restarts its body. */
  pause(): void;
  resume(): void;
  /** Nobody has an interest in it any more: its user hears nothing more. */
  cancel(): void;
}
