/**
 * What all sockets have in common: who is told what and when, and what waits in either direction.
 *
 *     read ─▶ user.socketRead ─▶ used
 *                   └ the rest, after a pause or a rest ─▶ [ carry ] ─▶ again, when reading goes on
 *     user ─▶ out ─▶ end of the turn, or flush ─▶ one write at a time ─▶ handleWrote ─▶ the next
 *
 * Nothing is told within a call of the user's, so that no protocol is entered twice.
 */

import type { X509Certificate } from 'node:crypto';
import { ByteOutput } from '../../kernel/byte-output.ts';
import { plainAddress } from '../../kernel/ip-ranges.ts';
import { tellOwnError } from '../../kernel/own-error.ts';
import type { TlsTraits } from '../../kernel/tls-traits.ts';
import { writeTurn } from '../write-turn.ts';
import type { ByteSocket, SocketUser } from './byte-socket.ts';
import type { PeerName } from './handles.ts';
import { readOnLater } from './read-turn.ts';
import type { TlsFacts } from './tls-facts.ts';

/** What one connection may bring before it waits for the next turn of the event loop. */
const SHARE_BYTES = 262_144;

export interface SocketHost {
  socketGone(socket: BaseSocket): void;
}

const NOBODY: SocketUser = {
  socketRead: (_bytes, start) => start,
  socketEnded() {},
  socketDrained() {},
  socketClosed() {},
  socketCrashed() {},
};

export abstract class BaseSocket implements ByteSocket {
  abstract readonly secure: boolean;
  abstract readonly alpn: string;
  abstract readonly serverName: string;
  tls: TlsTraits | null = null;
  readonly out = new ByteOutput();
  closed = false;
  received = 0;
  /** Of bytes that were given to the system, those that it has not taken. */
  protected underWay = 0;
  private address = '';
  private port = 0;
  private user: SocketUser = NOBODY;
  /** Is told when it is closed, whoever its user is. */
  host: SocketHost | null = null;
  /** What came and was not used; `carryAt` to `carryEnd`. */
  private carry: Buffer | null = null;
  private carryAt = 0;
  private carryEnd = 0;
  private paused = false;
  private resting = false;
  private inRead = false;
  private peerEnded = false;
  private endTold = false;
  /** Brought since it has waited last. */
  private share = 0;
  private flushes = false;
  private ending = false;
  /** Nobody waits for the end of the peer. */
  private leaves = false;
  private shut = false;
  private shutDone = false;
  private owesDrain = false;
  private reason = '';
  private closedTold = false;

  abstract readonly taken: number;
  abstract isPeerGone(): boolean;
  abstract keepAlive(ms: number): void;
  abstract clientCertificates(): readonly X509Certificate[];
  abstract tlsFacts(): TlsFacts | null;

  /** Bytes come, or no more. Called again with the same. */
  protected abstract setReading(on: boolean): void;
  /** A write is under way: `wrote` follows, and no other may begin before. */
  protected abstract readonly isWriting: boolean;
  /** Gives the system what is in `out`, or the first of it, and sets `underWay`. '' or why it cannot. */
  protected abstract transmit(): string;
  /** Ends our side; `handleShut` follows, maybe within the call. */
  protected abstract shutDown(): void;
  /** `gone` follows, later. */
  protected abstract closeDown(abruptly: boolean): void;
  protected abstract askPeer(): PeerName;

  get backlog(): number {
    return this.underWay + this.out.length;
  }

  get heldBytes(): number {
    return this.underWay + this.out.heldBytes + (this.carry === null ? 0 : this.carry.length);
  }

  /** Whose connection it is, told by somebody who is believed. */
  isOf(address: string): void {
    this.address = plainAddress(address);
    this.port = 0;
  }

  peerAddress(): string {
    if (this.address === '' && !this.closed) {
      const { address, port } = this.askPeer();
      this.address = plainAddress(address);
      this.port = port;
    }
    return this.address;
  }

  /** Somebody who tells the address does not tell the port. */
  peerPort(): number {
    this.peerAddress();
    return this.port;
  }

  begin(user: SocketUser): void {
    this.user = user;
    this.paused = false;
    // Within a read what is left comes right behind it, by that read.
    this.goOn(!this.inRead && this.carry !== null);
  }

  pause(): void {
    this.paused = true;
    if (!this.closed) this.setReading(false);
  }

  resume(): void {
    if (!this.paused) return;
    this.paused = false;
    this.goOn(this.inRead || this.carry !== null);
  }

  rest(): void {
    if (this.resting || this.closed) return;
    this.resting = true;
    this.setReading(false);
    readOnLater(this);
  }

  /** `later`: something may have come that the user is to be given first. */
  private goOn(later: boolean): void {
    if (this.closed) return;
    if (later || (this.peerEnded && !this.endTold)) this.rest();
    else this.setReading(!this.resting);
  }

  /** The turn is over. */
  readOn(): void {
    this.resting = false;
    if (this.closed || this.paused) return;
    try {
      const { carry } = this;
      if (carry !== null) this.deliver(carry, this.carryAt, this.carryEnd);
      this.tellEnd();
      if (this.mayRead) this.setReading(true);
    } catch (error) {
      this.handleCrashed(error);
    }
  }

