/**
 * What options of a frontend cost a request in our own JavaScript: an exchange on its way from the head that a listener
 * has read to the text of both heads as uWebSockets and a socket are given it, but neither of those two.
 *
 *     node_modules/.bin/node bench/micro/options.ts [a part of a name …]
 *
 * `npm run bench -- features` measures all of it, and its differences of less than a microsecond depend on the machine's
 * day. Here the rounds alternate too, in CPU time of this process, and the least of each is what the machine can do when
 * nobody disturbs.
 */

import { SharedMemory } from '../../src/control/workers/shared-memory.ts';
import { KeySets } from '../../src/data/auth/key-sets.ts';
import { Passwords } from '../../src/data/auth/passwords.ts';
import { VerifiedTokens } from '../../src/data/auth/verified-tokens.ts';
import { RetryBudgets } from '../../src/data/balancing/retry-budget.ts';
import type { WorkerContext } from '../../src/data/context.ts';
import type { Downstream } from '../../src/data/downstream.ts';
import { HttpExchange } from '../../src/data/exchange/http-exchange.ts';
import { HeldBodies } from '../../src/data/exchange/outgoing-request.ts';
import { RequestCounts } from '../../src/data/exchange/request-counts.ts';
import { RequestIds } from '../../src/data/request-ids.ts';
import type { Upstream } from '../../src/data/upstream/upstream.ts';
import { RequestHead } from '../../src/http/request-head.ts';
import { ResponseParser } from '../../src/http/response-parser.ts';
import type { MetricsOptions } from '../../src/kernel/metrics-options.ts';
import { TimerWheel } from '../../src/kernel/timer-wheel.ts';
import { buildFrontend } from '../../src/model/build-frontend.ts';
import { BackendCounts } from '../../src/shared/backend-counts.ts';
import { createHistograms, Histograms } from '../../src/shared/histograms.ts';
import { LabelCounts } from '../../src/shared/label-counts.ts';
import { LiveNodes } from '../../src/shared/live-nodes.ts';
import { MetricsLane } from '../../src/shared/metrics.ts';
import { RateBuckets } from '../../src/shared/rate-buckets.ts';
import { ServerCounts } from '../../src/shared/server-counts.ts';
import { ServerLane } from '../../src/shared/server-state.ts';
import { RoutingTable } from '../../src/table/reader.ts';
import { writeTable } from '../../src/table/writer.ts';
import { FEATURES, FIELDS } from '../feature-keys.ts';
import { fieldsOf, SCENARIOS } from '../scenarios.ts';
import { formatNumber, formatTable } from '../table.ts';

const ROUNDS = 30;
const REQUESTS = 20_000;
/** As many exchanges are there in turns. */
const PAIRS = 64;

const scenario = SCENARIOS.find(({ name }) => name === 'small')!;
const FIELD_TEXTS = Object.entries(fieldsOf({ ...scenario, fields: FIELDS })).map(([name, value]) => [
  Buffer.from(name.toLowerCase()),
  Buffer.from(value),
]);
const BODY = 87;
/** As nginx answers. */
const RESPONSE = Buffer.from(
  'HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nDate: Thu, 26 Nov 2026 12:00:00 GMT\r\nContent-Type: text/html\r\n' +
    `Content-Length: ${BODY}\r\nLast-Modified: Thu, 26 Nov 2026 11:00:00 GMT\r\nConnection: keep-alive\r\n` +
    `ETag: "6926d2f0-57"\r\nAccept-Ranges: bytes\r\n\r\n${'x'.repeat(BODY)}`,
);

/** What an exchange writes to: puts the text into bytes, as uWebSockets does. */
class Client implements Downstream {
  readonly sendsHeads = false;
  readonly maxStatus = 999;
  readonly writesDate = true;
  readonly httpVersion = '1.1';
  readonly respondsUpTo = 65_536;
  readonly secure = false;
  private readonly bytes = Buffer.alloc(4_096);
  status = '';

  respond(head: string | Uint8Array): void {
    if (typeof head !== 'string') throw new Error('a head that is not ASCII');
    this.bytes.write(head);
    this.status = head.slice(0, 3);
  }
  peerAddress(): string {
    return '127.0.0.1';
  }
  inform(): void {}
  begin(): void {}
  write(): boolean {
    return true;
  }
  end(): boolean {
    return true;
  }
  abort(): void {}
  pauseBody(): void {}
  resumeBody(): void {}
  release(): void {}
}

/** A connection that is always idle. */
class Server implements Upstream {
  readonly mayRefuse = false;
  readonly protocol = '1.1';
  readonly peer = '';
  readonly backlog = 0;
  /** Of the head that was sent last. */
  readonly bytes = Buffer.alloc(4_096);
  length = 0;

  sendHead(head: string): void {
    this.length = this.bytes.write(head);
  }
  write(): boolean {
    return true;
  }
  endBody(): void {}
  headArrived(): void {}
  pause(): void {}
  resume(): void {}
  done(): void {}
  discard(): void {}
  abandon(): void {}
}

const memory = new SharedMemory(1, [0.1, 0.3, 1.2, 5], false);

const OPTIONS = { headerLabels: [], routers: false } as unknown as MetricsOptions;

/** One worker for a frontend with these keys. */
class Subject {
  least = Number.POSITIVE_INFINITY;
  private readonly server = new Server();
  private readonly head = new RequestHead();
  private readonly parser = new ResponseParser();
  private readonly exchanges: HttpExchange[] = [];
  private readonly received = Buffer.alloc(RESPONSE.length);
  private readonly worker: WorkerContext;

