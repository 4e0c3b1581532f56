/** Whether the client of a stream makes progress, counted in bytes: with its body, its response, or its tunnel. */
import type { BootOptions } from '../../../protocol/messages.ts';
import { LEAST_BYTES, Progress } from '../progress.ts';
import type { Http2Outbox } from './http2-outbox.ts';
import type { Http2Upload } from './http2-upload.ts';

export class Http2Care {
  /** How often its server has taken what came through its tunnel. */
  resumes = 0;
  /** The response is not taken. */
  isSlow = false;
  private readonly upload = new Progress();
  private readonly download = new Progress();
  private readonly passing = new Progress();

  /** Another stream begins. */
  begin(): void {
    this.isSlow = false;
    this.upload.reset();
    this.download.reset();
    this.passing.reset();
  }

  /**
   * `ms` have passed since the last look. What is owed, '' while there is progress. `awaited`: more of the body is to come;
   * `passes`: what came through its tunnel waits for its server.
   */
  overdue(
    ms: number,
    { uploadTimeoutMs, downloadTimeoutMs }: BootOptions,
    awaited: boolean,
    passes: boolean,
    upload: Http2Upload,
    outbox: Http2Outbox,
  ): string {
    if (this.download.isOverdue(outbox.isBlocked, outbox.sent, ms, downloadTimeoutMs)) {
      this.isSlow = true;
      return 'it does not take its response';
    }
    if (this.passing.isOverdue(passes, this.resumes * LEAST_BYTES, ms, downloadTimeoutMs)) {
      return 'its server does not take what comes through its tunnel';
    }
    return this.upload.isOverdue(awaited, upload.bytes, ms, uploadTimeoutMs) ? 'its body does not come' : '';
  }
}
