import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import test from 'node:test';
import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from 'node:zlib';
import { type Downstream, type DownstreamEvents, NO_BODY, UNKNOWN_LENGTH } from '../../../src/data/downstream.ts';
import { MemoryBudget } from '../../../src/data/memory-budget.ts';
import type { Scope } from '../../../src/data/middleware.ts';
import { Compression } from '../../../src/data/middlewares/compress.ts';
import { CompressingDownstream } from '../../../src/data/middlewares/compressing-downstream.ts';
import { CompressionLoad } from '../../../src/data/middlewares/compression-load.ts';
import { FrontendRules } from '../../../src/data/middlewares/compression-rules.ts';
import { CODE } from '../../../src/http2/codes.ts';
import type { Coding } from '../../../src/kernel/codings.ts';
import type { Fault } from '../../../src/kernel/errors.ts';
import type { CompressOptions } from '../../../src/middlewares/compress.ts';
import { MetricsLane } from '../../../src/shared/metrics.ts';
import { createMetricsLane } from '../../../src/shared/metrics-layout.ts';
import { COMPRESS_DEFAULTS } from '../../harness/defaults.ts';
import { waitFor } from '../../harness/wait.ts';

const TEXT = Buffer.from('tsuji means crossroads. '.repeat(100));
const HEAD = '200 OK\r\nContent-Type: text/plain';
const MIB = 1_024 * 1_024;
const DECODERS: Readonly<Record<Coding, (bytes: Buffer) => Buffer>> = {
  gzip: gunzipSync,
  br: brotliDecompressSync,
  zstd: zstdDecompressSync,
};

/** A client's side that keeps what it gets, and fails or is slow where it is told to. */
class Client implements Downstream {
  readonly sendsHeads = true;
  readonly maxStatus = 999;
  readonly writesDate = false;
  readonly httpVersion = '1.1';
  readonly respondsUpTo = Number.MAX_SAFE_INTEGER;
  readonly secure = false;
  readonly log: string[] = [];
  readonly bytes: Buffer[] = [];
  head = '';
  length = 0;
  trailers = '';
  failing = '';
  takes = true;

  private step(name: string): void {
    this.log.push(name);
    if (this.failing === name) throw new Error(`no ${name} today`);
  }

  inform(): void {}

  respond(head: string, length: number, body: Uint8Array | null): void {
    this.step('respond');
    this.head = head;
    this.length = length;
    if (body !== null) this.bytes.push(Buffer.from(body));
  }

  begin(head: string, length: number): void {
    this.step('begin');
    this.head = head;
    this.length = length;
  }

  write(chunk: Uint8Array): boolean {
    this.step('write');
    this.bytes.push(Buffer.from(chunk));
    return this.takes;
  }

  end(trailers: string): boolean {
    this.step('end');
    this.trailers = trailers;
    return true;
  }

  abort(): void {
    this.step('abort');
  }

  pauseBody(): void {}
  resumeBody(): void {}

  release(): void {
    this.step('release');
  }

  peerAddress(): string {
    return '127.0.0.1';
  }

  get body(): Buffer {
    return Buffer.concat(this.bytes);
  }

  get coding(): string {
    return /content-encoding: (\S+)/i.exec(this.head)?.[1] ?? '';
  }
}

class Events implements DownstreamEvents {
  writable = 0;
  readonly crashes: string[] = [];
  downstreamTrailers(): void {}
  downstreamBody(): void {}
  downstreamAborted(): void {}
  downstreamFailed(): void {}

  downstreamWritable(): void {
    this.writable++;
  }

  crash(error: unknown): void {
    this.crashes.push((error as Error).message);
  }
}

class Bench {
  readonly load = new CompressionLoad();
  readonly budget: MemoryBudget;
  private readonly lane = createMetricsLane([1]);
  private readonly metrics: MetricsLane;
  readonly broken: string[] = [];
  readonly client = new Client();
  readonly events = new Events();

