/**
 * The little of RFC 6455 §5.2 that an echo load needs: whole, unfragmented frames with payloads below 126 bytes, so
 * that neither side of the measurement uses the library that is measured.
 */

const FIN_AND_TEXT = 0x81;
const MASKED = 0x80;
const MAX_PAYLOAD = 125;

/** A text frame; `mask` (4 bytes) for the direction client to server, null for the other one. */
export function encodeFrame(payload: Buffer, mask: Buffer | null): Buffer {
  if (payload.length > MAX_PAYLOAD)
    throw new RangeError(`a payload of ${payload.length} bytes, at most 125 are possible`);
  const head =
    mask === null
      ? Buffer.from([FIN_AND_TEXT, payload.length])
      : Buffer.from([FIN_AND_TEXT, MASKED | payload.length, ...mask]);
  return Buffer.concat([head, mask === null ? payload : applyMask(payload, mask)]);
}

function applyMask(payload: Buffer, mask: Buffer): Buffer {
  const masked = Buffer.alloc(payload.length);
  for (let i = 0; i < payload.length; i++) masked[i] = payload[i]! ^ mask[i & 3]!;
  return masked;
}

/** Cuts a byte stream into the payloads of text frames. */
export class FrameReader {
  #rest: Buffer = Buffer.alloc(0);

  /**
   * @returns the unmasked payloads that are complete with this chunk, in order.
   * @throws RangeError for anything but a short, whole text frame.
   */
  push(chunk: Buffer): Buffer[] {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const payloads: Buffer[] = [];
    let at = 0;
    while (bytes.length - at >= 2) {
      const length = bytes[at + 1]! & 0x7f;
      if (bytes[at] !== FIN_AND_TEXT || length > MAX_PAYLOAD) {
        throw new RangeError(`not a short text frame: ${bytes.subarray(at, at + 2).toString('hex')}`);
      }
      const masked = (bytes[at + 1]! & MASKED) !== 0;
      const start = at + (masked ? 6 : 2);
      if (bytes.length < start + length) break;
      const payload = bytes.subarray(start, start + length);
      payloads.push(masked ? applyMask(payload, bytes.subarray(start - 4, start)) : payload);
      at = start + length;
    }
    this.#rest = bytes.subarray(at);
    return payloads;
  }
}
