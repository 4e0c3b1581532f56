/** What one connection may cost (study engine §4), and that a client that is served never comes near it. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { localReply } from '../../../../src/data/reply.ts';
import { FAULTS } from '../../../../src/kernel/errors.ts';
import { frame } from '../../../harness/http2-frames.ts';
import { block, CODE, FLAG, FRAME, Http2Memory, request } from '../../../harness/http2-memory.ts';

const { enhanceYourCalm, refusedStream } = CODE;
const PING = frame(FRAME.ping, 0, 0, Buffer.alloc(8));
const rst = (id: number): Buffer => frame(FRAME.rstStream, 0, id, Buffer.from([0, 0, 0, 8]));
const head = (id: number, flags = FLAG.endHeaders): Buffer => frame(FRAME.headers, flags, id, block());

/** How the connection ends when its client does this so often, in reads of a hundred; -1: it lives. */
async function flood(times: number, each: (n: number) => Buffer, first: Buffer = Buffer.alloc(0)): Promise<number> {
  const memory = new Http2Memory().start();
  memory.send(first);
  for (let n = 0; n < times; n += 100) {
    memory.send(Buffer.concat(Array.from({ length: 100 }, (_, i) => each(n + i))));
    await memory.socket.settle(1);
  }
  const code = await memory.goaway();
  await memory.ended();
  return code;
}

const FLOODS: readonly (readonly [string, (n: number) => Buffer, Buffer?])[] = [
  ['PING', () => PING],
  ['SETTINGS', () => frame(FRAME.settings, 0, 0)],
  ['PRIORITY', () => frame(FRAME.priority, 0, 1, Buffer.alloc(5))],
  ['WINDOW_UPDATE', () => frame(FRAME.windowUpdate, 0, 0, Buffer.from([0, 0, 0, 1]))],
  ['unknown frames', () => frame(0xbb, 0, 0)],
  ['empty DATA', () => frame(FRAME.data, 0, 1), head(1)],
  ['DATA that is only padding', () => frame(FRAME.data, FLAG.padded, 1, Buffer.from([0])), head(1)],
  ['RST_STREAM for one stream', () => rst(1), Buffer.concat([head(1), rst(1)])],
];

for (const [name, each, first] of FLOODS) {
  test(`a flood of ${name} ends its connection`, async () => {
    assert.equal(await flood(16_000, each, first), enhanceYourCalm);
    assert.equal(await flood(700, each, first), -1);
  });
}

test('streams that come to nothing are few: taken back, wrong, or refused', async () => {
  const opened = (n: number): number => 2 * n + 1;
  assert.equal(await flood(1_000, (n) => Buffer.concat([head(opened(n)), rst(opened(n))])), enhanceYourCalm);
  assert.equal(await flood(200, (n) => Buffer.concat([head(opened(n)), rst(opened(n))])), -1);
  const wrong = (n: number): Buffer =>
    Buffer.concat([head(opened(n)), frame(FRAME.windowUpdate, 0, opened(n), Buffer.alloc(4))]);
  assert.equal(await flood(1_000, wrong), enhanceYourCalm, 'MadeYouReset');
  assert.equal(await flood(1_000, (n) => head(opened(n))), enhanceYourCalm, 'those beyond the limit');
  const malformed = (n: number): Buffer =>
    frame(FRAME.headers, FLAG.endHeaders | FLAG.endStream, opened(n), block('a'));
  assert.equal(await flood(1_000, malformed), enhanceYourCalm);
});

test('a client that is served may send PINGs without end', async () => {
  assert.equal(await flood(40_000, (n) => (n % 10 === 0 ? request(n / 5 + 1, '/now') : PING)), -1);
});

test('streams beyond the limit are refused, and one that was reset counts until its exchange has let go of it', async () => {
  const memory = new Http2Memory().start();
  for (let n = 0; n < 250; n++) memory.send(head(2 * n + 1));
  memory.get(501);
  assert.equal(await memory.reset(501), refusedStream);
  memory.send(rst(1));
  memory.get(503, '/now');
  assert.equal((await memory.heads()).get(503)?.[0][0], ':status: 404', 'its exchange has heard of it');
  for (const { waiting } of memory.asked) waiting.proceed(localReply(FAULTS.noRoute));
  memory.get(505, '/now');
  assert.ok((await memory.heads()).has(505));
  await memory.ended();
});

test('requests of one read are begun in several turns', async () => {
  const memory = new Http2Memory().start();
  memory.send(Buffer.concat(Array.from({ length: 1_200 }, (_, n) => request(2 * n + 1, '/now'))));
  assert.equal(memory.connection.streams.lastBegun, 999);
  await memory.socket.settle(1);
  assert.equal(memory.connection.streams.lastBegun, 1_999);
  await memory.socket.settle(1);
  assert.equal(memory.connection.streams.lastBegun, 2_399);
  await memory.ended();
});

test('a client that takes no answers is not read', async () => {
  const memory = new Http2Memory().start();
  await memory.frames();
  memory.socket.limit(0);
  for (let n = 0; n < 60 && !memory.socket.paused; n++)
    memory.send(Buffer.concat(Array.from({ length: 100 }, () => PING)));
  assert.ok(memory.socket.paused);
  assert.ok(memory.socket.backlog < 100_000);
  memory.socket.take(1_000_000);
  await memory.socket.settle();
  assert.ok(!memory.socket.paused);
  assert.equal(await memory.goaway(), -1);
  await memory.ended();
});

test('heads that are held at the same time are bounded, references of one byte to long fields included', async () => {
  const memory = new Http2Memory().start();
  const field = Buffer.concat([
    Buffer.from([0x40, 1]),
    Buffer.from('x'),
    Buffer.from([0x7f, 0x81, 0x1d]),
    Buffer.alloc(3_840, 'y'),
  ]);
  const bomb = Buffer.concat([block(), Buffer.alloc(16, 0x80 | 62)]);
  memory.send(frame(FRAME.headers, FLAG.endHeaders, 1, Buffer.concat([block(), field])));
  for (let n = 1; n < 120; n++) memory.send(frame(FRAME.headers, FLAG.endHeaders, 2 * n + 1, bomb));
  const refused = (await memory.frames()).filter(({ type }) => type === FRAME.rstStream);
  assert.ok(refused.length > 0);
  assert.ok(refused.every(({ payload }) => payload.readUInt32BE(0) === enhanceYourCalm));
  assert.ok(memory.budget.heldBytes <= 4_300_000 && memory.budget.heldBytes > 3_000_000);
  await memory.ended();
});
