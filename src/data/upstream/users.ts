/** What is done for the users of a connection: those that have left it, and those that it leaves. */
import { CODE } from '../../http2/codes.ts';
import type { Fault } from '../../kernel/errors.ts';
import type { Upstream, UpstreamUser } from './upstream.ts';

/** Tells all of them that their try has failed. */
export function failAll(users: readonly UpstreamUser[], fault: Fault, detail: string): void {
  for (const user of users) {
    try {
      user.upstreamFailed(fault, detail, CODE.internal);
    } catch (error) {
      // The others must be told all the same.
      user.crash(error);
    }
  }
}

/** In the place of a user that has left: reads its response past. */
export class Discard implements UpstreamUser {
  readonly writesDate = true;
  private readonly connection: Upstream;
  /** Of the body, bytes. */
  private left: number;

  /** `most`: of the body, bytes that are read past; the connection is given up for more. */
  constructor(connection: Upstream, most = Number.POSITIVE_INFINITY) {
    this.connection = connection;
    this.left = most;
  }

  responseInterim(): void {}
  responseHead(): void {}
  responseWaits(): void {}
  responseBody(chunk: Uint8Array): void {
    this.left -= chunk.length;
    if (this.left < 0) this.connection.abandon(this);
  }
  responseEnd(): void {
    this.connection.done(true);
  }
  upstreamConnected(): void {}
  upstreamWritable(): void {}
  upstreamFailed(): void {}
  crash(): void {}
}
