/**
 * Child process: `origin-sink.ts PORT…`. Every port reads a request's body, throws it away and answers with its length;
 * an upgrade to WebSocket is accepted and every text message echoed.
 */
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { encodeFrame, FrameReader } from './frames.ts';

/** RFC 6455 §1.3. */
const KEY_SUFFIX = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

function echo(request: IncomingMessage, socket: Socket): void {
  const accept = createHash('sha1').update(`${request.headers['sec-websocket-key']}${KEY_SUFFIX}`).digest('base64');
  socket.setNoDelay(true);
  socket.on('error', () => socket.destroy());
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
  );
  const reader = new FrameReader();
  socket.on('data', (chunk: Buffer) => {
    try {
      const frames = reader.push(chunk).map((payload) => encodeFrame(payload, null));
      if (frames.length > 0) socket.write(frames.length === 1 ? frames[0]! : Buffer.concat(frames));
    } catch {
      // A close frame, most likely: the load is over.
      socket.destroy();
    }
  });
}

for (const [index, port] of process.argv.slice(2).entries()) {
  const server = createServer((request, response) => {
    let received = 0;
    request.on('data', (chunk: Buffer) => {
      received += chunk.length;
    });
    request.on('end', () => {
      const body = `received ${received}\n`;
      response.writeHead(200, { 'X-Server': `server${index + 1}`, 'Content-Length': body.length });
      response.end(body);
    });
  });
  server.keepAliveTimeout = 75_000;
  server.on('upgrade', (request: IncomingMessage, socket: Socket) => echo(request, socket));
  server.listen(Number(port), '127.0.0.1');
}
