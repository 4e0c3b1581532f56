/**
 * Servers of HTTP/2 whose responses break its rules (RFC 9113 §8.1.1, §8.2, §8.3.2): a 502 as over HTTP/1.1, with a reason of
 * its own in the log, and the next request is served.
 */
import assert from 'node:assert/strict';
import { after } from 'node:test';
import { exchangeTest, response } from '../harness/exchanges.ts';
import { literals, startFrameServer } from '../harness/http2.ts';
import { END_HEADERS, END_STREAM, FRAME, frame } from '../harness/http2-frames.ts';
import { rawClient } from '../harness/raw.ts';
import { addRoute, startTsuji } from '../harness/tsuji.ts';
import { waitFor } from '../harness/wait.ts';

const tsuji = await startTsuji({ after }, { workers: 1, flags: ['--logLevel=DEBUG', '--ejection.failures=0'] });
const WHOLE = END_HEADERS | END_STREAM;
const STATUS = [':status', '200'] as const;
type Fields = readonly (readonly [string, string])[];

function head(stream: number, fields: Fields, flags = WHOLE): Buffer {
  return frame(FRAME.headers, flags, stream, literals(fields));
}

function body(stream: number, text: string): Buffer {
  return frame(FRAME.data, END_STREAM, stream, Buffer.from(text));
}

/** A head in as many frames as it takes. */
function longHead(stream: number, fields: Fields): Buffer[] {
  const block = literals(fields);
  const frames: Buffer[] = [];
  for (let at = 0; at < block.length; at += 16_000) {
    const last = at + 16_000 >= block.length ? END_HEADERS : 0;
    const piece = block.subarray(at, at + 16_000);
    frames.push(
      at === 0
        ? frame(FRAME.headers, last | END_STREAM, stream, piece)
        : frame(FRAME.continuation, last, stream, piece),
    );
  }
  return frames;
}

const MALFORMED: Record<string, (stream: number) => Buffer[]> = {
  'no status': (id) => [head(id, [['x', 'y']])],
  'a status that is no number': (id) => [head(id, [[':status', 'abc']])],
  'a status of two digits': (id) => [head(id, [[':status', '20']])],
  'a status below 100': (id) => [head(id, [[':status', '099']])],
  'two statuses': (id) => [head(id, [STATUS, STATUS])],
  'a field of requests': (id) => [head(id, [STATUS, [':path', '/']])],
  'a status behind a field': (id) => [head(id, [['x', 'y'], STATUS])],
  'a name in capitals': (id) => [head(id, [STATUS, ['X', 'y']])],
  'a field of one connection': (id) => [head(id, [STATUS, ['connection', 'x']])],
  'a transfer coding': (id) => [head(id, [STATUS, ['transfer-encoding', 'chunked']])],
  'a length that is no number': (id) => [head(id, [STATUS, ['content-length', 'x']])],
  'two lengths': (id) => [
    head(id, [STATUS, ['content-length', '1'], ['content-length', '2']], END_HEADERS),
    body(id, 'a'),
  ],
  'a body that is longer than its length': (id) => [
    head(id, [STATUS, ['content-length', '1']], END_HEADERS),
    body(id, 'abc'),
  ],
  'no body where one is announced': (id) => [head(id, [STATUS, ['content-length', '5']])],
  'the status 101': (id) => [head(id, [[':status', '101']], END_HEADERS), head(id, [STATUS])],
  'an interim response that ends': (id) => [head(id, [[':status', '103']])],
  'a body before the head': (id) => [body(id, 'abc')],
  'a body of a 204': (id) => [head(id, [[':status', '204']], END_HEADERS), body(id, 'abc')],
  'fields that cannot be decoded': (id) => [frame(FRAME.headers, WHOLE, id, Buffer.alloc(5, 0xff))],
  'an update of the window by nothing': (id) => [frame(FRAME.windowUpdate, 0, id, Buffer.alloc(4))],
  'a body without a stream': () => [frame(FRAME.data, 0, 0, Buffer.from('a'))],
  'settings that are cut': () => [frame(FRAME.settings, 0, 0, Buffer.alloc(5))],
  'a frame that is too long': (id) => [frame(FRAME.data, 0, id, Buffer.alloc(20_000))],
  'an answer of HTTP/1.1': () => [Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')],
  'a head of more than 64 KiB': (id) =>
    longHead(id, [STATUS, ...Array.from({ length: 50 }, (_, i) => [`x${i}`, 'y'.repeat(1_500)] as const)]),
};

for (const [what, frames] of Object.entries(MALFORMED)) {
  exchangeTest(`${what}: a 502 that tells why`, tsuji, async (t) => {
    let requests = 0;
    const server = await startFrameServer(t, (connection, { type, stream }) => {
      if (type !== FRAME.headers) return;
      if (requests++ > 0) connection.send(head(stream, [[':status', '204']]));
      else for (const bytes of frames(stream)) connection.send(bytes);
    });
    const host = await addRoute(tsuji, [server.url]);
    const before = tsuji.output.length;
    const client = await rawClient(t, tsuji.port);
    client.send(`POST / HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 0\r\n\r\n`);
    const got = await response(client);
    assert.deepEqual([got.status, got.body], [502, 'Bad Gateway']);
    const line = /msg="the response of the server is malformed" .*detail="?\S+/;
    await waitFor(
      () => line.test(tsuji.output.slice(before)),
      () => tsuji.output.slice(before),
    );
    client.send(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    assert.equal((await response(client)).status, 204);
  });
}
