import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { CODE, FLAG, FRAME, MAX_FRAME, SETTING } from '../../../src/http2/codes.ts';
import { CutSpace, FrameReader, MAX_BLOCK } from '../../../src/http2/frame-reader.ts';
import * as writer from '../../../src/http2/frame-writer.ts';
import { ByteOutput } from '../../../src/kernel/byte-output.ts';
import { FrameEvents, frameEvents } from '../../harness/frame-events.ts';
import { frame } from '../../harness/http2-frames.ts';

const PAYLOAD = Buffer.from('payload!');

function written(write: (out: ByteOutput) => void): Buffer {
  const out = new ByteOutput();
  write(out);
  const pieces: Uint8Array[] = [];
  out.takePieces(pieces);
  return Buffer.concat(pieces);
}

function bytesOf(...bytes: readonly number[]): Buffer {
  return Buffer.from(bytes);
}

test('every frame that is written is read as what it is', () => {
  const bytes = written((out) => {
    writer.writeSettings(out, [SETTING.initialWindowSize, 131_072, SETTING.noRfc7540Priorities, 1]);
    writer.writeSettingsAck(out);
    writer.writePing(out, true, PAYLOAD, 0);
    writer.writeWindowUpdate(out, 0, 0x7fff_0000);
    writer.writeData(out, 3, PAYLOAD, 1, 4, false);
    writer.writeText(out, 3, 'text\xff', true);
    const mark = writer.beginHeaders(out, 5, true);
    out.bytes(PAYLOAD, 0, 8);
    writer.endHeaders(out, mark);
    writer.writeReset(out, 7, CODE.enhanceYourCalm);
    writer.writeGoaway(out, 0x7fff_ffff, CODE.noError);
  });
  assert.deepEqual(frameEvents([bytes]), [
    'SETTINGS 000400020000000900000001',
    'SETTINGS ACK',
    `PING true ${PAYLOAD.toString('hex')}`,
    'WINDOW_UPDATE 0 2147418112',
    'DATA 3 3 3 false',
    'content "ayl"',
    'DATA 3 5 5 true',
    'content "textÿ"',
    `HEADERS 5 true false ${PAYLOAD.toString('hex')}`,
    'RST_STREAM 7 11',
    'GOAWAY 2147483647 0',
  ]);
});

test('a header block of any length arrives whole', () => {
  for (const length of [0, 1, MAX_FRAME, MAX_FRAME + 1, 3 * MAX_FRAME, 100_000]) {
    const block = Buffer.alloc(length, 'x');
    const events = frameEvents([written((out) => writer.writeBlock(out, 9, false, block))]);
    assert.deepEqual(events, [`HEADERS 9 false false ${block.toString('hex')}`], `${length} bytes`);
  }
});

