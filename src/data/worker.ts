/**
 * The entry of a worker thread: boots the data plane, swaps tables between two events, drains, and ends the only way
 * that uWebSockets lets a thread end: everything closed and the loop run empty (DESIGN §6). `process.exit` or
 * `terminate` with open uWS handles would end the whole process.
 */

import { parentPort, receiveMessageOnPort } from 'node:worker_threads';
import { collectGarbage } from '../kernel/collect-garbage.ts';
import type { EntryPoint } from '../kernel/entrypoint-options.ts';
import { FAULTS, ListenError, reasonOf } from '../kernel/errors.ts';
import { EVENTS } from '../kernel/events.ts';
import { LateTicks } from '../kernel/late-ticks.ts';
import { tellLimit } from '../kernel/limit-log.ts';
import { type LogLevel, log, logWarningsOfNode, sendLogTo, setLogLevel } from '../kernel/log.ts';
import { tellOwnError } from '../kernel/own-error.ts';
import type { Explained } from '../protocol/explanation.ts';
import type { Boot, FromWorker, ToWorker } from '../protocol/messages.ts';
import type { Tails } from '../protocol/tails.ts';
import { RoutingTable } from '../table/reader.ts';
import type { WorkerContext } from './context.ts';
import { explain } from './explain/explain.ts';
import { type HeapOwner, HeapWatch } from './heap-watch.ts';
import { HeldResponse } from './listener/held-response.ts';
import type { Listener } from './listener/listener.ts';
import { TsujiListener } from './listener/tsuji/tsuji-listener.ts';
import { loadUws, type Uws } from './listener/uws.ts';
import { type Backlog, findBacklog } from './listener/uws-backlog.ts';
import { UwsListener } from './listener/uws-listener.ts';
import type { Plan } from './middleware.ts';
import { entryPointPlan } from './plan.ts';
import { localReply } from './reply.ts';
import { SelfCounts } from './self-counts.ts';
import { handleProblem } from './socket/self-test.ts';
import { makesHandshakes } from './socket/tls-handshake.ts';
import { Trust } from './trust.ts';
import { makeParts } from './worker-parts.ts';

/**
 * Between the end of the last exchange and the closing of what is left: uWS may still hold the last bytes of a response
 * for a slow client and does not tell when they are out. WebSockets get as long to answer the close frame.
 */
const LINGER_MS = 250;

/** Lines that may wait for main; it may be busy, but never keeps a worker waiting (shared/spec logs §3.4). */
const LOG_QUEUE = 1_000;

/** Loaded also when no entrypoint asks for it: a host where it cannot be is told of at once. */
const loading = loadUws();
loading.catch(() => {});
// While main does the same, there is time for it.
collectGarbage(true);
/** The thread may be there before anybody knows what it is to do. */
const boot = await new Promise<Boot>((resolve) => parentPort!.once('message', resolve));
const listeners: Listener[] = [];
const { context, ticketKeys, observers, liveTail } = makeParts(boot, post);
let held: HeldResponse | null = null;
/** Of engine uws without TLS and with it. */
const backlogs: (Backlog | null)[] = [null, null];
/** Of engine tsuji: connections are handles, not sockets of node's. */
let onHandles = false;
let closing = false;
/** Those of `context` while the heap is short; null while it is not. */
let plans: WorkerContext['plans'] | null = null;
let heapWatch: HeapWatch | null = null;
let lateTicks: LateTicks | null = null;
let selfCounts: SelfCounts | null = null;

function post(message: FromWorker): void {
  boot.port.postMessage(message);
}

/** What limits refuse is added up in main, which tells it once a minute. */
const SUM_MS = 1_000;

function sendLogToMain(): void {
  const waiting = new Int32Array(boot.logQueue);
  sendLogTo((record) => {
    if (Atomics.load(waiting, 0) >= LOG_QUEUE) return false;
    Atomics.add(waiting, 0, 1);
    // What is counted is that of all workers.
    const fields = record.counts === '' ? { worker: boot.index, ...record.fields } : record.fields;
    post({ kind: 'log', record: { ...record, fields } });
    return true;
  }, SUM_MS);
}