  private get mayRead(): boolean {
    return !this.paused && !this.resting && !this.closed;
  }

  /** `bytes[0, length)` have come. They are somebody else's afterwards. */
  protected came(bytes: Buffer, length: number): void {
    this.received += length;
    if (this.carry === null && this.mayRead) {
      this.deliver(bytes, 0, length);
    } else {
      this.keep(bytes, 0, length);
      if (this.mayRead) this.deliver(this.carry!, this.carryAt, this.carryEnd);
    }
    this.share += length;
    if (this.share < SHARE_BYTES) return;
    this.share = 0;
    this.rest();
  }

  private deliver(bytes: Buffer, start: number, end: number): void {
    let at = start;
    this.inRead = true;
    while (at < end && this.mayRead) {
      const { user } = this;
      at = user.socketRead(bytes, at, end);
      if (user === this.user) break;
    }
    this.inRead = false;
    if (at < end && !this.closed) this.keep(bytes, at, end);
    else if (bytes === this.carry) this.carry = null;
  }

  private keep(bytes: Buffer, start: number, end: number): void {
    if (this.closed) return;
    const { carry } = this;
    if (bytes === carry) {
      this.carryAt = start;
      return;
    }
    const length = end - start;
    if (carry === null) {
      this.carry = Buffer.allocUnsafeSlow(length);
      this.carryAt = 0;
      this.carryEnd = 0;
    } else if (this.carryEnd + length > carry.length) {
      const kept = this.carryEnd - this.carryAt;
      this.carry = Buffer.allocUnsafeSlow(Math.max(kept + length, 2 * kept));
      carry.copy(this.carry, 0, this.carryAt, this.carryEnd);
      this.carryAt = 0;
      this.carryEnd = kept;
    }
    bytes.copy(this.carry!, this.carryEnd, start, end);
    this.carryEnd += length;
  }

  flushSoon(): void {
    if (this.flushes || this.closed) return;
    this.flushes = true;
    writeTurn.add(this);
  }

  /** The turn is over. */
  flushTurn(): void {
    this.flushes = false;
    try {
      this.flush();
    } catch (error) {
      this.handleCrashed(error);
    }
  }

  flush(): void {
    if (this.closed) return;
    if (this.shut) this.out.clear();
    else this.send();
    if (this.backlog > 0) this.owesDrain = true;
  }

  private send(): void {
    while (this.out.length > 0 && !this.isWriting) {
      const failure = this.transmit();
      if (failure !== '') {
        this.fail(failure);
        return;
      }
    }
    if (this.ending && !this.shut && !this.isWriting && this.out.length === 0) {
      this.shut = true;
      // Without TLS there is nothing to say: what the system has taken goes out, and an end behind it.
      if (this.leaves && !this.secure) this.close();
      else this.shutDown();
    }
  }

  end(): void {
    if (this.ending || this.closed) return;
    this.ending = true;
    this.flushSoon();
  }

  endAndClose(): void {
    this.leaves = true;
    this.end();
  }

  reset(): void {
    this.stop(true);
  }

  close(): void {
    this.stop(false);
  }

  private stop(abruptly: boolean): void {
    if (this.closed) return;
    this.letGo();
    this.closeDown(abruptly);
  }

  /** Nothing more is done on it. */
  protected letGo(): void {
    this.closed = true;
    this.carry = null;
    this.underWay = 0;
    this.out.clear();
  }

  protected fail(reason: string): void {
    if (this.closed) return;
    this.reason = reason;
    this.close();
  }

  handleFailed(reason: string): void {
    this.fail(reason);
  }

  handleEnded(): void {
    if (this.peerEnded || this.closed) return;
    this.peerEnded = true;
    this.tellEnd();
  }

  private tellEnd(): void {
    // What may be read and still waits was seen.
    if (!this.peerEnded || this.endTold || !this.mayRead) return;
    this.endTold = true;
    this.user.socketEnded();
    this.closeWhenOver();
  }

  handleShut(): void {
    this.shutDone = true;
    this.closeWhenOver();
  }

  /** Both sides have ended. */
  private closeWhenOver(): void {
    if (this.shutDone && (this.endTold || this.leaves)) this.close();
  }

  /** The write that was under way is done. */
  protected wrote(failure: string): void {
    this.underWay = 0;
    if (this.closed) return;
    if (failure !== '') {
      this.fail(failure);
      return;
    }
    // What comes within this turn goes out with it.
    if (!this.flushes) this.send();
    if (this.backlog > 0 || !this.owesDrain || this.closed) return;
    this.owesDrain = false;
    this.user.socketDrained();
  }

  /** It is closed. */
  protected gone(): void {
    if (!this.closed) this.letGo();
    if (this.closedTold) return;
    this.closedTold = true;
    this.host?.socketGone(this);
    const { user } = this;
    this.user = NOBODY;
    user.socketClosed(this.reason);
  }

  handleClosed(): void {
    this.gone();
  }

  handleCrashed(error: unknown): void {
    tellOwnError('connection', error);
    try {
      this.user.socketCrashed(error);
    } catch (again) {
      tellOwnError('connection', again);
    }
    this.close();
  }
}
