/**
 * The log: an event of the catalogue (events.ts), or a fixed text, with fields. Its lines are as logrus writes them
 * (log-line.ts), and bounded in number: of each event about one object, of each text, and of all together.
 *
 *     log.event, log.warn … ─▶ level ─▶ rate ─▶ budget ─▶ sink:  main: a line on stdout
 *                                ▲                               worker: a bounded queue to main ─▶ relay ─┐
 *                                └──────────────────────────────────────────────────────────────────────────┘
 *
 * What a key or a peer brought goes into fields, never into the text. A level that is switched off is a no-op function,
 * so a disabled call costs no test.
 */
import { EVENTS, type LineLevel, type LogEvent } from './events.ts';
import { type LogFields, logLine } from './log-line.ts';
import { LineBudget, LineRates } from './log-rates.ts';

export const LOG_LEVELS = ['DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL', 'PANIC'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export type LogFunction = (message: string, fields?: LogFields) => void;

export type Log = {
  debug: LogFunction;
  info: LogFunction;
  warn: LogFunction;
  error: LogFunction;
  /** For the last words before the process ends; does not end it. */
  fatal: LogFunction;
  /** `object`: what its rate is kept for, e.g. the URL of a server. */
  event: (event: LogEvent, object: string, fields: LogFields, level?: LineLevel) => void;
};

/** A line that is not written yet, as it goes from a worker to main. */
export type LogRecord = {
  readonly level: LineLevel;
  readonly text: string;
  /** '' for a line that is none of the catalogue. */
  readonly event: string;
  readonly object: string;
  readonly fields: LogFields;
  readonly perMs: number;
  readonly burst: number;
  /** Lines like it that were left out since the last one. */
  readonly suppressed: number;
};

/** Lines per second of a whole process (shared/spec logs §3.4). */
const LINES_PER_SECOND = 200;
/** Of one text without an event. */
const TEXT_PER_MS = 50;
const TEXT_BURST = 20;
const RANKS: Readonly<Record<LineLevel, number>> = { debug: 0, info: 1, warning: 2, error: 3, fatal: 4 };
const NO_FIELDS: LogFields = Object.freeze({});

const rates = new LineRates();
const budget = new LineBudget(LINES_PER_SECOND, tellHeld);
/** Apart, so that whoever looks at every request still sees what else happens. */
const debugBudget = new LineBudget(LINES_PER_SECOND, tellHeld);
let lowest = RANKS.info;
let sink: (record: LogRecord) => boolean = print;
let outputHasListener = false;

function silent(): void {}

function print({ level, text, event, fields, suppressed }: LogRecord): boolean {
  if (!outputHasListener) {
    outputHasListener = true;
    // Nobody reads it any more: that ends the log, and nothing else.
    process.stdout.on('error', silent);
  }
  const all = suppressed === 0 ? fields : { suppressed, ...fields };
  process.stdout.write(logLine(new Date(), level, text, event, all));
  return true;
}

function submit(record: LogRecord): void {
  const now = performance.now();
  const { perMs, burst, event, object } = record;
  const name = event === '' ? record.text : `${event} ${object}`;
  const suppressed = rates.take(name, perMs, burst, record.suppressed, now);
  if (suppressed < 0) return;
  const lines = record.level === 'debug' ? debugBudget : budget;
  if (record.level !== 'fatal' && !lines.take(now)) return;
  const accepted = sink(suppressed === record.suppressed ? record : { ...record, suppressed });
  if (!accepted) lines.hold();
}

function tellHeld(lines: number): void {
  const { level, text, name, perMs, burst } = EVENTS.linesHeld;
  sink({ level, text, event: name, object: '', fields: { lines }, perMs, burst, suppressed: 0 });
}

function writerOf(level: LineLevel): LogFunction {
  const perMs = level === 'debug' || level === 'fatal' ? 0 : TEXT_PER_MS;
  return (text, fields = NO_FIELDS) => {
    submit({ level, text, event: '', object: '', fields, perMs, burst: TEXT_BURST, suppressed: 0 });
  };
}

/** The process-wide log. It starts at INFO, the default of `--logLevel`. */
export const log: Log = {
  debug: silent,
  info: writerOf('info'),
  warn: writerOf('warning'),
  error: writerOf('error'),
  fatal: writerOf('fatal'),
  event: ({ name, level: usual, text, perMs, burst }, object, fields, level = usual) => {
    if (RANKS[level] < lowest) return;
    submit({ level, text, event: name, object, fields, perMs, burst, suppressed: 0 });
  },
};

export function setLogLevel(level: LogLevel): void {
  lowest = LOG_LEVELS.indexOf(level);
  log.debug = lowest <= RANKS.debug ? writerOf('debug') : silent;
  log.info = lowest <= RANKS.info ? writerOf('info') : silent;
  log.warn = lowest <= RANKS.warning ? writerOf('warning') : silent;
  log.error = lowest <= RANKS.error ? writerOf('error') : silent;
}

/** In a worker: lines go there instead of to stdout. False: it has no room. */
export function sendLogTo(send: (record: LogRecord) => boolean): void {
  sink = send;
}

/** In main: what a worker has sent. */
export function relay(record: LogRecord): void {
  submit(record);
}

/** What Node and libraries warn of comes as a line like all others, instead of as lines of their own on stderr. */
export function logWarningsOfNode(): void {
  process.removeAllListeners('warning');
  process.on('warning', (warning) => {
    const { name, message, stack = '' } = warning;
    log.event(EVENTS.libraryWarning, name, { name, reason: message, stack });
  });
}