/** Closes every handle; the thread ends by itself when its loop is empty. */
function closeAll(why = FAULTS.drainDeadline): void {
  if (closing) return;
  closing = true;
  context.draining = true;
  context.ending = why;
  for (const listener of listeners) listener.drain();
  if (context.webSockets.size === 0) {
    closeHandles();
    return;
  }
  context.plans = boot.entryPoints.map(() => REFUSE_LATE);
  for (const webSocket of context.webSockets) webSocket.shutDown();
  setTimeout(closeHandles, LINGER_MS);
}

function closeHandles(): void {
  for (const webSocket of [...context.webSockets]) webSocket.destroy();
  for (const listener of listeners) listener.close();
  held?.close();
  heapWatch?.stop();
  lateTicks?.stop();
  selfCounts?.stop();
  context.pools.destroy();
  boot.port.close();
}

function fail(during: 'boot' | 'serving', error: unknown): void {
  if (closing) return;
  const stack = error instanceof Error ? (error.stack ?? '') : '';
  const listen = error instanceof ListenError ? error.failure : null;
  post({ kind: 'failed', during, message: reasonOf(error), stack, listen, open: context.openExchanges });
  closeAll(FAULTS.internal);
}

/** In the place of what entrypoints do while the heap is short, and behind the last call of a drain. */
const REFUSE_ALL: Plan = [{ request: () => localReply(FAULTS.overloaded) }];
const REFUSE_LATE: Plan = [{ request: () => localReply(FAULTS.draining) }];

const heapOwner: HeapOwner = {
  heapIsShort(value) {
    if (plans === null) {
      const what = 'all that is new for a while, and whoever holds most';
      tellLimit({ limit: 'memory', object: 'limits.workerHeap', value, what });
      plans = context.plans;
      context.plans = boot.entryPoints.map(() => REFUSE_ALL);
    }
    context.budget.endLargest();
  },
  heapHasRoom() {
    if (plans !== null && !closing) context.plans = plans;
    plans = null;
  },
  heapIsSpent() {
    fail('serving', new Error('out of memory (--limits.workerHeap)'));
  },
};

function drainedWhenIdle(): void {
  if (context.openExchanges > 0 || closing) return;
  setTimeout(() => {
    // Behind what the sockets have to say in this turn of the loop: whoever has asked meanwhile is served.
    setImmediate(() => {
      if (context.openExchanges > 0 || closing) return;
      if (listeners.some((listener) => listener.isBusy)) {
        drainedWhenIdle();
        return;
      }
      post({ kind: 'drained' });
      closeAll();
    });
  }, LINGER_MS);
}

function drain(): void {
  if (context.draining) return;
  context.draining = true;
  for (const listener of listeners) listener.drain();
  context.exchangeEnded = drainedWhenIdle;
  drainedWhenIdle();
}

function useTables({ generation, base, overlay, breakers }: Extract<ToWorker, { kind: 'table' }>): void {
  if (breakers.isAll) context.breakers.clear();
  for (const name of breakers.gone) context.breakers.delete(name);
  for (const [name, buffer] of breakers.put) context.breakers.set(name, buffer);
  const table: RoutingTable = new RoutingTable(base, boot.options.keepTrailingSlash, overlay, context.table);
  context.table = table;
  context.pools.leave(table.leftServers);
  post({ kind: 'applied', generation });
}

function useEntryPoints(entryPoints: readonly EntryPoint[]): void {
  context.entryPoints = entryPoints;
  context.trusts = entryPoints.map(({ forwardedHeaders }) => Trust.of(forwardedHeaders));
  const made = entryPoints.map((_, index) => entryPointPlan(context, index));
  if (plans === null) context.plans = made;
  else plans = made;
}

function reload({ logLevel, entryPoints, clientCAs }: Extract<ToWorker, { kind: 'reloaded' }>): void {
  setLogLevel(logLevel as LogLevel);
  for (const [index, tls] of context.tls.entries()) tls?.renew(clientCAs[index]);
  useEntryPoints(entryPoints);
  // Plans of frontends look at entrypoints as well.
  context.table?.forgetViews();
}

