#!/usr/bin/env -S node --disable-sigusr1
/** Takes the signals before all else is loaded. A health check comes every few seconds, and loads nothing of all that. */
if (process.argv[2]?.toLowerCase() === 'healthcheck') {
  const { runHealthcheck } = await import('./commands/healthcheck.ts');
  process.exitCode = await runHealthcheck(process.argv.slice(3), process.env);
} else {
  const { takeSignals } = await import('./kernel/signals.ts');
  takeSignals();
  const { main } = await import('./start.ts');
  void main().then((code) => {
    process.exitCode = code;
  });
}
