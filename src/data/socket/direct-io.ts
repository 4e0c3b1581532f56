/**
 * Writes request heads straight to the handle below a socket, and takes what it reads straight from there, past the
 * stream on top of it. Both were measured with `npm run bench -- --scenario=small`: bench/README.md, "what was tried".
 *
 * `socket.write` costs a write request object, the bookkeeping of a Writable and a tick of the task queue per call,
 * although nearly every head goes out at once, in the same system call. Past it, one such object serves all heads that
 * do. Of a read, the stream's own callback looks up what `onread` is and restarts a timer that we do not use.
 *
 * Where anything of it is missing the stream is used.
 */
import type { Socket } from 'node:net';
import { getSystemErrorName } from 'node:util';
import { streamBinding } from './stream-binding.ts';

type WriteRequest = { oncomplete: ((status: number) => void) | null; socket: Socket | null };
/** Called with the handle as `this`; how much was read, or why nothing was, stands in `streamBaseState`. */
type OnRead = (this: Handle, bytes: ArrayBuffer | undefined) => unknown;
type Handle = {
  onread: OnRead;
  reading: boolean;
  writeUtf8String(request: WriteRequest, text: string): number;
  readStop(): number;
};
type Innards = Socket & { readonly _handle: Handle | null; readonly encrypted?: boolean };

/** Used again as long as writes complete at once. */
let spare: WriteRequest | null = null;

function failure(status: number): NodeJS.ErrnoException {
  const code = getSystemErrorName(status);
  return Object.assign(new Error(`write ${code}`), { errno: status, code, syscall: 'write' });
}

function completed(this: WriteRequest, status: number): void {
  const socket = this.socket;
  this.socket = null;
  if (status < 0 && socket !== null) socket.destroy(failure(status));
}

/**
 * The socket is plain TCP or a pipe, connected, and nothing that was written before waits in its stream. A TLS handle
 * has the same calls, but a second write while one is under way, which only its stream knows, would end the process.
 */
function canWriteDirectly(socket: Innards): boolean {
  return (
    streamBinding !== null &&
    socket.encrypted !== true &&
    socket.writableLength === 0 &&
    socket._handle !== null &&
    typeof socket._handle.writeUtf8String === 'function'
  );
}

/** Sends `head` as UTF-8. A failure destroys the socket, which tells of it by its `error` event as ever. */
export function writeHead(socket: Socket, head: string): void {
  if (!canWriteDirectly(socket as Innards)) {
    socket.write(head, 'utf8');
    return;
  }
  const { WriteWrap, streamBaseState, kLastWriteWasAsync } = streamBinding!;
  spare ??= new WriteWrap() as WriteRequest;
  const request = spare;
  const status = (socket as Innards)._handle!.writeUtf8String(request, head);
  if (status !== 0) {
    socket.destroy(failure(status));
  } else if (streamBaseState[kLastWriteWasAsync] !== 0) {
    // The kernel's buffer was full: the request object now belongs to this write.
    request.oncomplete = completed;
    request.socket = socket;
    spare = null;
  }
}

/**
 * From now on `take` gets what `socket`, which was made with `onread` and is connected, reads into its buffer: the
 * number of bytes; false stops the reading. Ends and errors go on to the stream. Does nothing for TLS.
 */
export function readDirectly(socket: Socket, take: (length: number) => boolean): void {
  const handle = (socket as Innards)._handle;
  if (streamBinding === null || handle === null || (socket as Innards).encrypted === true) return;
  if (typeof handle.onread !== 'function' || typeof handle.readStop !== 'function') return;
  const { streamBaseState, kReadBytesOrError } = streamBinding;
  const before = handle.onread;
  handle.onread = function (bytes) {
    const length = streamBaseState[kReadBytesOrError];
    if (length <= 0) return before.call(this, bytes);
    if (take(length)) return undefined;
    this.reading = false;
    if (!socket.destroyed) this.readStop();
    return undefined;
  };
}