  constructor(keys: Readonly<Record<string, string>>) {
    const pool = { take: () => this.server, takeForTurn: () => null };
    const { buffers } = memory;
    const passwords = new Passwords(({ kind, ...question }) => {
      if (kind === 'checkPassword') setImmediate(() => passwords.checked((question as { id: number }).id, true));
    });
    const { servers, backends, labels } = memory.counts[0];
    const counts = {
      servers: new ServerCounts(servers),
      backends: new BackendCounts(backends),
      labels: new LabelCounts(labels),
      histograms: new Histograms(createHistograms()),
      exemplars: null,
    };
    const metrics = new MetricsLane(memory.lanes[0]);
    // What no exchange here comes to is missing.
    const worker: Partial<WorkerContext> = {
      options: { upstreamPipelining: 1, retryAttempts: null, ejectionFailures: 0 } as WorkerContext['options'],
      entryPoints: [{ name: 'http', tls: null }] as unknown as WorkerContext['entryPoints'],
      trusts: [null],
      requestIds: new RequestIds('on'),
      tracer: null,
      observers: null,
      plans: [null],
      wheel: new TimerWheel(),
      cursors: memory.cursors,
      serverState: memory.serverState,
      serverLane: new ServerLane(buffers.serverState, 0),
      tokenCounts: memory.tokenCounts,
      rateBuckets: new RateBuckets(buffers.rateBuckets, 0),
      liveNodes: new LiveNodes(buffers.liveNodes),
      passwords,
      keySets: new KeySets([], () => {}),
      verifiedTokens: new VerifiedTokens(),
      retryBudgets: new RetryBudgets({ ratio: 0, perSecond: 0 }),
      metrics,
      heldBodies: new HeldBodies(),
      pools: { of: () => pool } as unknown as WorkerContext['pools'],
      serverLine: 'x-forwarded-server: bench\r\n',
      table: tableOf(keys),
      draining: false,
      ending: null,
      counts,
      requestCounts: new RequestCounts(metrics, counts, [], OPTIONS),
      openExchanges: 0,
      exchangeEnded: () => {},
    };
    this.worker = worker as WorkerContext;
    for (let i = 0; i < PAIRS; i++) this.exchanges.push(this.exchange());
  }

  private exchange(): HttpExchange {
    const exchange = new HttpExchange(this.worker);
    exchange.downstream = new Client();
    return exchange;
  }

  /** The first one, which may have to wait: what is found out for it, of a password or a token, is known afterwards. */
  begin(): void {
    this.send(this.exchange());
  }

  /** `number`: of the request. */
  ask(number: number): void {
    const exchange = this.exchanges[number % PAIRS];
    this.send(exchange);
    RESPONSE.copy(this.received);
    this.parser.expect(exchange, 'GET');
    this.parser.execute(this.received, 0, this.received.length);
  }

  private send(exchange: HttpExchange): void {
    this.head.begin('GET', '/', '/');
    // Text that nobody has seen before, as it comes from the network.
    for (const [name, value] of FIELD_TEXTS) this.head.add(name.toString('latin1'), value.toString('latin1'));
    this.head.finish();
    exchange.begin(0, this.head);
  }

  get isServed(): boolean {
    return this.exchanges.every(({ downstream }) => (downstream as Client).status === '200');
  }

  /** ns of CPU per request. */
  round(): number {
    const before = process.threadCpuUsage();
    for (let i = 0; i < REQUESTS; i++) this.ask(i);
    const { user, system } = process.threadCpuUsage(before);
    const took = ((user + system) * 1_000) / REQUESTS;
    this.least = Math.min(this.least, took);
    return took;
  }
}

function tableOf(keys: Readonly<Record<string, string>>): RoutingTable {
  const all = new Map(Object.entries({ ...keys, backend: 'b', 'routes/r/rule': `Host:${scenario.host}` }));
  const known = {
    backendLack: () => '',
    keyOf: () => '',
    readFile: () => ({ text: '', problem: 'there are no files' }),
  };
  const site = { prefix: '', entryPoints: new Set(['http']), defaultEntryPoints: ['http'] };
  const { value, problems } = buildFrontend('f', all, known, site);
  if (value === null) throw new Error(problems.map(({ key, reason }) => `${key}: ${reason}`).join('\n'));
  const { name, rank, passHostHeader, terms, options } = value;
  const servers = [0, 1, 2].map((slot) => ({
    name: `s${slot}`,
    slot,
    url: `http://127.0.0.1:${8_000 + slot}`,
    scheme: 'http' as const,
    host: '127.0.0.1',
    port: 8_000 + slot,
    hostHeader: `127.0.0.1:${8_000 + slot}`,
    weight: 1,
  }));
  return new RoutingTable(
    writeTable({
      generation: 1,
      backends: [{ name: 'b', slot: 0, servers, pipelining: 0 }],
      frontends: [{ name, backend: 0, rank, entryPoints: 1, passHostHeader, terms, options }],
    }),
    false,
  );
}

const parts = process.argv.slice(2);
const subjects = FEATURES.filter(
  ([name], i) => i === 0 || parts.length === 0 || parts.some((part) => name.includes(part)),
).map(([name, keys]) => ({ name, subject: new Subject(keys) }));
for (const { subject } of subjects) subject.begin();
await new Promise((resolve) => setTimeout(resolve, 200));
for (const { name, subject } of subjects) {
  for (let i = 0; i < PAIRS; i++) subject.ask(i);
  if (!subject.isServed) throw new Error(`${name}: not served`);
}
for (let round = 0; round < ROUNDS; round++) for (const { subject } of subjects) subject.round();
const plain = subjects[0].subject.least;
const rows = subjects.map(({ name, subject }) => [
  name,
  formatNumber(subject.least),
  formatNumber(subject.least - plain),
]);
console.log(formatTable(['option', 'CPU ns/request', 'more'], rows));
