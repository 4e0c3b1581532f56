/** Servers of node's own, for tests that look at requests and answers and not at their bytes: those are in raw.ts. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Server, Socket } from 'node:net';
import { Server as TlsServer } from 'node:tls';
import { OWN_HOST } from './own-host.ts';

/**
 * A server whose `answer` gets each request when its body, as text, is here. A request that breaks off in the middle, since its
 * client has left, is answered by nothing.
 */
export function bodyServer(answer: (request: IncomingMessage, response: ServerResponse, body: string) => void) {
  return createServer((request, response) => {
    textOf(request).then(
      (body) => answer(request, response, body),
      () => response.destroy(),
    );
  });
}

async function textOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request) text += chunk;
  return text;
}

/** Has a server (of http, https, net or tls) listen until `t` is over, when its connections end as well; gives its URL. */
export async function listening(t: { after(fn: () => unknown): unknown }, server: Server): Promise<string> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  await once(server.listen(0, OWN_HOST), 'listening');
  t.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  const { port } = server.address() as AddressInfo;
  return `${server instanceof TlsServer ? 'https' : 'http'}://${OWN_HOST}:${port}`;
}