  constructor(workerBytes = 64 * MIB) {
    this.metrics = new MetricsLane(this.lane);
    this.budget = new MemoryBudget({ worker: workerBytes, connection: 0 }, this.metrics);
  }

  out(codings: readonly Coding[] = ['gzip'], options: Partial<CompressOptions> = {}): CompressingDownstream {
    const compression = new Compression();
    compression.rules = new FrontendRules({ ...COMPRESS_DEFAULTS, ...options });
    compression.codings = codings;
    const exchange = {
      worker: { budget: this.budget, metrics: this.metrics },
      breakOff: (fault: Fault) => this.broken.push(fault.code),
    } as unknown as Scope;
    return new CompressingDownstream(this.client, this.events, exchange, compression, this.load);
  }

  get left(): number[] {
    return [this.load.jobs, this.load.bytes, this.budget.heldBytes];
  }
}

const NOTHING = [0, 0, 0];

test('what an error of the client’s side throws out of the encoder ends its exchange and not the worker', async () => {
  for (const failing of ['write', 'end']) {
    const bench = new Bench();
    const out = bench.out();
    bench.client.failing = failing;
    out.begin(HEAD, 1_000_000, false);
    out.write(TEXT);
    assert.equal(out.end(''), false);
    await waitFor(() => bench.events.crashes.length > 0, `the failed ${failing} to be told`);
    assert.equal(bench.events.crashes[0], `no ${failing} today`);
    out.abort(CODE.internal);
    out.release(false);
    assert.deepEqual(bench.left, NOTHING);
  }
});

test('so does one of the timer that lets go of what was held', async () => {
  const bench = new Bench();
  const out = bench.out();
  bench.client.failing = 'begin';
  out.begin(HEAD, UNKNOWN_LENGTH, false);
  out.write(TEXT.subarray(0, 5));
  await waitFor(() => bench.events.crashes.length > 0, 'the failure to be told');
  assert.deepEqual(bench.events.crashes, ['no begin today']);
  out.release(false);
  assert.deepEqual(bench.left, NOTHING);
});

test('a response that was given up tells nothing any more, and another one is whole', async () => {
  const bench = new Bench();
  const { client, events } = bench;
  const given = bench.out();
  given.begin(HEAD, 1_000_000, false);
  given.write(TEXT);
  given.end('');
  given.abort(CODE.internal);
  given.release(true);
  client.log.length = 0;
  client.bytes.length = 0;
  const out = bench.out();
  out.begin(HEAD, 1_000_000, false);
  out.write(TEXT);
  out.end('');
  await waitFor(() => events.writable > 0, 'the response to be out');
  assert.equal(events.writable, 1);
  assert.deepEqual(new Set(client.log), new Set(['begin', 'write', 'end']));
  assert.deepEqual(gunzipSync(client.body), TEXT);
  assert.deepEqual(bench.left, NOTHING);
});

for (const coding of ['gzip', 'br', 'zstd'] as const) {
  test(`${coding}: a body is whole, at once and in pieces, at every level`, async () => {
    const levels = { gzip: [1, 6, 9], br: [0, 4, 9, 11], zstd: [1, 3, 9, 22] }[coding];
    for (const level of levels) {
      const bench = new Bench();
      const options = { levels: { ...COMPRESS_DEFAULTS.levels, [coding]: level } };
      const atOnce = bench.out([coding], options);
      if (TEXT.length <= atOnce.respondsUpTo) {
        atOnce.respond(HEAD, TEXT.length, TEXT, -1, false);
        assert.equal(bench.client.coding, coding);
        assert.equal(bench.client.length, bench.client.body.length);
        assert.deepEqual(DECODERS[coding](bench.client.body), TEXT);
      }
      bench.client.bytes.length = 0;
      const out = bench.out([coding], options);
      out.begin(HEAD, UNKNOWN_LENGTH, false);
      for (let at = 0; at < TEXT.length; at += 700) out.write(TEXT.subarray(at, at + 700));
      out.end('X-Last: 1\r\nContent-Digest: d\r\n');
      await waitFor(() => bench.events.writable > 0, 'the response to be out');
      assert.equal(bench.client.coding, coding);
      assert.equal(bench.client.length, UNKNOWN_LENGTH);
      assert.equal(bench.client.trailers, 'X-Last: 1\r\n');
      assert.deepEqual(DECODERS[coding](bench.client.body), TEXT);
      assert.deepEqual(bench.left, NOTHING);
    }
  });
}

