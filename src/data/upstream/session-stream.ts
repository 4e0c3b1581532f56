/** A stream of HTTP/2, as what comes and goes over the connection of its session knows it. */

import type { ResponseHead } from '../../http/response-head.ts';
import type { ResponseBlock } from '../../http2/response-block.ts';
import type { ReceiveWindow } from '../../http2/windows.ts';
import type { Fault } from '../../kernel/errors.ts';
import type { UpstreamUser } from './upstream.ts';

export interface SessionStream {
  /** 0 before it is opened. */
  readonly id: number;
  /** Null when nobody waits for it any more. */
  readonly user: UpstreamUser | null;
  /** What may be sent of its body, and what may come. */
  window: number;
  readonly receive: ReceiveWindow;
  /** More of what waits may be sent. */
  pump(): void;
  /** What the fields of a block are for: the head of the response, or (null) its trailers. */
  headForBlock(): ResponseHead | null;
  /** A header block has come. Returns whether it is a head to which more may come. */
  blockCame(block: ResponseBlock, endStream: boolean): boolean;
  /** Nothing of the body has come with the head. */
  waits(): void;
  /** `bytes[start, end)` of the body have come. */
  arrived(bytes: Buffer, start: number, end: number): void;
  /** END_STREAM has come. */
  ended(): void;
  /** The server has reset it. */
  wasReset(code: number): void;
  failAs(fault: Fault, detail: string): void;
  /** A step that was for `user` has thrown. */
  crash(user: UpstreamUser | null, error: unknown): void;
}
