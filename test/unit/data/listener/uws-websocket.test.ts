/** Messages that the kernel takes in part only, sent from within the event that tells of room. */
import assert from 'node:assert/strict';
import test, { after } from 'node:test';
import type { WorkerContext } from '../../../../src/data/context.ts';
import { loadUws } from '../../../../src/data/listener/uws.ts';
import { UwsClientSocket, webSocketBehavior } from '../../../../src/data/listener/uws-websocket.ts';
import type { ClientSocketEvents } from '../../../../src/data/websocket/client-socket.ts';
import { TimerWheel } from '../../../../src/kernel/timer-wheel.ts';
import { OWN_HOST } from '../../../harness/own-host.ts';
import { rawClient } from '../../../harness/raw.ts';
import { waitFor } from '../../../harness/wait.ts';
import { handshake } from '../../../harness/websocket.ts';

/** More than a kernel takes at once. */
const MESSAGE = Buffer.alloc(8 << 20, 'm');
const MESSAGES = 5;

const worker = {
  wheel: new TimerWheel(),
  options: { downloadTimeoutMs: 0 },
} as unknown as WorkerContext;

/** Sends the next message as soon as there is room. */
class Sender implements ClientSocketEvents {
  private socket: UwsClientSocket | null = null;
  private sent = 0;

  clientOpened(socket: UwsClientSocket): void {
    this.socket = socket;
    this.clientWritable();
  }

  clientWritable(): void {
    while (this.sent < MESSAGES) {
      this.sent++;
      if (!this.socket!.send(MESSAGE, true)) return;
    }
  }

  clientMessage(): void {}
  clientPing(): void {}
  clientPong(): void {}
  clientClosed(): void {}
  crash(error: unknown): void {
    assert.ifError(error);
  }
}

test('all of them arrive at a client that sends nothing', async (t) => {
  const uws = await loadUws();
  const app = uws.App();
  after(() => app.close());
  app.ws(
    '/*',
    webSocketBehavior(
      (response, request, context) => {
        const socket = new UwsClientSocket(response, worker, new Sender());
        response.upgrade({ socket }, request.getHeader('sec-websocket-key'), '', '', context);
      },
      () => {},
    ),
  );
  let port = 0;
  app.listen(OWN_HOST, 0, (socket) => {
    if (socket !== false) port = uws.us_socket_local_port(socket);
  });
  const client = await rawClient(t, port);
  client.keep = false;
  client.send(handshake('a'));
  await waitFor(
    () => client.bytes > MESSAGES * MESSAGE.length,
    () => `all of it, so far ${client.bytes}`,
  );
});
