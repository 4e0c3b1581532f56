import assert from 'node:assert/strict';
import test from 'node:test';
import { gunzipSync } from 'node:zlib';
import { type Downstream, type DownstreamEvents, UNKNOWN_LENGTH } from '../../../src/data/downstream.ts';
import { CompressingDownstream } from '../../../src/data/middlewares/compressing-downstream.ts';
import { TimerWheel } from '../../../src/kernel/timer-wheel.ts';
import { waitFor } from '../../harness/wait.ts';

const TEXT = Buffer.from('tsuji means crossroads. '.repeat(100));

/** A client's side that keeps what it gets and fails where it is told to. */
class Client implements Downstream {
  readonly sendsHeads = true;
  readonly maxStatus = 999;
  readonly writesDate = false;
  readonly respondsUpTo = Number.MAX_SAFE_INTEGER;
  readonly secure = false;
  readonly log: string[] = [];
  readonly bytes: Buffer[] = [];
  failing = '';

  private step(name: string): void {
    this.log.push(name);
    if (this.failing === name) throw new Error(`no ${name} today`);
  }

  inform(): void {}

  respond(): void {
    this.step('respond');
  }

  begin(): void {
    this.step('begin');
  }

  write(chunk: Uint8Array): boolean {
    this.step('write');
    this.bytes.push(Buffer.from(chunk));
    return true;
  }

  end(): boolean {
    this.step('end');
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

function setUp(): { client: Client; events: Events; out: CompressingDownstream } {
  const client = new Client();
  const events = new Events();
  const out = new CompressingDownstream(client, events, new TimerWheel(), true);
  return { client, events, out };
}

test('what an error of the client’s side throws out of the compressor ends its exchange and not the worker', async () => {
  for (const failing of ['write', 'end']) {
    const { client, events, out } = setUp();
    client.failing = failing;
    out.begin('200 OK', 1_000_000, false);
    out.write(TEXT);
    assert.equal(out.end(''), false);
    await waitFor(() => events.crashes.length > 0, `the failed ${failing} to be told`);
    assert.equal(events.crashes[0], `no ${failing} today`);
    out.abort();
    out.release(false);
  }
});

test('so does one of the timer that lets go of what was held', async () => {
  const { client, events, out } = setUp();
  client.failing = 'begin';
  out.begin('200 OK', UNKNOWN_LENGTH, false);
  out.write(TEXT.subarray(0, 5));
  out.expired();
  assert.deepEqual(events.crashes, ['no begin today']);
});

test('a response that was given up tells nothing any more, and another one is whole', async () => {
  const { client, events, out: given } = setUp();
  given.begin('200 OK', 1_000_000, false);
  given.write(TEXT);
  given.end('');
  given.abort();
  given.release(true);
  client.log.length = 0;
  client.bytes.length = 0;
  const out = new CompressingDownstream(client, events, new TimerWheel(), true);
  out.begin('200 OK', 1_000_000, false);
  out.write(TEXT);
  out.end('');
  await waitFor(() => events.writable > 0, 'the response to be out');
  assert.equal(events.writable, 1);
  assert.deepEqual(new Set(client.log), new Set(['begin', 'write', 'end']));
  assert.deepEqual(gunzipSync(Buffer.concat(client.bytes)), TEXT);
});
