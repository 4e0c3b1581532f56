/** Reads what a client says first, before anybody else reads from its socket. */
import type { Socket } from 'node:net';

/** What `look` answers: more bytes are needed to tell. */
export const MORE = -1;
/** The connection is closed. */
export const REFUSE = -2;

/**
 * Shows `look` all that has come until it answers with the number of bytes that are taken off. Then `next` is called, once,
 * with the socket as if these had not been there. A client that ends before it can be told is closed; how long it may take
 * is its caller's to say.
 */
export function readFirst(socket: Socket, look: (seen: Buffer) => number, next: () => void): void {
  let seen: Buffer | null = null;
  const done = (): void => {
    socket.off('readable', read).off('end', gone).off('error', gone);
  };
  const gone = (): void => {
    done();
    socket.on('error', () => {});
    socket.destroy();
  };
  const read = (): void => {
    const chunk = socket.read() as Buffer | null;
    if (chunk === null) return;
    seen = seen === null ? chunk : Buffer.concat([seen, chunk]);
    const taken = look(seen);
    if (taken === MORE) return;
    if (taken === REFUSE) {
      gone();
      return;
    }
    done();
    if (taken < seen.length) socket.unshift(seen.subarray(taken));
    next();
  };
  socket.on('readable', read).on('end', gone).on('error', gone);
}
