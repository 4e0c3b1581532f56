/** Ends a connection at a time that no byte puts off. */
import type { Socket } from 'node:net';
import { TimerEntry, type TimerWheel } from '../../../kernel/timer-wheel.ts';
import { LINGER_MS } from '../linger.ts';

export class Deadline extends TimerEntry {
  private readonly socket: Pick<Socket, 'destroy' | 'once'>;
  private readonly wheel: TimerWheel;

  /** In `ms`, unless it is closed or `cancel` is called before. */
  constructor(socket: Pick<Socket, 'destroy' | 'once'>, wheel: TimerWheel, ms: number) {
    super();
    this.socket = socket;
    this.wheel = wheel;
    wheel.arm(this, ms);
    socket.once('close', () => this.cancel());
  }

  cancel(): void {
    this.wheel.cancel(this);
  }

  override expired(): void {
    this.socket.destroy();
  }
}

/** Our side of `socket` has ended: what the client still sends is read past for a moment, as a reset would take the last answer from it. */
export function lingerOn(socket: Socket, wheel: TimerWheel): void {
  socket.resume();
  new Deadline(socket, wheel, LINGER_MS);
}
