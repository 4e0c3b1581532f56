#!/usr/bin/env node
/** The start: settings, control plane, signals; nothing else. */
import { runHealthcheck } from './commands/healthcheck.ts';
import { ownVersion, runVersion } from './commands/version.ts';
import { ControlPlane } from './control/control-plane.ts';
import { reasonOf } from './kernel/errors.ts';
import { log, setLogLevel } from './kernel/log.ts';
import { parseFlags } from './settings/parse-flags.ts';
import type { Settings } from './settings/settings.ts';

/** Drains and ends with exit code 0; a second signal ends the wait for running exchanges. */
function stopOnSignal(plane: ControlPlane, settings: Settings): void {
  let signals = 0;
  const stop = async (signal: NodeJS.Signals): Promise<void> => {
    if (++signals > 1) {
      await plane.stop(0);
      return;
    }
    log.info('Stopping', { signal });
    plane.beginDrain();
    if (settings.requestAcceptGraceTimeoutMs > 0) {
      await new Promise((resolve) => setTimeout(resolve, settings.requestAcceptGraceTimeoutMs));
    }
    await plane.stop(settings.graceTimeOutMs);
    process.exitCode = 0;
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
}

async function run(settings: Settings): Promise<number> {
  setLogLevel(settings.logLevel);
  // Not through the log: at its default level nobody would see them.
  for (const warning of settings.warnings) process.stderr.write(`tsuji: ${warning}\n`);
  const plane = new ControlPlane(settings, ownVersion());
  stopOnSignal(plane, settings);
  try {
    await plane.start();
    return 0;
  } catch (error) {
    log.fatal(reasonOf(error));
    await plane.stop(0);
    return 1;
  }
}

async function main(): Promise<number> {
  const parsed = parseFlags(process.argv.slice(2), process.env);
  if (parsed.kind === 'help') {
    process.stdout.write(parsed.text);
    return 0;
  }
  if (parsed.kind === 'error') {
    process.stderr.write(`${parsed.message}\n`);
    return 1;
  }
  if (parsed.command === 'version') return runVersion();
  if (parsed.command === 'healthcheck') return runHealthcheck(parsed.settings);
  return run(parsed.settings);
}

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    log.fatal(reasonOf(error));
    process.exitCode = 1;
  },
);
