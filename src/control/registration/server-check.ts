/** Asks a server, again and again, whether it is well: by a TCP connection, or by HTTP as tsuji's own health checks do. */
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { timerSpan } from '../../kernel/durations.ts';
import { reasonOf } from '../../kernel/errors.ts';
import type { Prober, ProbeTarget } from '../health-checks/probe.ts';
import { Verdict } from '../health-checks/verdict.ts';

export type CheckTarget =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'http'; readonly target: ProbeTarget };

export type ServerCheckOptions = {
  readonly target: CheckTarget;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  /** Good checks in a row that bring it up, bad ones that take it down; the first check decides at once. */
  readonly rise: number;
  readonly fall: number;
  readonly prober: Prober;
  /** `reason`: why it is not well. */
  readonly onVerdict: (isUp: boolean, reason: string) => void;
};

/** '' when a connection came about, else why not. */
function tryTcp(host: string, port: number, timeoutMs: number, signal: AbortSignal): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, signal });
    const end = (reason: string): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(reason);
    };
    const timer = setTimeout(() => end(`no connection within ${timeoutMs / 1_000} s`), timerSpan(timeoutMs));
    socket.on('connect', () => end(''));
    socket.on('error', (error) => end(reasonOf(error)));
  });
}

/** Resolves when `signal` is aborted. */
export async function checkServer(options: ServerCheckOptions, signal: AbortSignal): Promise<void> {
  const { target, intervalMs, timeoutMs, rise, fall, prober, onVerdict } = options;
  const verdict = new Verdict('unchecked');
  while (!signal.aborted) {
    const reason =
      target.kind === 'tcp'
        ? await tryTcp(target.host, target.port, timeoutMs, signal)
        : (await prober.probe(target.target, timeoutMs, signal)).reason;
    if (signal.aborted) return;
    if (verdict.take(reason === '', rise, fall)) onVerdict(reason === '', reason);
    await sleep(timerSpan(intervalMs), undefined, { signal }).catch(() => {});
  }
}
