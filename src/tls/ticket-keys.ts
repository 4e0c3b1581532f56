/**
 * Session tickets (RFC 5077, RFC 8446 §4.6.1) of one worker: the key ring that all workers share, so that a client
 * resumes on any of them.
 *
 * Node's documented `setTicketKeys` knows one key: with it alone every rotation would refuse all tickets that are out.
 * Its secure contexts also have OpenSSL's ticket callback, undocumented (node keeps it for a test of its own), which
 * takes tickets of older keys and renews them. It is used where it is there (`test/unit/tls` says when a Node
 * loses it), and the documented way is the fallback.
 */
import { randomBytes } from 'node:crypto';
import type { SecureContext } from 'node:tls';
import type { TicketKey, TicketKeyRing } from '../protocol/messages.ts';

/** What OpenSSL is told (SSL_CTX_set_tlsext_ticket_key_cb): 0 unknown, 1 take it, 2 take it and make a new one. */
type TicketAnswer = 0 | 1 | 2;
/** On making a ticket also the key's name and the IV. */
type TicketReply = [answer: TicketAnswer, hmac: Buffer, aes: Buffer, name?: Buffer, iv?: Buffer];

type NativeContext = {
  onticketkeycallback?: (name: Buffer, iv: Buffer, making: boolean) => TicketReply;
  enableTicketKeyCallback?: () => void;
  setTicketKeys(keys: Buffer): void;
};

const PART = 16;

type Parts = { readonly name: Buffer; readonly hmac: Buffer; readonly aes: Buffer };

function partsOf(key: TicketKey): Parts {
  const bytes = Buffer.from(key);
  return {
    name: bytes.subarray(0, PART),
    hmac: bytes.subarray(PART, 2 * PART),
    aes: bytes.subarray(2 * PART, 3 * PART),
  };
}

export class TicketKeys {
  private ring: readonly Parts[] = [];
  /** The newest key as the documented API takes it. */
  private newest = Buffer.alloc(3 * PART);
  private readonly contexts = new Set<WeakRef<NativeContext>>();

  constructor(ring: TicketKeyRing) {
    this.rotate(ring);
  }

  /** All contexts use the new ring from their next handshake on. */
  rotate(ring: TicketKeyRing): void {
    if (ring.length === 0) return;
    this.ring = ring.map(partsOf);
    this.newest = Buffer.from(ring[0]);
    for (const reference of this.contexts) {
      const native = reference.deref();
      if (native === undefined) this.contexts.delete(reference);
      else native.setTicketKeys(this.newest);
    }
  }

  /** `context` makes and takes tickets of this ring. Only contexts of servers: those that SNI picks have no say. */
  install(context: SecureContext): void {
    const native = (context as { context: NativeContext }).context;
    native.setTicketKeys(this.newest);
    if (native.enableTicketKeyCallback === undefined) {
      this.contexts.add(new WeakRef(native));
      return;
    }
    native.onticketkeycallback = (name, _iv, making) => (making ? this.make() : this.take(name));
    native.enableTicketKeyCallback();
  }

  private make(): TicketReply {
    const { name, hmac, aes } = this.ring[0];
    return [1, hmac, aes, name, randomBytes(PART)];
  }

  private take(name: Buffer): TicketReply {
    const at = this.ring.findIndex((key) => key.name.equals(name));
    // Node ends the process when keys are missing, even where OpenSSL will not look at them.
    const { hmac, aes } = this.ring[Math.max(at, 0)];
    return [at === -1 ? 0 : at === 0 ? 1 : 2, hmac, aes];
  }
}
