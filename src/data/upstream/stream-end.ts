/** What node:http2 does not tell of the end of a stream by itself. */
import { type ClientHttp2Stream, constants } from 'node:http2';
import { Duplex } from 'node:stream';

/** Whoever wants to know. */
export interface EndWatch {
  /** Set when the server has sent END_STREAM. */
  endStream: boolean;
}

type WatchedStream = ClientHttp2Stream & { watch: EndWatch };

/** In the place of `push`: what ends the stream while it is not closed is END_STREAM. */
function push(this: WatchedStream, chunk: unknown, encoding?: BufferEncoding): boolean {
  if (chunk === null && !this.closed) this.watch.endStream = true;
  return Duplex.prototype.push.call(this, chunk, encoding);
}

/** Before anything of it is read. */
export function watchEnd(stream: ClientHttp2Stream, watch: EndWatch): void {
  const watched = stream as WatchedStream;
  watched.watch = watch;
  watched.push = push;
}

const NAMES: ReadonlyMap<number | undefined, string> = new Map(
  Object.entries(constants)
    .filter(
      ([name]) =>
        /^NGHTTP2_[A-Z0-9_]*$/.test(name) && !/_(FLAG|ERR|HCAT|NV|DEFAULT|SETTINGS|STREAM_STATE|SESSION)_/.test(name),
    )
    .map(([name, code]) => [code as number, name.slice('NGHTTP2_'.length)]),
);

/** Of an error code (RFC 9113 §7), for the log. */
export function codeName(code: number | undefined): string {
  return NAMES.get(code) ?? String(code);
}

/** Was what came on the connection no HTTP/2 as it should be? */
export function isOfBrokenSession(error: NodeJS.ErrnoException): boolean {
  return error.code === 'ERR_HTTP2_ERROR';
}
