/** Whether the client of a connection does its part: brings its body, takes its answers, and is there at all. */
import type { ByteSocket } from '../../socket/byte-socket.ts';
import { HALF_CLOSED_MS } from '../node/limits.ts';
import { LEAST_BYTES, Progress } from '../progress.ts';
import type { Http1Body } from './http1-body.ts';

/** What is looked at. */
interface LookedAt {
  readonly socket: ByteSocket;
  /** Answers that are through. */
  readonly answered: number;
  /** Nothing is read, so that nobody hears of its end. */
  readonly isUnread: boolean;
  /** It waits for answers, and will ask for nothing more. */
  readonly isLeaving: boolean;
  /** More requests have come than may run, and are not read. */
  readonly isAhead: boolean;
}

export class Http1Progress {
  private readonly upload = new Progress();
  private readonly download = new Progress();
  private readonly afterFin = new Progress(1);
  private readonly ahead = new Progress();

  /** `ms`: since the last look; so below. */
  isUploadOverdue(body: Http1Body, ms: number, timeoutMs: number): boolean {
    return this.upload.isOverdue(body.user?.isAwaited === true, body.brought, ms, timeoutMs);
  }

  /** Why it is to be cut off, '' for no reason. */
  look(client: LookedAt, ms: number, timeoutMs: number): string {
    const { socket } = client;
    if (client.isUnread && socket.isPeerGone()) return 'it is gone';
    const answered = client.answered * LEAST_BYTES;
    const taken = socket.taken + answered;
    if (this.afterFin.isOverdue(client.isLeaving, taken, ms, HALF_CLOSED_MS)) {
      return 'it has closed its side and takes nothing';
    }
    if (this.download.isOverdue(socket.backlog > 0, taken, ms, timeoutMs)) {
      return 'it does not take what it has asked for';
    }
    // What it has sent is in the way of its FIN: it may be gone.
    const isAhead = this.ahead.isOverdue(client.isAhead, answered, ms, timeoutMs);
    return isAhead ? 'it asks on and on while nothing is answered' : '';
  }
}
