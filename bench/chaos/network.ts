/** The network between a tsuji and one etcd member: a TCP proxy that can cut, freeze and delay what passes. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** `cut`: connections are reset and refused; `frozen`: nothing passes, nothing closes, and it comes later. */
export type NetworkState = 'well' | 'cut' | 'frozen' | 'slow';

const SLOW_MS = 150;

/** One direction of a connection; what waits is kept in order. */
class Way {
  readonly #from: Socket;
  #waiting: (() => void)[] = [];
  #frozen = false;
  #delayMs = 0;
  /** Nothing may pass what was sent before it. */
  #earliest = 0;

  constructor(from: Socket, to: Socket) {
    this.#from = from;
    from.on('data', (chunk) => this.#pass(() => void to.write(chunk)));
    from.on('end', () => this.#pass(() => void to.end()));
    from.on('error', () => to.destroy());
    from.on('close', () => this.#pass(() => void to.destroy()));
  }

  set(state: NetworkState): void {
    if (state === 'cut') this.#from.resetAndDestroy();
    this.#delayMs = state === 'slow' ? SLOW_MS : 0;
    this.#frozen = state === 'frozen';
    if (this.#frozen) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const step of waiting) this.#pass(step);
  }

  #pass(step: () => void): void {
    if (this.#frozen) {
      this.#waiting.push(step);
      return;
    }
    const now = performance.now();
    const at = Math.max(this.#earliest, now + this.#delayMs);
    this.#earliest = at;
    if (at <= now) step();
    else setTimeout(() => (this.#frozen ? this.#waiting.push(step) : step()), at - now).unref();
  }
}

export class Network {
  readonly #target: number;
  readonly #server: Server;
  readonly #ways = new Set<Way>();
  readonly #sockets = new Set<Socket>();
  #state: NetworkState = 'well';

  private constructor(target: number) {
    this.#target = target;
    this.#server = createServer((near) => this.#accept(near));
  }

  /** To that port of 127.0.0.1. */
  static async to(target: number): Promise<Network> {
    const network = new Network(target);
    network.#server.listen(0, '127.0.0.1');
    await once(network.#server, 'listening');
    return network;
  }

  get endpoint(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  set(state: NetworkState): void {
    this.#state = state;
    for (const way of this.#ways) way.set(state);
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #accept(near: Socket): void {
    if (this.#state === 'cut') {
      near.resetAndDestroy();
      return;
    }
    const far = connect(this.#target, '127.0.0.1');
    const ways = [new Way(near, far), new Way(far, near)];
    for (const way of ways) {
      way.set(this.#state);
      this.#ways.add(way);
    }
    for (const socket of [near, far]) {
      this.#sockets.add(socket);
      socket.on('close', () => {
        this.#sockets.delete(socket);
        if (near.destroyed && far.destroyed) for (const way of ways) this.#ways.delete(way);
      });
    }
  }
}
