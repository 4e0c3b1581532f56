#!/usr/bin/env -S node --disable-sigusr1
/** Takes the signals before all else is loaded. A health check comes every few seconds, and loads nothing of all that. */
const command = process.argv[2]?.toLowerCase();
if (command === 'healthcheck') {
  const { runHealthcheck } = await import('./commands/healthcheck.ts');
  process.exitCode = await runHealthcheck(process.argv.slice(3), process.env);
} else if (command === 'wait') {
  const { runWait } = await import('./commands/wait.ts');
  process.exitCode = await runWait(process.argv.slice(3), process.env);
} else if (command === 'confirm') {
  const { runConfirm } = await import('./commands/confirm.ts');
  process.exitCode = await runConfirm(process.argv.slice(3), process.env);
} else {
  const { takeSignals } = await import('./kernel/signals.ts');
  takeSignals();
  const { main } = await import('./start.ts');
  void main().then((code) => {
    process.exitCode = code;
  });
}
