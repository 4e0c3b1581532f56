/**
 * A response that a worker holds open to itself, once, and never ends; nobody else can ask for it. It fills two gaps of
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
import { connect, type Socket } from 'node:net';
import type { HttpResponse, TemplatedApp, Uws, us_listen_socket } from './uws.ts';

const LOOPBACK = '127.0.0.1';
const CHUNK_BYTES = 1 << 20;

export class HeldResponse {
  private readonly uws: Uws;
  private readonly app: TemplatedApp;
  private listening: us_listen_socket | null = null;
  private socket: Socket | null = null;
  private response: HttpResponse | null = null;

  private constructor(uws: Uws) {
    this.uws = uws;
    this.app = uws.App();
  }

  /** Resolves when both gaps are filled. Rejects when a worker cannot connect to itself over 127.0.0.1. */
  static async open(uws: Uws): Promise<HeldResponse> {
    const held = new HeldResponse(uws);
    try {
      const response = await held.ask();
      await held.pauseBothKinds(response);
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
    this.stopListening();
    this.response = null;
    this.socket?.destroy();
    this.app.close();
  }

  private ask(): Promise<HttpResponse> {
    return new Promise((resolve, reject) => {
      this.app.get('/*', (response) => {
        response.onAborted(() => {
          this.response = null;
        });
        this.response = response;
        this.stopListening();
        setImmediate(resolve, response);
      });
      this.app.listen(LOOPBACK, 0, (listening) => {
        if (listening === false) {
          reject(new Error(`cannot listen on ${LOOPBACK}`));
          return;
        }
        this.listening = listening;
        const socket = connect(this.uws.us_socket_local_port(listening), LOOPBACK);
        this.socket = socket;
        socket.on('error', reject);
        socket.write('GET / HTTP/1.1\r\nHost: tsuji\r\n\r\n');
      });
    });
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
      this.socket!.on('data', (data) => {
        bytes -= data.length;
        if (bytes > 0) return;
        this.socket!.removeAllListeners('data');
        // A response that is not paused would be closed after 10 s.
        if (this.response !== null) response.pause();
        resolve();
      });
    });
  }

  private stopListening(): void {
    if (this.listening === null) return;
    this.uws.us_listen_socket_close(this.listening);
    this.listening = null;
  }
}
