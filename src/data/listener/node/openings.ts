/**
 * Connections of which it is not known yet what is spoken on them: PROXY header, choice of protocol and TLS handshake have
 * one time together, and no byte begins it anew.
 */
import type { Socket } from 'node:net';
import type { TimerWheel } from '../../../kernel/timer-wheel.ts';
import { Deadline } from './deadline.ts';
import { endsOf } from './proxied-peers.ts';

export class Openings {
  private readonly wheel: TimerWheel;
  private readonly timeoutMs: number;
  private readonly open = new Map<string, Deadline>();

  /** `timeoutMs`: 0 for ever. */
  constructor(wheel: TimerWheel, timeoutMs: number) {
    this.wheel = wheel;
    this.timeoutMs = timeoutMs;
  }

  /** A connection was accepted. */
  begin(socket: Socket): void {
    if (this.timeoutMs === 0) return;
    const key = endsOf(socket);
    this.open.set(key, new Deadline(socket, this.wheel, this.timeoutMs));
    socket.once('close', () => this.open.delete(key));
  }

  /** It is known what is spoken. `socket`: the one that was accepted, or what TLS has made of it. */
  end(socket: Socket): void {
    const key = endsOf(socket);
    this.open.get(key)?.cancel();
    this.open.delete(key);
  }
}
