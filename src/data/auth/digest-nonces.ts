/**
 * Nonces of digest auth (shared/spec frontend-options §2.2). Nobody remembers them: whoever has the keys knows his own. The keys
 * are made from those of session tickets, which all workers have and nodes may share, and change with them.
 *
 *     nonce    base64 of  4 bytes of time (Unix seconds), 8 random ones, 12 of an HMAC over both
 *     opaque   12 bytes of an HMAC, base64: the same for all nonces of a key
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { TicketKeyRing } from '../../protocol/messages.ts';

const START_BYTES = 12;
const MAC_BYTES = 12;

type NonceKey = { readonly secret: Buffer; readonly opaque: string };

export type Nonce = {
  /** Seconds since it was made, 0 for one of a clock that is ahead. */
  readonly age: number;
  /** 64 bits that no other nonce has. */
  readonly high: number;
  readonly low: number;
};

function mac(secret: Uint8Array, of: string | Uint8Array): Buffer {
  return createHmac('sha256', secret).update(of).digest();
}

export class DigestNonces {
  private keys: readonly NonceKey[] = [];

  constructor(ring: TicketKeyRing) {
    this.rotate(ring);
  }

  /** New nonces are made with the first key from now on, and those of all keys are known. */
  rotate(ring: TicketKeyRing): void {
    this.keys = ring.map((ticketKey) => {
      const secret = mac(ticketKey, 'nonces of digest auth');
      return { secret, opaque: mac(secret, 'opaque').toString('base64', 0, MAC_BYTES) };
    });
  }

  make(): { nonce: string; opaque: string } {
    const [{ secret, opaque }] = this.keys;
    const start = Buffer.alloc(START_BYTES);
    start.writeUInt32BE(Math.floor(Date.now() / 1000), 0);
    randomBytes(START_BYTES - 4).copy(start, 4);
    const nonce = Buffer.concat([start, mac(secret, start).subarray(0, MAC_BYTES)]).toString('base64');
    return { nonce, opaque };
  }

  /** null for what nobody with our keys has made. */
  read(nonce: string, opaque: string): Nonce | null {
    const key = this.keys.find((each) => each.opaque === opaque);
    const bytes = Buffer.from(nonce, 'base64');
    // Of many texts that mean the same bytes one is the nonce.
    if (key === undefined || bytes.length !== START_BYTES + MAC_BYTES || bytes.toString('base64') !== nonce)
      return null;
    const start = bytes.subarray(0, START_BYTES);
    const told = bytes.subarray(START_BYTES);
    if (!timingSafeEqual(mac(key.secret, start).subarray(0, MAC_BYTES), told)) return null;
    const age = Math.max(0, Math.floor(Date.now() / 1000) - bytes.readUInt32BE(0));
    return { age, high: told.readInt32LE(4) | 1, low: told.readInt32LE(8) };
  }
}
