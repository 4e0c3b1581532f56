/** Writing no faster than the other side reads. */
import type { Writable } from 'node:stream';

/** Writes, and waits until more may be written. False: nobody is there any more. */
export async function written(stream: Writable, piece: Uint8Array): Promise<boolean> {
  if (stream.destroyed) return false;
  if (stream.write(piece)) return true;
  await new Promise<void>((resolve) => {
    const go = (): void => {
      stream.off('drain', go);
      stream.off('close', go);
      resolve();
    };
    stream.once('drain', go);
    stream.once('close', go);
  });
  return !stream.destroyed;
}