test('one turn of the loop encodes for a millisecond at most, and what comes then goes to the pool', async () => {
  const bench = new Bench();
  const body = Buffer.alloc(16_384, TEXT);
  let encoded = 0;
  for (; bench.load.hasTime && encoded < 1_000; encoded++) bench.out().respond(HEAD, body.length, body, -1, false);
  assert.ok(encoded > 0 && encoded < 1_000);
  assert.equal(bench.out().respondsUpTo, 0);
  bench.client.bytes.length = 0;
  bench.out().respond(HEAD, body.length, body, -1, false);
  assert.deepEqual([bench.client.coding, bench.client.body], ['', body]);
  await waitFor(() => bench.load.hasTime, 'the next turn');
  assert.equal(bench.out().respondsUpTo, 16_384);
});

test('a flood is compressed by gzip as fast as can be, and then not at all', () => {
  const bench = new Bench(1_024 * MIB);
  const open: CompressingDownstream[] = [];
  const begin = (codings: readonly Coding[]): string => {
    const out = bench.out(codings);
    open.push(out);
    out.begin(HEAD, 1_000_000, false);
    if (bench.client.coding !== '') out.write(TEXT);
    return bench.client.coding;
  };
  bench.load.jobs = 64;
  assert.equal(begin(['br', 'gzip']), 'gzip');
  assert.equal(begin(['br']), '');
  bench.load.jobs = 127;
  assert.equal(begin(['zstd', 'gzip']), 'gzip');
  assert.equal(bench.load.jobs, 128);
  assert.equal(begin(['zstd', 'gzip']), '');
  bench.load.jobs -= 126;
  for (const out of open) out.release(false);
  assert.deepEqual(bench.left, NOTHING);
});

test('encoders have a bound in memory, and nobody is ended for one', () => {
  for (const [bench, most] of [
    [new Bench(1_024 * MIB), 32],
    [new Bench(8 * MIB), 4],
  ] as const) {
    const open: CompressingDownstream[] = [];
    let compressed = 0;
    for (let i = 0; i < 40; i++) {
      const out = bench.out(['zstd']);
      open.push(out);
      out.begin(HEAD, 1_000_000, false);
      if (bench.client.coding === 'zstd') compressed++;
    }
    assert.equal(compressed, most);
    assert.deepEqual(bench.broken, []);
    for (const out of open) out.release(false);
    assert.deepEqual(bench.left, NOTHING);
  }
});

test('who holds most is ended when others need the memory, and what it has sent is broken', () => {
  const bench = new Bench(8 * MIB);
  const out = bench.out(['zstd']);
  out.begin(HEAD, 1_000_000, false);
  bench.budget.hold({ heldBytes: 0, endOverBudget() {} }, 7 * MIB);
  bench.budget.hold({ heldBytes: 0, endOverBudget() {} }, 1 * MIB);
  assert.deepEqual(bench.broken, []);
  bench.budget.endLargest();
  assert.deepEqual(bench.broken, ['OVER_BUDGET']);
  assert.deepEqual([bench.load.jobs, bench.load.bytes], [0, 0]);
});

test('a slow client is no job of the pool, and stops its server', async () => {
  const bench = new Bench();
  const { client, events, load } = bench;
  const out = bench.out();
  const noise = randomBytes(65_536);
  const most = 40;
  let pieces = 0;
  let heard = 0;
  const feed = (): void => {
    for (let more = true; more && pieces < most; pieces++) more = out.write(noise);
  };
  client.takes = false;
  out.begin(HEAD, most * noise.length, false);
  feed();
  await waitFor(() => client.log.includes('write'), 'the client to be full');
  for (; events.writable > heard; heard++) feed();
  assert.ok(pieces < most);
  assert.equal(load.jobs, 0);
  client.takes = true;
  out.innerWritable();
  await waitFor(() => {
    for (; events.writable > heard; heard++) feed();
    return pieces === most;
  }, 'the server to go on to its end');
  out.release(false);
  assert.deepEqual(bench.left, NOTHING);
});

