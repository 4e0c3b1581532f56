/**
 * The start: settings, control plane, the end by a signal; nothing else. The control plane is loaded while the threads of the workers load
 * their own code.
 */

import { constants } from 'node:os';
import { ownCommit, ownVersion } from './commands/version.ts';
import type { Launch } from './control/launch.ts';
import { tellListenFailure } from './control/listening.ts';
import { useLogSettings } from './control/log-settings.ts';
import { Predecessor, Succession } from './control/succession.ts';
import { workerHeap } from './control/workers/worker-heap.ts';
import { WorkerThreads } from './control/workers/worker-threads.ts';
import { timerSpan } from './kernel/durations.ts';
import { ListenError, reasonOf, TsujiError } from './kernel/errors.ts';
import { EVENTS } from './kernel/events.ts';
import { LateTicks } from './kernel/late-ticks.ts';
import { endLog, log, logWarningsOfNode, reopenLog } from './kernel/log.ts';
import { tellOwnError } from './kernel/own-error.ts';
import {
  type EndingSignal,
  onEndingSignal,
  onReloadSignal,
  onReopenSignal,
  onSuccessorSignal,
} from './kernel/signals.ts';
import { type Parsed, parseFlags } from './settings/parse-flags.ts';

type Run = Extract<Parsed, { kind: 'run' }>;

/**
 * Threads of the pool that libuv has for the whole process. Lookups of names may hold half of them, and each for many
 * seconds when its name server does not answer: with libuv's own 4, two such names would keep all others waiting.
 */
const POOL_THREADS = 16;

/** SIGUSR2: the successor with that process id has taken over. */
type Stop = (signal: EndingSignal | 'SIGUSR2', successor?: number) => Promise<void>;

function tellStop(code: number, startedAt: number): void {
  log.event(EVENTS.stop, '', { code, took_ms: Math.round(performance.now() - startedAt) });
  endLog();
}

/** Drains and ends with exit code 0; a second signal ends the wait for running exchanges. */
function stopOnSignal(launch: Launch, succession: Succession): Stop {
  let signals = 0;
  const stop: Stop = async (signal, successor) => {
    if (++signals > 1) {
      await launch.stop(0);
      return;
    }
    const startedAt = performance.now();
    const hasSuccessor = successor !== undefined;
    succession.end(hasSuccessor ? 'a successor has taken over' : 'tsuji is ending');
    const { requestAcceptGraceTimeoutMs, graceTimeOutMs } = launch.current;
    // Nobody has to be told first that we go: the port stays.
    const accept_ms = hasSuccessor ? 0 : requestAcceptGraceTimeoutMs;
    log.event(EVENTS.drainBegin, '', { signal, accept_ms, grace_ms: graceTimeOutMs });
    if (hasSuccessor) await launch.handOver(successor);
    else launch.beginDrain();
    if (accept_ms > 0) await new Promise((resolve) => setTimeout(resolve, timerSpan(accept_ms)));
    await launch.stop(graceTimeOutMs);
    process.exitCode = 0;
    tellStop(0, startedAt);
  };
  onEndingSignal(stop);
  return stop;
}

function tellStart({ settings, configFile, given }: Run, version: string): void {
  const { etcd, folder, entryPoints, workers } = settings;
  const stores =
    etcd === null ? [] : [`etcd ${etcd.useApiV3 ? 'v3' : 'v3 and v2'} ${etcd.endpoints.join(',')}${etcd.prefix}`];
  if (folder !== '') stores.push(`folder ${folder}`);
  log.event(EVENTS.start, '', {
    version,
    node: process.version,
    commit: ownCommit(),
    workers,
    sources: stores.join('; '),
    config_file: configFile,
    entrypoints: entryPoints.map(({ name }) => name).join(','),
    // Their values may be secrets.
    settings: given.names().join(','),
  });
}

/**
 * The workers serve, and know their routes: an error of ours on the main thread that nobody has caught must not take that
 * away. Until they do, it ends the start.
 */
function goOnAfterErrors(): void {
  for (const event of ['uncaughtException', 'unhandledRejection']) {
    process.on(event, (error: unknown) => tellOwnError('main thread', error));
  }
}

/** @throws TsujiError for flags, variables or a file that cannot be used */
function readAgain(): Run {
  const parsed = parseFlags(process.argv.slice(2), process.env);
  if (parsed.kind === 'run') return parsed;
  throw new TsujiError('BAD_SETTING', parsed.kind === 'error' ? parsed.message.split('\n')[0] : 'help was asked for');
}

async function run(parsed: Run, predecessor: Predecessor | null): Promise<number> {
  const { settings } = parsed;
  // Read once, when the pool is first used.
  process.env.UV_THREADPOOL_SIZE ??= String(POOL_THREADS);
  const threads = new WorkerThreads();
  threads.startEarly(settings.workers, workerHeap(settings.workerHeapMb, settings.workers));
  const version = ownVersion();
  useLogSettings(settings);
  logWarningsOfNode();
  onReopenSignal(reopenLog);
  new LateTicks({ onJump: (by_ms) => log.event(EVENTS.clockJump, '', { by_ms }) });
  tellStart(parsed, version);
  const { Launch } = await import('./control/launch.ts');
  const launch = new Launch(parsed, version, threads, predecessor !== null);
  const succession = new Succession();
  const stop = stopOnSignal(launch, succession);
  onReloadSignal(() => launch.reload(readAgain));
  onSuccessorSignal(() => {
    const patienceMs = launch.current.successorTimeoutMs;
    succession.begin({ patienceMs, onReady: (pid) => void stop('SIGUSR2', pid) });
  });
  try {
    await launch.run();
    goOnAfterErrors();
    if (launch.serves) {
      succession.allow();
      predecessor?.tellReady();
    }
    return 0;
  } catch (error) {
    if (error instanceof ListenError) tellListenFailure(error.failure);
    else log.fatal(reasonOf(error));
    const startedAt = performance.now();
    await launch.stop(0);
    tellStop(1, startedAt);
    return 1;
  }
}

async function start(): Promise<number> {
  const predecessor = Predecessor.from(process.env);
  const parsed = parseFlags(process.argv.slice(2), process.env);
  if (parsed.kind === 'run') return run(parsed, predecessor);
  onEndingSignal((signal) => process.exit(128 + constants.signals[signal]));
  if (parsed.kind === 'help') {
    process.stdout.write(parsed.text);
    return 0;
  }
  process.stderr.write(`${parsed.message}\n`);
  return 1;
}

/** Gives the exit code; never rejects. */
export async function main(): Promise<number> {
  try {
    return await start();
  } catch (error) {
    log.fatal(reasonOf(error));
    tellStop(1, performance.now());
    return 1;
  }
}
