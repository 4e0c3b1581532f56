#!/usr/bin/env -S node --disable-sigusr1
/** Takes the signals before all else is loaded, but for commands, which load no more than they need. */
import { commandOf } from './commands/command.ts';

const load = commandOf(process.argv[2]?.toLowerCase() ?? '');
if (load !== null) {
  const run = await load();
  process.exitCode = await run(process.argv.slice(3), process.env);
} else {
  const { takeSignals } = await import('./kernel/signals.ts');
  takeSignals();
  const { main } = await import('./start.ts');
  void main().then((code) => {
    process.exitCode = code;
  });
}
