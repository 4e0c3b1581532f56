/**
 * Conversations of HTTP/2 at random, most of them nearly right, and what must hold whatever a client sends: nothing throws,
 * every frame of ours makes sense, and nothing is left over. `npm run fuzz` plays them for as long as is wanted.
 */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { localReply } from '../../src/data/reply.ts';
import { FAULTS } from '../../src/kernel/errors.ts';
import { frame, hpackField, hpackIndexed } from './http2-frames.ts';
import { FLAG, FRAME, Http2Memory, PREFACE } from './http2-memory.ts';

/** Streams that every conversation begins with; others may follow. */
const OPENED = [1, 3, 5, 7];
const ids = fc.oneof(
  { weight: 40, arbitrary: fc.constantFrom(...OPENED) },
  { weight: 2, arbitrary: fc.nat(20).map((n) => 2 * n + 9) },
  { weight: 1, arbitrary: fc.oneof(fc.nat(20), fc.nat(0xffff_ffff)) },
);
const newIds = fc.oneof({ weight: 4, arbitrary: fc.nat(20).map((n) => 2 * n + 9) }, ids);
const headFlags = fc.oneof({ weight: 20, arbitrary: fc.constantFrom(4, 5) }, fc.nat(255));
const flags = fc.oneof({ weight: 8, arbitrary: fc.constantFrom(0, 1, 4, 5) }, fc.nat(255));
const short = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes));
const numbers = fc.oneof(fc.constantFrom(0, 1, 100, 65_535, 0x7fff_ffff), fc.nat(0xffff_ffff)).map((value) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
});

const pseudo: readonly (readonly [string, string])[] = [
  [':method', 'GET'],
  [':method', 'CONNECT'],
  [':protocol', 'websocket'],
  [':scheme', 'https'],
  [':path', '/now'],
  [':path', '/'],
  [':authority', 'h'],
];
const names = fc.constantFrom(
  'x',
  'cookie',
  'te',
  'host',
  'content-length',
  'priority',
  'expect',
  'X',
  '',
  ':x',
  'connection',
);
const values = fc.oneof(
  fc.constantFrom('', '0', '5', 'trailers', 'h', 'u=1,i', 'a=b', '\r\n', 'é'),
  fc.string({ maxLength: 9 }),
);
const fields = fc.oneof(
  fc.tuple(names, values, fc.boolean()).map(([name, value, kept]) => hpackField(name, value, kept)),
  fc.nat(70).map(hpackIndexed),
  fc.constantFrom(...pseudo).map(([name, value]) => hpackField(name, value)),
  short,
);
/** Mostly a good head, with something behind it. */
const blocks = fc
  .tuple(fc.integer({ min: 0, max: 9 }), fc.constantFrom('/', '/now'), fc.array(fields, { maxLength: 4 }))
  .map(([badness, path, more]) => {
    const good = [':method GET', ':scheme https', `:path ${path}`, ':authority h'].map((text) => {
      const [name, value] = text.split(' ');
      return hpackField(name, value);
    });
    return Buffer.concat([...(badness === 0 ? good.slice(1) : good), ...(badness < 5 ? [] : more)]);
  });

const frames = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.tuple(headFlags, newIds, blocks).map(([flag, id, block]) => frame(FRAME.headers, flag, id, block)),
  },
  { weight: 3, arbitrary: fc.tuple(flags, ids, short).map(([flag, id, bytes]) => frame(FRAME.data, flag, id, bytes)) },
  { weight: 2, arbitrary: fc.tuple(ids, numbers).map(([id, by]) => frame(FRAME.windowUpdate, 0, id, by)) },
  { weight: 2, arbitrary: fc.tuple(ids, numbers).map(([id, code]) => frame(FRAME.rstStream, 0, id, code)) },
  fc
    .tuple(ids, short)
    .map(([id, value]) => frame(FRAME.priorityUpdate, 0, 0, Buffer.concat([Buffer.from([0, 0, 0, id & 255]), value]))),
  fc.tuple(fc.constantFrom(1, 2, 3, 4, 5, 8, 9, 77), numbers).map(([setting, value]) => {
    return frame(FRAME.settings, 0, 0, Buffer.concat([Buffer.from([0, setting]), value]));
  }),
  {
    weight: 1,
    arbitrary: fc.tuple(fc.nat(20), flags, ids, short).map(([type, flag, id, bytes]) => frame(type, flag, id, bytes)),
  },
);

/** What happens besides frames: a request that waits is answered, the socket gets slow or fast, time passes, the worker drains. */
const STEPS: Readonly<Record<string, (memory: Http2Memory) => void>> = {
  answer: ({ asked }) => asked.shift()?.waiting.proceed(localReply(FAULTS.noRoute)),
  answerAtLength: ({ asked }) =>
    asked.shift()?.waiting.proceed({ ...localReply(FAULTS.noRoute), body: 'x'.repeat(100_000), length: 100_000 }),
  stop: ({ socket }) => socket.limit(0),
  take: ({ socket }) => socket.take(100_000),
  look: ({ connection }) => connection.look(1_000),
  drain: ({ connection }) => connection.drain(),
};
const steps = fc.oneof(
  { weight: 30, arbitrary: frames },
  { weight: 10, arbitrary: fc.constantFrom(...Object.keys(STEPS)) },
  fc.uint8Array({ minLength: 1, maxLength: 20 }).map((bytes) => Buffer.from(bytes)),
);

export const conversations = fc.array(steps, { maxLength: 40 });

export async function converse(conversation: readonly (Buffer | string)[]): Promise<void> {
  const memory = new Http2Memory({ downloadTimeoutMs: 5_000, uploadTimeoutMs: 5_000, headerTimeoutMs: 5_000 });
  memory.send(Buffer.from(PREFACE), frame(FRAME.settings, 0, 0));
  memory.post(OPENED[0]);
  memory.post(OPENED[1], [['content-length', '9']]);
  memory.get(OPENED[2]);
  memory.post(OPENED[3], [['te', 'trailers']]);
  for (const step of conversation) {
    if (memory.socket.closed) break;
    if (typeof step === 'string') STEPS[step](memory);
    else memory.send(step);
    if (typeof step === 'string') await memory.socket.settle(1);
  }
  memory.socket.limit(Number.POSITIVE_INFINITY);
  memory.socket.take(0);
  checkSent(await memory.frames());
  await memory.heads();
  await memory.ended();
}

/** No frame for a stream behind its end, nothing behind the last GOAWAY of an error, no frame too long. */
function checkSent(sent: Awaited<ReturnType<Http2Memory['frames']>>): void {
  const ended = new Set<number>();
  for (const { type, flags: flag, stream, payload } of sent) {
    assert.ok(payload.length <= 16_384);
    if (type === FRAME.windowUpdate && stream !== 0) assert.ok(payload.readUInt32BE(0) > 0);
    if (type !== FRAME.data && type !== FRAME.headers) continue;
    assert.ok(!ended.has(stream), `something behind the end of stream ${stream}`);
    if ((flag & FLAG.endStream) !== 0) ended.add(stream);
  }
}
