import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { encodeFrame, FrameReader } from '../../../bench/frames.ts';

const payloads = fc.array(fc.uint8Array({ maxLength: 125 }), { minLength: 1, maxLength: 4 });
const masks = fc.option(fc.uint8Array({ minLength: 4, maxLength: 4 }), { nil: null });

test('frames come back as they were sent, masked or not, cut at every byte', () => {
  fc.assert(
    fc.property(payloads, masks, (sent, mask) => {
      const frames = sent.map((payload) => encodeFrame(Buffer.from(payload), mask === null ? null : Buffer.from(mask)));
      const bytes = Buffer.concat(frames);
      for (let cut = 0; cut <= bytes.length; cut++) {
        const reader = new FrameReader();
        const received = [...reader.push(bytes.subarray(0, cut)), ...reader.push(bytes.subarray(cut))];
        assert.deepEqual(
          received.map((payload) => [...payload]),
          sent.map((payload) => [...payload]),
        );
      }
    }),
    { numRuns: 30 },
  );
});

test('the example of RFC 6455 §5.7 is read and written', () => {
  const masked = Buffer.from('818537fa213d7f9f4d5158', 'hex');
  assert.equal(new FrameReader().push(masked)[0]!.toString(), 'Hello');
  assert.deepEqual(encodeFrame(Buffer.from('Hello'), Buffer.from('37fa213d', 'hex')), masked);
});

test('anything but a short, whole text frame is refused', () => {
  for (const wrong of ['8800', '0105', '817e0080', '8200']) {
    assert.throws(() => new FrameReader().push(Buffer.from(wrong, 'hex')), RangeError, wrong);
  }
  assert.throws(() => encodeFrame(Buffer.alloc(126), null), RangeError);
});
