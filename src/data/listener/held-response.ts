/**
 * A response that a worker holds open to itself, once, and never ends; nobody else can ask for it (own-connection.ts). It fills two gaps of
 * uWebSockets (20.57), both seen in tests and read in its machine code.
 *
 * 1. A foreign cork. uWS wants every write made inside a `cork`, and `response.cork(() => response.upgrade(…))` is its own
 *    example. But the upgrade gives the back part of the response's memory free, and the end of the cork then looks
 *    there whether the connection is to be closed: whatever was put there meanwhile decides. In workers, from none to
 *    two of three WebSockets were closed right after their 101. Inside the cork of another response nothing is looked
 *    at afterwards, and the few small writes go out in one packet all the same.
 *
 * 2. `pause` and `resume`. What `resume` polls for stands in two words per thread, not per socket: one for sockets with
 *    unsent bytes, one for those without. Each holds what the last `pause` of that kind found, and nothing before the
 *    first one: a socket that is resumed then is never polled again. So both kinds are paused once, here.
 */
import type { Socket } from 'node:net';
import { ownConnection } from './own-connection.ts';
import type { HttpResponse, TemplatedApp, Uws } from './uws.ts';

const CHUNK_BYTES = 65_536;

export class HeldResponse {
  private readonly app: TemplatedApp;
  private socket: Socket | null = null;
  /** Hears of what has come to the client's end. */
  private onBytes: (count: number) => void = () => {};
  private response: HttpResponse | null = null;

  private constructor(uws: Uws) {
    this.app = uws.App();
  }

  /**
   * Resolves when both gaps are filled.
   * @throws TsujiError NO_OWN_CONNECTION
   */
  static async open(uws: Uws): Promise<HeldResponse> {
    const held = new HeldResponse(uws);
    try {
      const { found, socket } = await ownConnection<HttpResponse>(uws, held.app, {
        fields: '',
        secure: false,
        // Megabytes: as buffers of their own they would stay until a collection.
        onBytes: (count) => held.onBytes(count),
        serve: (app, path, tell) =>
          app.get(path, (response) => {
            response.onAborted(() => {
              held.response = null;
            });
            held.response = response;
            tell(response);
          }),
      });
      held.socket = socket;
      await held.pauseBothKinds(found);
      return held;
    } catch (error) {
      held.close();
      throw error;
    }
  }

  /** Calls `write`, which writes to `own`, within a cork. */
  run(own: HttpResponse, write: () => void): void {
    // Without the held one the usual way is the better of two bad ones.
    (this.response ?? own).cork(write);
  }

  close(): void {
    this.response = null;
    this.socket?.destroy();
    this.app.close();
  }

  private pauseBothKinds(response: HttpResponse): Promise<void> {
    response.pause();
    response.resume();
    let bytes = 0;
    const chunk = new Uint8Array(CHUNK_BYTES);
    const fill = (): void => {
      do bytes += CHUNK_BYTES;
      while (response.write(chunk));
    };
    // Nobody reads so far: it ends when the kernel is full.
    response.cork(fill);
    response.pause();
    response.resume();
    return new Promise((resolve) => {
      this.onBytes = (count) => {
        bytes -= count;
        if (bytes > 0) return;
        this.onBytes = () => {};
        // A response that is not paused would be closed after 10 s.
        if (this.response !== null) response.pause();
        resolve();
      };
    });
  }
}
