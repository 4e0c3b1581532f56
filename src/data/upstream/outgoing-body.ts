/**
 * The body of a request on a stream of HTTP/2: what waits of it for the window of the stream, for that of the connection or
 * for the connection itself, and its end.
 */
import type { SessionFrames } from './session-frames.ts';
import type { SessionStream } from './session-stream.ts';

export class OutgoingBody {
  /** Bytes that wait. */
  backlog = 0;
  /** END_STREAM was sent. */
  isSent = false;
  /** Its trailers have a character per byte. */
  latin1 = false;
  private pieces: Uint8Array[] = [];
  /** Of the first piece, what is out. */
  private at = 0;
  private ends = false;
  private trailers = '';

  /** Sends `chunk`, which must stay unchanged. False: some of it waits. */
  send(chunk: Uint8Array, stream: SessionStream, { out }: SessionFrames): boolean {
    const at = this.backlog === 0 ? out.data(stream, chunk, 0) : 0;
    if (at === chunk.length) return true;
    if (this.backlog === 0) this.at = at;
    this.pieces.push(chunk);
    this.backlog += chunk.length - at;
    out.wait(stream);
    return false;
  }

  /** Nothing follows but `trailers`, '' for none. */
  end(trailers: string, stream: SessionStream, frames: SessionFrames): void {
    this.ends = true;
    this.trailers = trailers;
    if (this.backlog === 0) this.sendEnd(stream, frames);
  }

  private sendEnd(stream: SessionStream, frames: SessionFrames): void {
    this.isSent = true;
    if (this.trailers === '') frames.out.end(stream);
    else frames.sendTrailers(stream.id, this.trailers, this.latin1);
  }

  /** Sends more of what waits. False: some of it waits on. */
  pump(stream: SessionStream, frames: SessionFrames): boolean {
    const { out } = frames;
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
    else if (this.ends) this.sendEnd(stream, frames);
    return this.backlog === 0;
  }

  clear(): void {
    if (this.pieces.length > 0) this.pieces = [];
    this.backlog = 0;
  }
}
