/**
 * Signals of the process. They are taken before anything else is loaded, because what nobody takes ends a process, and
 * SIGUSR1 makes Node listen for a debugger (the flag --disable-sigusr1 keeps it from that in its own first moments).
 */
import { EVENTS } from './events.ts';
import { log } from './log.ts';

const ENDING = ['SIGTERM', 'SIGINT', 'SIGQUIT'] as const;
/** Others know them as "load anew" and "open the log anew": there is nothing that tsuji would do for them yet. */
const HARMLESS = ['SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const;

export type EndingSignal = (typeof ENDING)[number];

/** Came before anybody has said what is to end. */
const early: EndingSignal[] = [];
let act = (signal: EndingSignal): void => void early.push(signal);

export function takeSignals(): void {
  for (const signal of ENDING) process.on(signal, () => act(signal));
  for (const signal of HARMLESS) process.on(signal, () => log.event(EVENTS.signalIgnored, signal, { signal }));
}

/** What to do from now on when the process is to end, and at once for what has come already. */
export function onEndingSignal(step: (signal: EndingSignal) => void): void {
  act = step;
  for (const signal of early.splice(0)) step(signal);
}
