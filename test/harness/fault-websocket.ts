/** Both ends of the WebSockets in which the tests let a step fail: they do everything once and then close. */
import type { RawConnection } from './raw.ts';
import { accept, CLOSE, closeFrame, type Frame, frame, handshake, PING, PONG, readFrame, TEXT } from './websocket.ts';

/** Large enough that a side that does not read stops the other. */
const LARGE = Buffer.alloc(10 * 1024 * 1024, 'x');
const LARGE_FRAME = frame(TEXT, LARGE, false);
const LARGE_MASKED_FRAME = frame(TEXT, LARGE, true);
/** How long the server does not read it. */
const SLOW_MS = 50;

/** How many bytes there must be before it is worth looking again. */
function bytesWanted(bytes: Buffer): number {
  if (bytes.length < 10 || (bytes[1] & 0x7f) !== 127) return bytes.length + 1;
  return Number(bytes.readBigUInt64BE(2));
}

function onFrames(connection: RawConnection, handle: (frame: Frame) => void): void {
  let chunks: Buffer[] = [];
  let size = 0;
  let wanted = 0;
  connection.keep = false;
  connection.socket.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    size += chunk.length;
    if (size < wanted) return;
    let bytes = Buffer.concat(chunks);
    for (let got = readFrame(bytes); got !== null; got = readFrame(bytes)) {
      bytes = bytes.subarray(got.used);
      handle(got.frame);
    }
    chunks = [bytes];
    size = bytes.length;
    wanted = bytesWanted(bytes);
  });
}

/** Answers a handshake for `/ws…`; echoes, pings first, and closes what `/ws-closed` asked for. */
export function serveWebSocket(connection: RawConnection, head: string): void {
  const closes = head.startsWith('GET /ws-closed');
  const large = head.startsWith('GET /ws-large');
  connection.socket.removeAllListeners('data');
  connection.send(accept(head));
  if (large) {
    connection.socket.pause();
    setTimeout(() => connection.socket.resume(), SLOW_MS);
  }
  onFrames(connection, ({ opcode, payload }) => {
    if (opcode === CLOSE) {
      connection.send(frame(CLOSE, payload, false));
      connection.socket.end();
    } else if (opcode === TEXT) {
      connection.send(frame(PING, 'server', false));
      if (large) connection.send(LARGE_FRAME);
      else connection.send(frame(TEXT, payload, false));
    } else if (opcode === PONG && closes) {
      connection.send(closeFrame(1001, 'bye', false));
    }
  });
}

/** Asks for `path`, and once it is open sends a message and a ping; closes when the message is back. */
export function askWebSocket(client: RawConnection, host: string, path: string, field: string): void {
  client.send(handshake(host, field, path));
  const opened = (): void => {
    const end = client.received.indexOf('\r\n\r\n');
    if (end < 0 || !client.received.startsWith('HTTP/1.1 101')) return;
    client.socket.off('data', opened);
    const early = Buffer.from(client.received.slice(end + 4), 'latin1');
    client.received = '';
    onFrames(client, ({ opcode, payload }) => {
      if (opcode === PING) client.send(frame(PONG, payload, true));
      else if (opcode === CLOSE) client.send(frame(CLOSE, payload, true));
      else if (opcode === TEXT && path !== '/ws-closed') client.send(closeFrame(1000, 'done', true));
    });
    if (early.length > 0) client.socket.emit('data', early);
    client.send(path === '/ws-large' ? LARGE_MASKED_FRAME : frame(TEXT, 'message', true));
    client.send(frame(PING, 'client', true));
    if (path === '/ws-gone') client.socket.resetAndDestroy();
  };
  client.socket.on('data', opened);
}
