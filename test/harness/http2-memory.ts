/**
 * One HTTP/2 connection of the engine on a socket in memory, frame by frame, with real exchanges behind it. Requests for
 * `/now` are answered at once; all others wait for the test, which has the client's side of their exchange.
 */

import assert from 'node:assert/strict';
import type { WorkerContext } from '../../src/data/context.ts';
import { HeldBodies } from '../../src/data/exchange/outgoing-request.ts';
import { RequestCounts } from '../../src/data/exchange/request-counts.ts';
import { ClientWatch } from '../../src/data/listener/tsuji/client-watch.ts';
import { Http2Connection } from '../../src/data/listener/tsuji/http2-connection.ts';
import type { Http2Downstream } from '../../src/data/listener/tsuji/http2-downstream.ts';
import type { EngineOwner } from '../../src/data/listener/tsuji/owner.ts';
import { MemoryBudget } from '../../src/data/memory-budget.ts';
import { WAITS, type Waiting } from '../../src/data/middleware.ts';
import { localReply } from '../../src/data/reply.ts';
import { RequestIds } from '../../src/data/request-ids.ts';
import { RequestHead } from '../../src/http/request-head.ts';
import { CODE, FLAG, FRAME } from '../../src/http2/codes.ts';
import { HpackDecoder } from '../../src/http2/hpack-decoder.ts';
import { FAULTS } from '../../src/kernel/errors.ts';
import { TimerWheel } from '../../src/kernel/timer-wheel.ts';
import { MetricsLane } from '../../src/shared/metrics.ts';
import { createMetricsLane } from '../../src/shared/metrics-layout.ts';
import { type Frame, frame, hpackField } from './http2-frames.ts';
import { MemorySocket, type MemorySocketOptions } from './memory-socket.ts';

export const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';

export const EMPTY_SETTINGS = frame(FRAME.settings, 0, 0);
export const SETTINGS_ACK = frame(FRAME.settings, FLAG.ack, 0);

/** A request that waits for the test. */
export type Asked = {
  readonly head: RequestHead;
  readonly out: Http2Downstream;
  readonly waiting: Waiting;
};

export type MemoryOptions = MemorySocketOptions &
  Partial<WorkerContext['options']> & {
    /** Of its worker, in the place of what is here. */
    readonly worker?: Partial<Record<keyof WorkerContext, unknown>>;
  };

const OPTIONS = {
  maxFields: 100,
  headerTimeoutMs: 0,
  uploadTimeoutMs: 0,
  downloadTimeoutMs: 0,
  readTimeoutMs: 0,
  writeTimeoutMs: 0,
  clientIdleMs: 0,
};

/** No exchange here has a backend, so that nothing else is counted. */
const NO_COUNTS = { exemplars: null };

export class Http2Memory {
  readonly socket: MemorySocket;
  readonly connection: Http2Connection;
  readonly wheel = new TimerWheel();
  readonly budget: MemoryBudget;
  readonly asked: Asked[] = [];
  hasLeft = false;
  openExchanges = 0;
  private readonly received: Frame[] = [];
  private bytes = Buffer.alloc(0);
  private readonly decoder = new HpackDecoder();

  constructor(options: MemoryOptions = {}) {
    const all = { ...OPTIONS, ...options };
    const metrics = new MetricsLane(createMetricsLane([0.1], { series: 64, summaries: 64 }));
    this.socket = new MemorySocket(options);
    this.budget = new MemoryBudget({ worker: 0, connection: 0 }, metrics);
    const request = (scope: unknown, head: RequestHead) => this.requested(scope as never, head);
    const worker = {
      options: all,
      wheel: this.wheel,
      metrics,
      requestCounts: new RequestCounts(metrics, NO_COUNTS as never, [], { headerLabels: [] } as never),
      budget: this.budget,
      heldBodies: new HeldBodies(),
      trusts: [null],
      requestIds: new RequestIds('off'),
      tracer: null,
      observers: null,
      plans: [[{ request }]],
      table: null,
      draining: false,
      ending: null,
      openExchanges: 0,
      serverLine: '',
      exchangeEnded: () => {},
      entryPoints: [{ tls: null }],
      ...options.worker,
    } as unknown as WorkerContext;
    Object.defineProperty(this, 'openExchanges', { get: () => worker.openExchanges });
    const owner: EngineOwner = {
      worker,
      index: 0,
      head: new RequestHead(),
      watch: new ClientWatch(this.wheel, [3_600_000]),
      left: () => {
        this.hasLeft = true;
      },
    };
    this.connection = new Http2Connection(owner, this.socket);
  }

