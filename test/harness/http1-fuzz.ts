/**
 * Conversations of HTTP/1 at random, most of them nearly right and cut anywhere, and what must hold whatever a client sends:
 * nothing throws, nothing hangs, what goes out are whole answers in a row, and nothing is left over. As http2-fuzz.ts.
 */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { TUNNEL, UNKNOWN_LENGTH } from '../../src/data/downstream.ts';
import { NO_LENGTH, ResponseHead } from '../../src/http/response-head.ts';
import { type Http1Asked, Http1Memory } from './http1-memory.ts';

const LONG = 'x'.repeat(60_000);
const HOUR_MS = 3_600_000;

const firstLines = fc.oneof(
  {
    weight: 20,
    arbitrary: fc
      .tuple(fc.constantFrom('GET', 'POST', 'OPTIONS', 'PUT'), fc.constantFrom('/', '/now', '/later', 'http://h/now'))
      .map(([method, target]) => `${method} ${target} HTTP/1.1\r\n`),
  },
  fc.constantFrom('GET /now HTTP/1.0\r\n', 'POST / HTTP/1.0\r\n', 'GET /\r\n', 'CONNECT h:1 HTTP/1.1\r\n'),
  fc.constantFrom(
    'get  /\r\n',
    ' GET / HTTP/1.1\r\n',
    'GET / HTTP/2.0\r\n',
    'GET /\x00 HTTP/1.1\r\n',
    '\r\n',
    '\n',
    '\r',
  ),
  fc.string({ maxLength: 20 }),
);
const fields = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom('X: 1\r\n', 'Cookie: a=b\r\n', 'Accept: */*\r\n', 'X:\r\n') },
  fc.constantFrom(
    'Connection: close\r\n',
    'Connection: keep-alive\r\n',
    'Expect: 100-continue\r\n',
    'TE: trailers\r\n',
  ),
  fc.constantFrom('Connection: Upgrade\r\nUpgrade: websocket\r\n', 'Upgrade: h2c\r\n', 'Host: other\r\n'),
  fc.constantFrom('Content-Length: 5\r\n', 'Content-Length: +1\r\n', 'Transfer-Encoding: chunked\r\n'),
  fc.constantFrom(' folded\r\n', 'X 1\r\n', 'X: a\nY: b\r\n', ': x\r\n', `X: ${LONG}\r\n`, 'X: \r\r\n'),
  fc.string({ maxLength: 12 }),
);
/** The field that frames it, and the body. */
const bodies = fc.oneof(
  { weight: 6, arbitrary: fc.constant(['', '']) },
  {
    weight: 2,
    arbitrary: fc.constantFrom('', 'abc', LONG).map((text) => [`Content-Length: ${text.length}\r\n`, text]),
  },
  {
    weight: 2,
    arbitrary: fc
      .constantFrom(
        '0\r\n\r\n',
        '3\r\nabc\r\n0\r\n\r\n',
        '1;x="y"\r\na\r\n0\r\nX: 1\r\n\r\n',
        '-1\r\n',
        'g\r\n',
        '2\r\nabc\r\n',
      )
      .map((text) => ['Transfer-Encoding: chunked\r\n', text]),
  },
);
const requests = fc
  .tuple(firstLines, fc.array(fields, { maxLength: 3 }), bodies, fc.integer({ min: 0, max: 9 }))
  .map(([first, more, [framing, body], badness]) => {
    return `${first}${badness === 0 ? '' : 'Host: h\r\n'}${badness < 6 ? '' : more.join('')}${framing}\r\n${body}`;
  });
/** Where a request is cut: shares of its length. */
const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 3 });

type Step = { readonly text: string; readonly cuts: readonly number[] } | string;

const isOpen = ({ ended }: Http1Asked): boolean => !ended;
const first = ({ seen }: Http1Memory): Http1Asked | undefined => seen.find(isOpen);

function answer(asked: Http1Asked | undefined): void {
  if (asked === undefined) return;
  if (asked.begun) asked.finish();
  else asked.respond('here');
}

function begin(asked: Http1Asked | undefined): void {
  if (asked?.begun === false) asked.open('200 OK', UNKNOWN_LENGTH);
}

function write(asked: Http1Asked | undefined, bytes: number): void {
  begin(asked);
  if (asked?.ending === false) asked.downstream.write(Buffer.alloc(bytes, 'y'));
}