/** An error of ours there costs the one who asks his answer, and nobody else anything. */
async function explainTo({ id, request }: Extract<ToWorker, { kind: 'explain' }>): Promise<void> {
  let explained: Explained | null = null;
  try {
    explained = await explain(context, request);
  } catch (error) {
    tellOwnError('explanation of a request', error);
  }
  post({ kind: 'explained', id, explained });
}

/** Where nobody looks, exchanges do not learn that somebody could. */
function useTails(tails: Tails): void {
  observers.tail = liveTail.watch(tails) ? liveTail : null;
  context.observers = observers.isEmpty ? null : observers;
}

function receive(message: ToWorker): void {
  switch (message.kind) {
    case 'table':
      useTables(message);
      return;
    case 'reloaded':
      reload(message);
      return;
    case 'certificates':
      context.certificates.apply(message.added, message.removed);
      return;
    case 'ticketKeys':
      ticketKeys.rotate(message.ring);
      context.digestNonces.rotate(message.ring);
      return;
    case 'keySets':
      context.keySets.apply(message.changed, message.removed);
      return;
    case 'passwordChecked':
      context.passwords.checked(message.id, message.isRight);
      return;
    case 'tails':
      useTails(message.tails);
      return;
    case 'ping':
      post({ kind: 'pong', question: message.question });
      return;
    case 'explain':
      void explainTo(message);
      return;
    case 'drain':
      drain();
      return;
    case 'stop':
      closeAll();
  }
}

/** TSUJI_SOCKETS=stream: for tests of what happens where node has no such handles. */
async function mayUseHandles(): Promise<boolean> {
  if (process.env.TSUJI_SOCKETS === 'stream') return false;
  const reason = makesHandshakes ? await handleProblem() : 'TLS cannot be made on them';
  if (reason === '') return true;
  log.event(EVENTS.slowSockets, '', { reason });
  return false;
}

function makeListener(uws: Uws, index: number, entryPoint: EntryPoint): Listener {
  if (entryPoint.engine === 'tsuji') return new TsujiListener(context, index, entryPoint, onHandles);
  return new UwsListener(uws, held!, backlogs[entryPoint.tls === null ? 0 : 1]!, context, index, entryPoint);
}

async function start(): Promise<void> {
  setLogLevel(boot.logLevel as LogLevel);
  logWarningsOfNode();
  sendLogToMain();
  context.certificates.apply(boot.tls.certificates, []);
  useEntryPoints(boot.entryPoints);
  useTails(boot.tails);
  const uws = await loading;
  const ofUws = boot.entryPoints.filter(({ engine }) => engine === 'uws');
  if (boot.entryPoints.some(({ engine }) => engine === 'tsuji')) onHandles = await mayUseHandles();
  await Promise.all([
    ofUws.length > 0 && HeldResponse.open(uws).then((opened) => (held = opened)),
    ...[false, true].map(async (secure) => {
      if (ofUws.some(({ tls }) => (tls !== null) === secure)) backlogs[Number(secure)] = await findBacklog(uws, secure);
    }),
  ]);
  // A worker that takes another's place has routes before it has clients.
  for (let next = receiveMessageOnPort(boot.port); next !== undefined; next = receiveMessageOnPort(boot.port)) {
    receive(next.message as ToWorker);
  }
  if (closing) return;
  for (const [index, entryPoint] of boot.entryPoints.entries()) {
    const listener = makeListener(uws, index, entryPoint);
    listeners.push(listener);
    await listener.listen();
  }
  heapWatch = new HeapWatch(heapOwner);
  lateTicks = new LateTicks({ onLate: (lag_ms) => log.event(EVENTS.workerSlow, String(boot.index), { lag_ms }) });
  selfCounts = new SelfCounts(context.counts.labels, boot.index);
  boot.port.on('message', receive);
  post({ kind: 'ready' });
  log.debug('worker is serving', { worker: boot.index });
}

process.on('uncaughtException', (error) => fail('serving', error));
process.on('unhandledRejection', (error) => fail('serving', error));
start().catch((error: unknown) => fail('boot', error));