/** Frames by hand, and what is told of them behind `SETTINGS`. */
const REFUSED: readonly (readonly [string, Buffer, string])[] = [
  ['DATA on stream 0', frame(FRAME.data, 0, 0, PAYLOAD), `failed ${CODE.protocol} DATA on stream 0`],
  ['padding beyond its frame', frame(FRAME.data, FLAG.padded, 1, bytesOf(8, 1, 2)), `failed ${CODE.protocol}`],
  ['padding as long as its frame', frame(FRAME.data, FLAG.padded, 1, bytesOf(3, 1, 2)), `failed ${CODE.protocol}`],
  ['padding without a length', frame(FRAME.data, FLAG.padded, 1), `failed ${CODE.protocol}`],
  ['HEADERS on stream 0', frame(FRAME.headers, FLAG.endHeaders, 0), `failed ${CODE.protocol}`],
  ['HEADERS of padding alone', frame(FRAME.headers, FLAG.padded, 1, bytesOf(1)), `failed ${CODE.protocol}`],
  [
    'HEADERS too short for a priority',
    frame(FRAME.headers, FLAG.priority, 1, bytesOf(0, 0)),
    `failed ${CODE.protocol}`,
  ],
  ['PRIORITY on stream 0', frame(FRAME.priority, 0, 0, Buffer.alloc(5)), `failed ${CODE.protocol}`],
  ['PRIORITY of 4 bytes', frame(FRAME.priority, 0, 3, Buffer.alloc(4)), `PRIORITY 3 ${CODE.frameSize}`],
  ['PRIORITY on itself', frame(FRAME.priority, 0, 3, bytesOf(0, 0, 0, 3, 0)), `PRIORITY 3 ${CODE.protocol}`],
  ['RST_STREAM of 3 bytes', frame(FRAME.rstStream, 0, 1, Buffer.alloc(3)), `failed ${CODE.frameSize}`],
  ['RST_STREAM on stream 0', frame(FRAME.rstStream, 0, 0, Buffer.alloc(4)), `failed ${CODE.protocol}`],
  ['SETTINGS on a stream', frame(FRAME.settings, 0, 1), `failed ${CODE.protocol}`],
  ['SETTINGS of 5 bytes', frame(FRAME.settings, 0, 0, Buffer.alloc(5)), `failed ${CODE.frameSize}`],
  [
    'an acknowledgement that says something',
    frame(FRAME.settings, FLAG.ack, 0, Buffer.alloc(6)),
    `failed ${CODE.frameSize}`,
  ],
  ['PUSH_PROMISE', frame(FRAME.pushPromise, 0, 1, Buffer.alloc(4)), `failed ${CODE.protocol}`],
  ['PING on a stream', frame(FRAME.ping, 0, 1, PAYLOAD), `failed ${CODE.protocol}`],
  ['PING of 7 bytes', frame(FRAME.ping, 0, 0, Buffer.alloc(7)), `failed ${CODE.frameSize}`],
  ['GOAWAY on a stream', frame(FRAME.goaway, 0, 1, PAYLOAD), `failed ${CODE.protocol}`],
  ['GOAWAY of 7 bytes', frame(FRAME.goaway, 0, 0, Buffer.alloc(7)), `failed ${CODE.frameSize}`],
  ['WINDOW_UPDATE of 3 bytes', frame(FRAME.windowUpdate, 0, 0, Buffer.alloc(3)), `failed ${CODE.frameSize}`],
  ['CONTINUATION of nothing', frame(FRAME.continuation, FLAG.endHeaders, 1), `failed ${CODE.protocol}`],
  [
    'a block that PING interrupts',
    Buffer.concat([frame(FRAME.headers, 0, 1), frame(FRAME.ping, 0, 0, PAYLOAD)]),
    `failed ${CODE.protocol}`,
  ],
  [
    'a block that an unknown frame interrupts',
    Buffer.concat([frame(FRAME.headers, 0, 1), frame(0xbb, 0, 0)]),
    `failed ${CODE.protocol}`,
  ],
  [
    'a block that another stream goes on with',
    Buffer.concat([frame(FRAME.headers, 0, 1), frame(FRAME.continuation, 4, 3)]),
    `failed ${CODE.protocol}`,
  ],
  ['PRIORITY_UPDATE on a stream', frame(FRAME.priorityUpdate, 0, 1, PAYLOAD), `failed ${CODE.protocol}`],
  ['PRIORITY_UPDATE of 3 bytes', frame(FRAME.priorityUpdate, 0, 0, Buffer.alloc(3)), `failed ${CODE.frameSize}`],
  ['a frame that is too long', frame(FRAME.data, 0, 1, Buffer.alloc(MAX_FRAME + 1)), `failed ${CODE.frameSize}`],
  ['an unknown frame that is too long', frame(0xbb, 0, 1, Buffer.alloc(MAX_FRAME + 1)), `failed ${CODE.frameSize}`],
];

for (const [name, bytes, expected] of REFUSED) {
  test(`${name} is refused, however it is cut`, () => {
    const settings = frame(FRAME.settings, 0, 0);
    const all = Buffer.concat([settings, bytes, expected.startsWith('failed') ? settings : Buffer.alloc(0)]);
    const cuts = all.length > 200 ? [9, 12, 18, 27] : all.keys();
    for (const cut of cuts) {
      const events = frameEvents([all.subarray(0, cut), all.subarray(cut)]);
      assert.equal(events.length, 2, events.join('\n'));
      assert.ok(events[1].startsWith(expected), events[1]);
    }
  });
}

test('reserved bits mean nothing', () => {
  const bytes = Buffer.concat([
    frame(FRAME.windowUpdate, 0, 0x8000_0001, bytesOf(0x80, 0, 0, 7)),
    frame(FRAME.goaway, 0, 0x8000_0000, bytesOf(0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1)),
  ]);
  assert.deepEqual(frameEvents([bytes]), ['WINDOW_UPDATE 1 7', 'GOAWAY 2147483647 1']);
});