/** What happens besides bytes that come. */
const STEPS: Readonly<Record<string, (memory: Http1Memory) => void>> = {
  answer: (memory) => answer(first(memory)),
  answerLast: ({ seen }) => answer(seen.findLast(isOpen)),
  inform: (memory) => first(memory)?.downstream.inform('103 Early Hints\r\nLink: </x>'),
  begin: (memory) => begin(first(memory)),
  write: (memory) => write(first(memory), 10),
  writeMuch: (memory) => write(first(memory), 200_000),
  writeLast: ({ seen }) => write(seen.findLast(isOpen), 100),
  agree: (memory) => {
    const asked = first(memory);
    if (asked?.tunnel === true && asked.complete && !asked.begun)
      asked.open('101 Switching Protocols\r\nUpgrade: websocket', TUNNEL);
  },
  abort: (memory) => {
    const asked = first(memory);
    asked?.downstream.abort();
    asked?.release();
  },
  pause: (memory) => first(memory)?.downstream.pauseBody(),
  resume: (memory) => first(memory)?.downstream.resumeBody(),
  stop: ({ socket }) => socket.limit(0),
  take: ({ socket }) => socket.take(100_000),
  look: (memory) => memory.lookOnce(500),
  drain: ({ connection }) => connection.drain(),
  end: ({ socket }) => socket.giveEnd(),
  time: ({ wheel }) => wheel.turn(performance.now() + 11_000),
};
/** Of those most things end the conversation. */
const RARE = ['abort', 'drain', 'end', 'time'];
const steps: fc.Arbitrary<Step> = fc.oneof(
  { weight: 12, arbitrary: fc.record({ text: requests, cuts }) },
  { weight: 16, arbitrary: fc.constantFrom(...Object.keys(STEPS).filter((name) => !RARE.includes(name))) },
  { weight: 1, arbitrary: fc.constantFrom(...RARE) },
  { weight: 1, arbitrary: fc.record({ text: fc.string({ minLength: 1, maxLength: 20 }), cuts }) },
);

export const conversations = fc.array(steps, { maxLength: 30 });

export async function converse(conversation: readonly Step[]): Promise<void> {
  const memory = new Http1Memory();
  const { socket } = memory;
  let hasEnded = false;
  for (const step of conversation) {
    if (socket.closed) break;
    if (typeof step === 'string') {
      STEPS[step](memory);
      hasEnded ||= step === 'end';
    } else if (!hasEnded) {
      let from = 0;
      for (const share of [...step.cuts.toSorted((a, b) => a - b), 1]) {
        const to = Math.round(share * step.text.length);
        if (to > from) socket.give(step.text.slice(from, to));
        from = to;
      }
    }
    await socket.settle(1);
  }
  await comeToEnd(memory);
}

/** All is answered and taken, and the client says that it is through: then the connection is too. */
async function comeToEnd(memory: Http1Memory): Promise<void> {
  const { socket, wheel } = memory;
  socket.limit(Number.POSITIVE_INFINITY);
  socket.take(0);
  socket.giveEnd();
  for (let rounds = 0; !socket.closed && !socket.endSent; rounds++) {
    assert.ok(rounds < 200, 'it hangs');
    for (const asked of new Set(memory.seen.filter(isOpen))) {
      asked.downstream.resumeBody();
      answer(asked);
    }
    await socket.settle(1);
  }
  await socket.settle();
  const sent = socket.sent();
  if (!socket.wasReset && !memory.seen.some(({ tunnel }) => tunnel)) checkSent(sent, socket.endSent);
  // What lingers is closed when its time is over.
  for (let rounds = 0; !socket.closed; rounds++) {
    assert.ok(rounds < 5, 'it lingers');
    wheel.turn(performance.now() + HOUR_MS);
    await socket.settle();
  }
  assert.deepEqual(socket.crashes, []);
  assert.ok(memory.seen.every(({ ended }) => ended));
  await memory.closed();
}

/** Heads with their bodies, one behind the other; only a connection that broke may end within one. */
function checkSent(sent: Buffer, isWhole: boolean): void {
  const head = new ResponseHead();
  let at = 0;
  while (at < sent.length) {
    const bytes = Buffer.from(sent.subarray(at));
    const behind = head.parse(bytes, 0, bytes.length);
    if (behind <= 0 && !isWhole) return;
    assert.ok(behind > 0, `no head: ${sent.subarray(at, at + 40).toString('latin1')}`);
    at += behind;
    if (head.status < 200) continue;
    if (head.chunked) at = behindChunks(sent, at, isWhole);
    else if (head.contentLength !== NO_LENGTH) at += head.contentLength;
    // Without a length it ends with the connection.
    else return;
    assert.ok(at <= sent.length || !isWhole, 'a body that is cut');
  }
}

function behindChunks(sent: Buffer, start: number, isWhole: boolean): number {
  for (let at = start; ; ) {
    const line = sent.indexOf('\r\n', at);
    if (line < 0 && !isWhole) return sent.length;
    const length = Number.parseInt(sent.subarray(at, line).toString('latin1'), 16);
    assert.ok(line > at && length >= 0, 'no chunk');
    at = line + 2 + length + 2;
    if (length === 0) return at;
  }
}
