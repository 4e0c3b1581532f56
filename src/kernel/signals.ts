/**
 * Signals of the process. They are taken before anything else is loaded, because what nobody takes ends a process, and
 * SIGUSR1 makes Node listen for a debugger (the flag --disable-sigusr1 keeps it from that in its own first moments).
 *
 * Whoever has something to do at one registers a step. A signal without a step is told as a line of the log.
 */
import { EVENTS } from './events.ts';
import { log } from './log.ts';
import { tellOwnError } from './own-error.ts';

const ENDING = ['SIGTERM', 'SIGINT', 'SIGQUIT'] as const;
const SERVING = ['SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const;

export type EndingSignal = (typeof ENDING)[number];
type ServingSignal = (typeof SERVING)[number];
/** One that fails, at once or later, is told, and keeps no other from its turn. */
export type SignalStep = () => void | Promise<void>;

/** Came before anybody has said what is to end. */
const early: EndingSignal[] = [];
let act = (signal: EndingSignal): void => void early.push(signal);

const steps: Readonly<Record<ServingSignal, Set<SignalStep>>> = {
  SIGHUP: new Set(),
  SIGUSR1: new Set(),
  SIGUSR2: new Set(),
};

function serve(signal: ServingSignal): void {
  if (steps[signal].size === 0) log.event(EVENTS.signalIgnored, signal, { signal });
  for (const step of [...steps[signal]]) {
    try {
      Promise.resolve(step()).catch((error: unknown) => tellOwnError(signal, error));
    } catch (error) {
      tellOwnError(signal, error);
    }
  }
}

export function takeSignals(): void {
  for (const signal of ENDING) process.on(signal, () => act(signal));
  for (const signal of SERVING) process.on(signal, () => serve(signal));
}

/** What to do from now on when the process is to end, and at once for what has come already. */
export function onEndingSignal(step: (signal: EndingSignal) => void): void {
  act = step;
  for (const signal of early.splice(0)) step(signal);
}

function register(signal: ServingSignal, step: SignalStep): () => void {
  steps[signal].add(step);
  return () => void steps[signal].delete(step);
}

/** SIGHUP: files are read again. Gives what takes the step back. */
export function onReloadSignal(step: SignalStep): () => void {
  return register('SIGHUP', step);
}

/** SIGUSR1: logs are opened again under their names. Gives what takes the step back. */
export function onReopenSignal(step: SignalStep): () => void {
  return register('SIGUSR1', step);
}

/** SIGUSR2: a successor is started. Gives what takes the step back. */
export function onSuccessorSignal(step: SignalStep): () => void {
  return register('SIGUSR2', step);
}
