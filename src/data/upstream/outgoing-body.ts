/** What waits of the body of a request on a stream of HTTP/2: for its window, that of the connection, or the connection. */
import type { SessionOutput } from './session-output.ts';
import type { SessionStream } from './session-stream.ts';

export class OutgoingBody {
  private pieces: Uint8Array[] = [];
  /** Of the first piece, what is out. */
  private at = 0;
  /** Bytes that wait. */
  backlog = 0;

  /** Sends `chunk`, which must stay unchanged. False: some of it waits. */
  send(chunk: Uint8Array, stream: SessionStream, out: SessionOutput): boolean {
    const at = this.backlog === 0 ? out.data(stream, chunk, 0) : 0;
    if (at === chunk.length) return true;
    if (this.backlog === 0) this.at = at;
    this.pieces.push(chunk);
    this.backlog += chunk.length - at;
    out.wait(stream);
    return false;
  }

  /** Sends more of what waits. False: some of it waits on. */
  pump(stream: SessionStream, out: SessionOutput): boolean {
    let first = 0;
    while (first < this.pieces.length) {
      const chunk = this.pieces[first];
      const at = out.data(stream, chunk, this.at);
      this.backlog -= at - this.at;
      this.at = at;
      if (at < chunk.length) break;
      this.at = 0;
      first++;
    }
    this.pieces.splice(0, first);
    if (this.backlog > 0) out.wait(stream);
    return this.backlog === 0;
  }

  clear(): void {
    this.pieces = [];
    this.backlog = 0;
  }
}
