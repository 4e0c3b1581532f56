/**
 * Log lines in the logrus text form that users of Traefik 1.x grep for (shared/spec cli-api §8):
 * `time="2021-01-02T15:04:05Z" level=info msg="…" key=value`.
 *
 * A level that is switched off is a no-op function, so a disabled call costs no test.
 */

export const LOG_LEVELS = ['DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL', 'PANIC'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export type LogFields = Readonly<Record<string, string | number | boolean>>;
export type LogFunction = (message: string, fields?: LogFields) => void;

export type Log = {
  debug: LogFunction;
  info: LogFunction;
  warn: LogFunction;
  error: LogFunction;
  /** For the last words before the process ends; does not end it. */
  fatal: LogFunction;
};

function silent(): void {}

/** Quotes as Go's `%q` does for what can stand in one line. */
function quoted(text: string): string {
  return JSON.stringify(text);
}

function fieldText(value: string | number | boolean): string {
  return typeof value === 'string' && !/^[\w./:@-]+$/.test(value) ? quoted(value) : String(value);
}

/** One finished log line, newline included. */
export function logLine(now: Date, level: string, message: string, fields?: LogFields): string {
  let line = `time="${now.toISOString().slice(0, 19)}Z" level=${level} msg=${quoted(message)}`;
  for (const name in fields) line += ` ${name}=${fieldText(fields[name])}`;
  return `${line}\n`;
}

function writerOf(level: string): LogFunction {
  return (message, fields) => {
    process.stdout.write(logLine(new Date(), level, message, fields));
  };
}

/** The process-wide log. It starts at ERROR, the default of `--logLevel`. */
export const log: Log = {
  debug: silent,
  info: silent,
  warn: silent,
  error: writerOf('error'),
  fatal: writerOf('fatal'),
};

export function setLogLevel(level: LogLevel): void {
  const from = LOG_LEVELS.indexOf(level);
  log.debug = from <= 0 ? writerOf('debug') : silent;
  log.info = from <= 1 ? writerOf('info') : silent;
  log.warn = from <= 2 ? writerOf('warning') : silent;
  log.error = from <= 3 ? writerOf('error') : silent;
}
