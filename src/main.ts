#!/usr/bin/env -S node --disable-sigusr1
/** Takes the signals before all else is loaded. */
import { takeSignals } from './kernel/signals.ts';

takeSignals();
const { main } = await import('./start.ts');
void main().then((code) => {
  process.exitCode = code;
});
