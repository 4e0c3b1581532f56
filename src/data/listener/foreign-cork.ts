/**
 * A cork that belongs to another socket than the one that is written to.
 *
 * uWebSockets (20.57) wants every write made inside a `cork`, and `response.cork(() => response.upgrade(…))` is its own
 * example. But the upgrade gives the back part of the response's memory free, and the end of the cork then looks there
 * whether the connection is to be closed: whatever was put there meanwhile decides, so that now and then a WebSocket is
 * closed right after its 101 (seen in a worker: from none to two of three, by what the `open` handler allocated). Inside
 * the cork of another response nothing is looked at afterwards, and the few small writes go out in one packet all the same.
 *
 * That other response is a request which the worker sends to itself once and never answers; its listener closes as soon
 * as it has come.
 */
import { connect, type Socket } from 'node:net';
import type { HttpResponse, TemplatedApp, Uws, us_listen_socket } from './uws.ts';

const LOOPBACK = '127.0.0.1';

export class ForeignCork {
  private readonly uws: Uws;
  private readonly app: TemplatedApp;
  private listening: us_listen_socket | null = null;
  private socket: Socket | null = null;
  private response: HttpResponse | null = null;

  /** Ready some milliseconds later; until then `run` only calls, for which uWS prints a warning. */
  constructor(uws: Uws) {
    this.uws = uws;
    this.app = uws.App();
    this.app.get('/*', (response) => this.hold(response));
    this.app.listen(LOOPBACK, 0, (listening) => {
      if (listening === false) return;
      this.listening = listening;
      this.socket = connect(uws.us_socket_local_port(listening), LOOPBACK);
      // Without the response `run` works as well; there is nothing that an error could change.
      this.socket.on('error', () => {});
      this.socket.write('GET / HTTP/1.1\r\nHost: tsuji\r\n\r\n');
    });
  }

  run(write: () => void): void {
    if (this.response === null) write();
    else this.response.cork(write);
  }

  close(): void {
    this.stopListening();
    this.response = null;
    this.socket?.destroy();
    this.app.close();
  }

  private hold(response: HttpResponse): void {
    response.onAborted(() => {
      this.response = null;
    });
    this.response = response;
    this.stopListening();
  }

  private stopListening(): void {
    if (this.listening === null) return;
    this.uws.us_listen_socket_close(this.listening);
    this.listening = null;
  }
}
