/** One WebSocket of a soak: messages of many sizes, each compared with its echo. */
import WebSocket from 'ws';
import { pieceOf } from './body.ts';
import { hostOf } from './client.ts';
import type { Ending, Outcome } from './ledger.ts';

const MESSAGES = 24;
/** Shorter, around the borders of frame lengths (RFC 6455 §5.2), and long enough to be cut into several reads. */
const SIZES = [0, 1, 125, 126, 4_096, 65_535, 65_536, 300_000];
const VISIT_MS = 30_000;

/** Opens, echoes and closes; `leave`: ends without a closing handshake half-way. Never throws. */
export function visitWebSocket(port: number, backend: string, seed: number, leave: boolean): Promise<Outcome> {
  const startedAt = performance.now();
  const kind = leave ? 'WebSocket, client leaves' : 'WebSocket echo';
  return new Promise((resolve) => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/echo`, { headers: { Host: hostOf(backend) } });
    let status = 0;
    let sent = 0;
    let expected: Buffer = Buffer.alloc(0);
    let ending: Ending = 'broken';
    let detail = 'no end in time';
    const send = (): void => {
      // Never more than the sequence has left before its end: a message is one piece.
      const size = SIZES[(seed + sent) % SIZES.length]!;
      expected = pieceOf({ seed: (seed + sent) % 500_000, length: size }, 0, size);
      sent++;
      socket.send(expected, { binary: true });
    };
    const finish = (): void => {
      clearTimeout(deadline);
      const endedAt = performance.now();
      const unknown = { repeatable: false, server: '', reused: false };
      resolve({ kind, backend, startedAt, endedAt, status, ending, detail, ...unknown });
    };
    const deadline = setTimeout(() => {
      ending = 'wrong';
      socket.terminate();
    }, VISIT_MS);
    socket.on('open', () => {
      status = 101;
      detail = 'closed half-way';
      send();
    });
    socket.on('message', (data) => {
      const echo = data as Buffer;
      if (!echo.equals(expected)) {
        ending = 'wrong';
        detail = `an echo of ${echo.length} bytes is not the ${expected.length} bytes that were sent`;
        socket.terminate();
      } else if (leave && sent > MESSAGES / 2) {
        ending = 'left';
        socket.terminate();
      } else if (sent < MESSAGES) send();
      else socket.close(1000);
    });
    socket.on('unexpected-response', (request, response) => {
      status = response.statusCode!;
      detail = `refused with ${status}`;
      ending = 'whole';
      // What node makes of a request that is destroyed now depends on the moment: `close` may not come.
      request.destroy();
      finish();
    });
    socket.on('error', (error) => {
      detail = error.message;
    });
    socket.on('close', (code) => {
      if (ending === 'broken' && status === 101 && sent === MESSAGES && code === 1000) ending = 'whole';
      else if (ending === 'broken') detail += `, close code ${code}, ${sent} messages`;
      finish();
    });
  });
}
