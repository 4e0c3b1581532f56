/** What waits in tsuji for a client that does not read stays what it was, whatever other exchanges do meanwhile. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { get, type IncomingMessage } from 'node:http';
import { createServer } from 'node:net';
import { after } from 'node:test';
import { exchangeTest, type Scope } from '../harness/exchanges.ts';
import { listening } from '../harness/listening.ts';
import { OWN_HOST } from '../harness/own-host.ts';
import { addRoute, startTsuji } from '../harness/tsuji.ts';
import { waitFor } from '../harness/wait.ts';

/** A prime, so that a piece from another place of the body is never the right one. */
const PIECE = randomBytes(65_537);
/** More than what all socket buffers on the way take in together. */
const PIECES = 800;
/** Larger than the buffer that all reads of a worker share. */
const OTHER_BODY = 600_000;

const tsuji = await startTsuji({ after }, { workers: 1 });

const FRAMINGS = {
  length: { head: `Content-Length: ${PIECE.length * PIECES}\r\n`, before: '', behind: '', end: '' },
  chunked: {
    head: 'Transfer-Encoding: chunked\r\n',
    before: `${PIECE.length.toString(16)}\r\n`,
    behind: '\r\n',
    end: '0\r\n\r\n',
  },
  'until close': { head: 'Connection: close\r\n', before: '', behind: '', end: '' },
} as const;

function ask(host: string, path: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    get({ host: OWN_HOST, port: tsuji.port, path, headers: { Host: host }, agent: false }, resolve).on('error', reject);
  });
}

for (const framing of ['length', 'chunked', 'until close'] as const) {
  exchangeTest(
    `a body (${framing}) that waits for its client is not touched by another one`,
    tsuji,
    async (t: Scope) => {
      const { head, before, behind, end } = FRAMINGS[framing];
      let handedOver = 0;
      const server = createServer((socket) => {
        socket.on('error', () => {});
        socket.once('data', async (request: Buffer) => {
          if (request.toString().startsWith('GET /other')) {
            socket.end(`HTTP/1.1 200 OK\r\nContent-Length: ${OTHER_BODY}\r\n\r\n${'x'.repeat(OTHER_BODY)}`);
            return;
          }
          socket.write(`HTTP/1.1 200 OK\r\n${head}\r\n`);
          for (let i = 0; i < PIECES && !socket.destroyed; i++) {
            socket.write(before);
            socket.write(PIECE);
            if (!socket.write(behind))
              await new Promise((resolve) => socket.once('drain', resolve).once('close', resolve));
            handedOver++;
          }
          socket.end(end);
        });
      });
      const host = await addRoute(tsuji, [await listening(t, server)]);
      const response = await ask(host, '/');
      t.after(() => response.destroy());

      let seen = -1;
      let since = performance.now();
      await waitFor(() => {
        if (handedOver !== seen) since = performance.now();
        seen = handedOver;
        return performance.now() - since > 150;
      }, 'everything on the way to be full');
      assert.ok(handedOver < PIECES, 'the body went through although nobody reads it');

      let other = 0;
      for await (const chunk of await ask(host, '/other')) other += (chunk as Buffer).length;
      assert.equal(other, OTHER_BODY);

      let received = 0;
      for await (const chunk of response as AsyncIterable<Buffer>) {
        for (let at = 0; at < chunk.length; ) {
          const start = (received + at) % PIECE.length;
          const expected = PIECE.subarray(start, start + chunk.length - at);
          const right = expected.compare(chunk, at, at + expected.length) === 0;
          assert.ok(right, `wrong bytes between ${received + at} and ${received + at + expected.length}`);
          at += expected.length;
        }
        received += chunk.length;
      }
      assert.equal(received, PIECE.length * PIECES);
    },
  );
}
