#!/usr/bin/env -S node --disable-sigusr1
/** Takes the signals before all else is loaded, but for commands, which load no more than they need. */
import { commandOf } from './commands/command.ts';

const command = commandOf(process.argv.slice(2));
if (command !== null) {
  const run = await command.load();
  process.exitCode = await run(command.rest, process.env);
} else {
  const { takeSignals } = await import('./kernel/signals.ts');
  takeSignals();
  const { main } = await import('./start.ts');
  void main().then((code) => {
    process.exitCode = code;
  });
}