  private requested(scope: { wait(): Waiting; downstream: Http2Downstream }, head: RequestHead) {
    if (head.path === '/now') return localReply(FAULTS.noRoute);
    this.asked.push({ head: head.detached(), out: scope.downstream, waiting: scope.wait() });
    return WAITS;
  }

  /** The start of a connection, as any client's. */
  start(): this {
    this.send(Buffer.from(PREFACE), EMPTY_SETTINGS, SETTINGS_ACK);
    return this;
  }

  send(...frames: readonly Uint8Array[]): void {
    this.socket.give(Buffer.concat(frames));
  }

  get(id: number, path = '/', fields: readonly (readonly [string, string])[] = []): void {
    this.send(request(id, path, fields));
  }

  /** A request whose body follows. */
  post(id: number, fields: readonly (readonly [string, string])[] = []): void {
    this.send(frame(FRAME.headers, FLAG.endHeaders, id, block('/', fields, 'POST')));
  }

  /** All frames that have been sent so far. */
  async frames(): Promise<readonly Frame[]> {
    await this.socket.settle();
    assert.deepEqual(this.socket.crashes, []);
    this.bytes = Buffer.concat([this.bytes, this.socket.sent()]);
    let at = 0;
    for (; this.bytes.length - at >= 9; ) {
      const length = this.bytes.readUIntBE(at, 3);
      if (this.bytes.length - at < 9 + length) break;
      const payload = this.bytes.subarray(at + 9, at + 9 + length);
      const [type, flags] = [this.bytes[at + 3], this.bytes[at + 4]];
      this.received.push({ type, flags, stream: this.bytes.readUInt32BE(at + 5) & 0x7fff_ffff, payload });
      at += 9 + length;
    }
    this.bytes = this.bytes.subarray(at);
    return this.received;
  }

  async of(type: number, id: number): Promise<readonly Frame[]> {
    return (await this.frames()).filter((each) => each.type === type && each.stream === id);
  }

  /** The error code of the GOAWAY that has ended it, -1 for none. */
  async goaway(): Promise<number> {
    const [last] = (await this.of(FRAME.goaway, 0)).slice(-1);
    return last === undefined ? -1 : last.payload.readUInt32BE(4);
  }

  /** The error code of the RST_STREAM of a stream, -1 for none. */
  async reset(id: number): Promise<number> {
    const [first] = await this.of(FRAME.rstStream, id);
    return first === undefined ? -1 : first.payload.readUInt32BE(0);
  }

  /** The fields of the heads of a stream, in order; of all heads that have come, once. */
  async heads(): Promise<Map<number, string[][]>> {
    const all = new Map<number, string[][]>();
    let block: Buffer[] = [];
    for (const { type, flags, stream, payload } of await this.frames()) {
      if (type !== FRAME.headers && type !== FRAME.continuation) continue;
      block.push(payload);
      if ((flags & FLAG.endHeaders) === 0) continue;
      const fields: string[] = [];
      const bytes = Buffer.concat(block);
      block = [];
      const problem = this.decoder.decode(bytes, 0, bytes.length, {
        field: ({ name, value }) => {
          if (name !== 'date') fields.push(`${name}: ${value}`);
          return true;
        },
      });
      assert.equal(problem, '');
      all.set(stream, [...(all.get(stream) ?? []), fields]);
    }
    return all;
  }

  async body(id: number): Promise<string> {
    return Buffer.concat((await this.of(FRAME.data, id)).map(({ payload }) => payload)).toString('latin1');
  }

  /** What must hold at the end: nothing runs, and nothing is held. */
  async ended(): Promise<void> {
    this.socket.fail('');
    await this.socket.settle();
    assert.deepEqual(this.socket.crashes, []);
    assert.ok(this.hasLeft);
    assert.equal(this.openExchanges, 0);
    assert.equal(this.budget.heldBytes, 0);
    assert.equal(this.wheel.size, 0);
  }
}

export function block(path = '/', fields: readonly (readonly [string, string])[] = [], method = 'GET'): Buffer {
  const all = [[':method', method], [':scheme', 'https'], [':path', path], [':authority', 'h'], ...fields] as const;
  return Buffer.concat(all.map(([name, value]) => hpackField(name, value)));
}

export function request(id: number, path = '/', fields: readonly (readonly [string, string])[] = []): Buffer {
  return frame(FRAME.headers, FLAG.endHeaders | FLAG.endStream, id, block(path, fields));
}

export { CODE, FLAG, FRAME };
