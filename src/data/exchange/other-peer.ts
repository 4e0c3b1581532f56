/** A client behind proxies, by another address than that of its connection. */
import type { Peer } from '../middleware.ts';

export class OtherPeer implements Peer {
  readonly secure: boolean;
  private readonly address: string;

  constructor({ secure }: Peer, address: string) {
    this.secure = secure;
    this.address = address;
  }

  peerAddress(): string {
    return this.address;
  }
}
