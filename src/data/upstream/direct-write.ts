/**
 * Writes a request head straight to the handle below a socket, past the stream on top of it.
 *
 * `socket.write` costs a write request object, the bookkeeping of a Writable and a tick of the task queue per call,
 * although nearly every head goes out at once, in the same system call. Past it, one such object serves all heads that
 * do. Measured with `npm run bench -- --scenario=small`: see bench/README.md, "what was tried".
 *
 * This is an inside of Node: the version is pinned (package.json), everything is checked when the module loads, and
 * where anything is missing `canWriteDirectly` says no and the stream is used.
 */
import type { Socket } from 'node:net';
import { getSystemErrorName } from 'node:util';

type WriteRequest = { oncomplete: ((status: number) => void) | null; socket: Socket | null };
type Handle = { writeUtf8String(request: WriteRequest, text: string): number };
type StreamBinding = {
  readonly WriteWrap: new () => WriteRequest;
  readonly streamBaseState: Int32Array;
  readonly kLastWriteWasAsync: number;
};
type Innards = Socket & { readonly _handle: Handle | null; readonly encrypted?: boolean };

function loadBinding(): StreamBinding | null {
  try {
    const binding = (process as unknown as { binding(name: string): StreamBinding }).binding('stream_wrap');
    const whole =
      typeof binding.WriteWrap === 'function' &&
      binding.streamBaseState instanceof Int32Array &&
      Number.isInteger(binding.kLastWriteWasAsync);
    return whole ? binding : null;
  } catch {
    return null;
  }
}

const binding = loadBinding();
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
    binding !== null &&
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
  const { WriteWrap, streamBaseState, kLastWriteWasAsync } = binding!;
  spare ??= new WriteWrap();
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