test('a header block has its bounds in pieces and in bytes', () => {
  const more = (bytes: number, flags = 0): Buffer => frame(FRAME.continuation, flags, 1, Buffer.alloc(bytes));
  const first = frame(FRAME.headers, 0, 1);
  const eight = frameEvents([first, ...Array(7).fill(more(1)), more(1, FLAG.endHeaders)]);
  assert.deepEqual(eight, ['HEADERS 1 false false 0000000000000000']);
  assert.match(frameEvents([first, ...Array(9).fill(more(0))])[0], /^failed 11 .*pieces/);
  const long = frame(FRAME.headers, 0, 1, Buffer.alloc(MAX_FRAME));
  assert.match(frameEvents([long, ...Array(8).fill(more(MAX_FRAME))])[0], /^failed 11 .*too long/);
  assert.equal(MAX_BLOCK, 8 * MAX_FRAME);
});

test('what is cut is bounded by what all connections may keep, and a long frame is not paid for before it comes', () => {
  const space = new CutSpace(2_000);
  const sink = new FrameEvents();
  const reader = new FrameReader(sink, space);
  const head = frame(FRAME.headers, FLAG.endHeaders, 1, Buffer.alloc(16_000)).subarray(0, 100);
  reader.read(head, 0, head.length);
  assert.equal(reader.heldBytes, 512);
  assert.ok(reader.isCut);
  const other = new FrameEvents();
  const second = new FrameReader(other, space);
  const most = Buffer.concat([head, Buffer.alloc(2_000)]);
  second.read(most, 0, most.length);
  assert.match(other.events[0], /^failed 11/);
  second.close();
  reader.close();
  assert.ok(space.take(reader, 2_000));
});

test('where nothing is left for what is cut, whoever holds most of it is ended, and not who comes last', () => {
  const space = new CutSpace(20_000);
  const [hog, early, late] = [0, 1, 2].map(() => {
    const sink = new FrameEvents();
    return { sink, reader: new FrameReader(sink, space) };
  });
  const endless = frame(FRAME.headers, 0, 1, Buffer.alloc(16_000));
  hog.reader.read(endless, 0, endless.length);
  const whole = frame(FRAME.headers, FLAG.endHeaders, 1, Buffer.alloc(16_000));
  early.reader.read(whole, 0, 3_500);
  late.reader.read(whole, 0, 600);
  assert.match(hog.sink.events[0], /^failed 11/);
  assert.equal(hog.reader.heldBytes, 0);
  for (const { reader, sink } of [early, late]) {
    assert.deepEqual([sink.events, reader.isCut], [[], true]);
    reader.close();
  }
  assert.ok(space.take(hog.reader, 20_000));
});

test('a sink that wants no more gets no more, and the rest later', () => {
  const sink = new FrameEvents();
  const reader = new FrameReader(sink, new CutSpace(10_000));
  sink.unknownFrame = () => {
    sink.events.push('unknown');
    reader.stop();
  };
  const bytes = Buffer.concat([frame(0xbb, 0, 0, PAYLOAD), frame(0xbb, 0, 0), frame(FRAME.settings, 1, 0)]);
  assert.equal(reader.read(bytes, 0, bytes.length), 17);
  assert.equal(reader.read(bytes, 17, bytes.length), 26);
  assert.equal(reader.read(bytes, 26, bytes.length), bytes.length);
  assert.deepEqual(sink.events, ['unknown', 'unknown', 'SETTINGS ACK']);
});

const ids = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 9 }), fc.nat(0xffff_ffff));
const types = fc.oneof({ weight: 9, arbitrary: fc.nat(10) }, fc.constant(16), fc.nat(255));
const frames = fc
  .tuple(types, fc.oneof(fc.constantFrom(0, 1, 4, 5, 8, 9, 0x2d), fc.nat(255)), ids, fc.uint8Array({ maxLength: 20 }))
  .map(([type, flags, id, payload]) => frame(type, flags, id, Buffer.from(payload)));

test('any bytes mean the same, however they are cut', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof({ weight: 9, arbitrary: frames }, fc.uint8Array({ maxLength: 12 }))), (parts) => {
      const bytes = Buffer.concat(parts);
      const whole = frameEvents([bytes]);
      for (let cut = 1; cut < bytes.length; cut++) {
        assert.deepEqual(frameEvents([bytes.subarray(0, cut), bytes.subarray(cut)]), whole);
      }
      assert.deepEqual(frameEvents([...bytes].map((byte) => bytesOf(byte))), whole);
    }),
    { numRuns: 60 },
  );
});