test('a long piece counts for the budget until it is worked up', async () => {
  const bench = new Bench();
  const out = bench.out();
  out.begin(HEAD, 2 * MIB, false);
  const encoder = bench.budget.heldBytes;
  assert.equal(out.write(randomBytes(2 * MIB)), true);
  assert.equal(out.write(randomBytes(2 * MIB)), false);
  assert.ok(bench.budget.heldBytes > encoder + 3 * MIB);
  await waitFor(() => bench.events.writable > 0 && bench.budget.heldBytes === encoder, 'them to be worked up');
  out.write(randomBytes(2 * MIB));
  bench.budget.endLargest();
  assert.deepEqual([bench.broken, bench.left], [['OVER_BUDGET'], NOTHING]);
});

test('pieces of single bytes wait in few buffers, and are whole', async () => {
  const bench = new Bench();
  const out = bench.out();
  bench.client.takes = false;
  out.begin(HEAD, TEXT.length, false);
  for (const byte of TEXT) out.write(Buffer.of(byte));
  bench.client.takes = true;
  out.end('');
  await waitFor(() => bench.client.log.includes('write'), 'the first piece');
  out.innerWritable();
  await waitFor(() => bench.client.log.includes('end'), 'the end');
  assert.deepEqual(gunzipSync(bench.client.body), TEXT);
});

test('a server that pauses in the first bytes is waited for no longer', async () => {
  const bench = new Bench();
  const out = bench.out(['gzip'], { minResponseBodyBytes: 10 * MIB });
  out.begin(HEAD, UNKNOWN_LENGTH, false);
  // More than is kept: the server is stopped, and goes on when the rest is compressed.
  const noise = Buffer.alloc(65_536, 'x');
  assert.equal(out.write(noise.subarray(0, 100)), true);
  assert.equal(out.write(noise), false);
  assert.ok(bench.budget.heldBytes > 65_536);
  await waitFor(() => bench.events.writable > 0, 'the server to go on');
  assert.equal(bench.client.coding, 'gzip');
  out.end('');
  await waitFor(() => bench.client.log.includes('end'), 'the response to be out');
  assert.equal(gunzipSync(bench.client.body).length, 65_636);
});

test('what came alone comes out of the encoder without its end', async () => {
  for (const coding of ['gzip', 'br', 'zstd'] as const) {
    const bench = new Bench();
    const out = bench.out([coding]);
    out.begin(HEAD, 1_000_000, false);
    for (const piece of ['one', 'two']) {
      const before = bench.client.body.length;
      out.write(Buffer.from(piece));
      await waitFor(() => bench.client.body.length > before + 1, `${piece} by ${coding}`);
    }
    out.release(false);
  }
});

test('HEAD and 304 say what GET would', () => {
  const bench = new Bench();
  const head = (text: string, length = 5_000): string => {
    bench.out().respond(text, NO_BODY, null, length, false);
    return bench.client.head;
  };
  const tagged = `${HEAD}\r\nETag: "a"`;
  assert.equal(head(tagged), `${HEAD}\r\nVary: Accept-Encoding\r\nETag: W/"a"\r\nContent-Encoding: gzip`);
  assert.equal(head(tagged, 100), tagged);
  assert.equal(head('304 Not Modified\r\nETag: "a"'), '304 Not Modified\r\nVary: Accept-Encoding\r\nETag: W/"a"');
  const image = '304 Not Modified\r\nContent-Type: image/png\r\nETag: "a"';
  assert.equal(head(image), image);
  assert.equal(head('204 No Content'), '204 No Content');
});
