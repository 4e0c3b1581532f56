/** HTTP/1 with a client on a socket in memory, who is also every exchange: as http2-memory.ts. */
import assert from 'node:assert/strict';
import type { WorkerContext } from '../../src/data/context.ts';
import type { ClientWatch, WatchedClient } from '../../src/data/listener/tsuji/client-watch.ts';
import { Http1Connection } from '../../src/data/listener/tsuji/http1-connection.ts';
import { Http1Downstream, type Http1Exchange } from '../../src/data/listener/tsuji/http1-downstream.ts';
import type { EngineOwner } from '../../src/data/listener/tsuji/owner.ts';
import { MemoryBudget } from '../../src/data/memory-budget.ts';
import { RequestHead } from '../../src/http/request-head.ts';
import { NO_LENGTH } from '../../src/http/response-head.ts';
import type { Fault } from '../../src/kernel/errors.ts';
import { TimerWheel } from '../../src/kernel/timer-wheel.ts';
import { MemorySocket, type MemorySocketOptions } from './memory-socket.ts';

/** An exchange that a test answers itself, by the target of its request. */
export class Http1Asked implements Http1Exchange {
  downstream!: Http1Downstream;
  target = '';
  problem = '';
  tunnel = false;
  expects = false;
  body = '';
  trailers = '';
  complete = false;
  aborted = 0;
  writable = 0;
  failure = '';
  ended = false;
  /** Its answer comes in pieces, and the head is out. */
  begun = false;
  /** All of it was given. */
  ending = false;
  private readonly place: Http1Memory;

  constructor(place: Http1Memory) {
    this.place = place;
  }

  begin(_entryPoint: number, head: RequestHead): void {
    Object.assign(this, { target: head.target, problem: head.problem, tunnel: head.tunnel });
    Object.assign(this, { body: '', trailers: '', complete: !head.bodyFollows, aborted: 0, writable: 0, failure: '' });
    this.ended = false;
    this.begun = false;
    this.ending = false;
    this.expects = head.expectsContinue;
    this.place.seen.push(this);
    this.place.targets.push(head.target);
    if (head.problem !== '') this.refuse(head.fault);
    else if (this.target.startsWith('/now')) this.respond(this.target);
  }

  respond(text: string, close = false): void {
    this.downstream.respond('200 OK', text.length, Buffer.from(text), NO_LENGTH, close);
    this.release();
  }

  refuse({ status }: Fault): void {
    this.downstream.respond(`${status} No`, 0, null, NO_LENGTH, true);
    this.release();
  }

  release(): void {
    this.ended = true;
    this.downstream.release(this.complete);
  }

  downstreamTrailers(trailers: string): void {
    this.trailers = trailers;
  }

  downstreamBody(chunk: Uint8Array, last: boolean): void {
    this.body += Buffer.from(chunk).toString('latin1');
    if (last) this.complete = true;
  }

  downstreamWritable(): void {
    this.writable++;
    if (this.ending) this.release();
  }

  /** Begins an answer in pieces. */
  open(head: string, length: number): void {
    this.begun = true;
    this.downstream.begin(head, length, false);
  }

  /** Ends an answer that was begun; what of it still waits is waited for. */
  finish(): void {
    if (this.ending) return;
    this.ending = true;
    if (this.downstream.end('')) this.release();
  }

  downstreamAborted(): void {
    this.aborted++;
    this.release();
  }

  downstreamFailed(fault: Fault, detail: string): void {
    this.failure = detail;
    if (!this.begun) {
      this.refuse(fault);
      return;
    }
    this.downstream.abort();
    this.release();
  }

  crash(error: unknown): void {
    throw error;
  }
}

/** A connection of which the test is the client and the exchanges. */
export class Http1Memory implements EngineOwner {
  readonly wheel = new TimerWheel();
  readonly worker: WorkerContext;
  readonly index = 0;
  readonly head = new RequestHead();
  private readonly watched = new Set<WatchedClient>();
  readonly watch = {
    add: (client: WatchedClient) => this.watched.add(client),
    delete: (client: WatchedClient) => this.watched.delete(client),
  } as unknown as ClientWatch;
  /** One may be there several times. */
  readonly seen: Http1Asked[] = [];
  readonly targets: string[] = [];
  readonly socket: MemorySocket;
  readonly connection: Http1Connection;
  readonly budget = new MemoryBudget({ worker: 0, connection: 0 }, { buffered() {}, overBudget() {} } as never);
  made = 0;
  hasLeft = false;
  private readonly free: Http1Downstream[] = [];

  constructor(options: Record<string, number> = {}, socket: MemorySocketOptions = {}) {
    const { wheel, budget } = this;
    const times = { headerTimeoutMs: 10_000, uploadTimeoutMs: 1_000, downloadTimeoutMs: 1_000, clientIdleMs: 60_000 };
    this.worker = { wheel, budget, options: { ...times, maxFields: 100, ...options } } as unknown as WorkerContext;
    this.socket = new MemorySocket(socket);
    this.connection = new Http1Connection(this, this.socket, this);
  }

  take(): Http1Downstream {
    const free = this.free.pop();
    if (free !== undefined) return free;
    const exchange = new Http1Asked(this);
    const pair = new Http1Downstream(this, exchange);
    exchange.downstream = pair;
    this.made++;
    return pair;
  }

  give(pair: Http1Downstream): void {
    this.free.push(pair);
  }

  left(): void {
    this.hasLeft = true;
  }

  /** What has gone out until now. */
  async sent(): Promise<string> {
    await this.socket.settle();
    assert.deepEqual(this.socket.crashes, []);
    return this.socket.sentText();
  }

  /** Looks at progress for so long. */
  async look(ms: number): Promise<void> {
    this.lookOnce(ms);
    await this.socket.settle();
  }

  lookOnce(ms: number): void {
    for (const client of this.watched) client.look(ms);
  }

  async closed(): Promise<void> {
    await this.socket.settle();
    assert.ok(this.socket.closed && this.hasLeft, 'it is still there');
    assert.equal(this.wheel.size, 0, 'a timer is left');
    assert.equal(this.budget.heldBytes, 0);
    // One whose request has not come to its end is not used again.
    const all = [...new Set(this.seen)];
    const lost = all.filter(({ complete, downstream }) => !complete && !this.free.includes(downstream)).length;
    assert.equal(this.free.length, this.made - lost, 'a pair is not free');
  }
}
