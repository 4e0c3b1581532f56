#!/usr/bin/env node
/** The start: settings, control plane, signals; nothing else. */
import { runHealthcheck } from './commands/healthcheck.ts';
import { ownVersion, runVersion } from './commands/version.ts';
import { Launch } from './control/launch.ts';
import { reasonOf } from './kernel/errors.ts';
import { log, setLogLevel } from './kernel/log.ts';
import { type Parsed, parseFlags } from './settings/parse-flags.ts';

type Run = Extract<Parsed, { kind: 'run' }>;

/** Drains and ends with exit code 0; a second signal ends the wait for running exchanges. */
function stopOnSignal(launch: Launch): void {
  let signals = 0;
  const stop = async (signal: NodeJS.Signals): Promise<void> => {
    if (++signals > 1) {
      await launch.stop(0);
      return;
    }
    log.info('Stopping', { signal });
    launch.beginDrain();
    const { requestAcceptGraceTimeoutMs, graceTimeOutMs } = launch.current;
    if (requestAcceptGraceTimeoutMs > 0) {
      await new Promise((resolve) => setTimeout(resolve, requestAcceptGraceTimeoutMs));
    }
    await launch.stop(graceTimeOutMs);
    process.exitCode = 0;
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
}

async function run({ settings, withStored }: Run): Promise<number> {
  setLogLevel(settings.logLevel);
  const launch = new Launch(settings, withStored, ownVersion());
  stopOnSignal(launch);
  try {
    await launch.run();
    return 0;
  } catch (error) {
    log.fatal(reasonOf(error));
    await launch.stop(0);
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
  return run(parsed);
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
