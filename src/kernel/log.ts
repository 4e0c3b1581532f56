/**
 * The log: an event of the catalogue (events.ts) with its fields; a fixed text only at DEBUG, or as the last words. Its
 * lines are as logrus writes them (log-line.ts), and bounded in number: of each event about one object, and of all together.
 *
 *     log.event, log.debug … ─▶ level ─▶ rate ─▶ budget ─▶ sink:  main: a line of its output (log-output.ts)
 *                                ▲                               worker: a bounded queue to main ─▶ relay ─┐
 *                                └──────────────────────────────────────────────────────────────────────────┘
 *
 * What a key or a peer brought goes into fields, never into the text. DEBUG that is switched off is a no-op function,
 * so a disabled call costs no test.
 */
import { timerSpan } from './durations.ts';
import { reasonOf } from './errors.ts';
import { EVENTS, type LineLevel, type LogEvent } from './events.ts';
import { type LogFields, type LogForm, logLine } from './log-line.ts';
import { isJournal, LogOutput } from './log-output.ts';
import { LineBudget, LineRates } from './log-rates.ts';

export const LOG_LEVELS = ['DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL', 'PANIC'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export type LogFunction = (message: string, fields?: LogFields) => void;

export type Log = {
  debug: LogFunction;
  /** For the last words before the process ends; does not end it. */
  fatal: LogFunction;
  /** `object`: what its rate is kept for, e.g. the URL of a server. `times`: it has come so often at once. */
  event: (event: LogEvent, object: string, fields: LogFields, level?: LineLevel, times?: number) => void;
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
  /** See LogEvent. */
  readonly of: string;
  readonly counts: string;
  /** Lines like it that were left out since the last one. */
  readonly suppressed: number;
};

/** An event as it happens, whether or not it comes to a line. */
export type HeardEvent = {
  readonly name: string;
  readonly level: LineLevel;
  readonly text: string;
  readonly fields: LogFields;
  readonly times: number;
};

/** Lines per second of a whole process (shared/spec logs §3.4). */
const LINES_PER_SECOND = 200;
const RANKS: Readonly<Record<LineLevel, number>> = { debug: 0, info: 1, warning: 2, error: 3, fatal: 4 };
const NO_FIELDS: LogFields = Object.freeze({});

const rates = new LineRates();
const budget = new LineBudget(LINES_PER_SECOND, tellHeld);
/** Apart, so that whoever looks at every request still sees what else happens. */
const debugBudget = new LineBudget(LINES_PER_SECOND, tellHeld);
let lowest = RANKS.info;
let sink: (record: LogRecord) => boolean = print;
/** Of main: hears of all events, also of those that the level, the rate or the budget keeps back. */
let hear: (event: HeardEvent) => void = silent;
/** Of what is counted, where main makes the sum; 0: as the event says. */
let sumMs = 0;
/** Of main; null before the first line. */
let output: LogOutput | null = null;
let form: LogForm = 'text';
/** The levels of sd-daemon(3), which the journal takes off a line. */
const JOURNAL_LEVELS: Readonly<Record<LineLevel, string>> = {
  debug: '<7>',
  info: '<6>',
  warning: '<4>',
  error: '<3>',
  fatal: '<3>',
};
let isForJournal = false;
/** Until a reader that takes nothing is not waited for at the end, milliseconds. */
const END_MS = 2_000;

function silent(): void {}

function lose(lines: number): void {
  budget.hold(lines);
}

function use(next: LogOutput): LogOutput {
  isForJournal = next.path === '' && isJournal(process.env);
  output = next;
  return next;
}

/** With how often it came, or how many lines were left out. */
export function shownFields({ fields, counts, suppressed }: LogRecord): LogFields {
  if (counts !== '') return { ...fields, [counts]: suppressed + 1 };
  return suppressed === 0 ? fields : { suppressed, ...fields };
}

function print(record: LogRecord): boolean {
  const { level, text, event } = record;
  const all = shownFields(record);
  const target = output ?? use(new LogOutput('', lose));
  // The journal shows no colours.
  const line = logLine(new Date(), level, text, event, all, isForJournal && form === 'colours' ? 'text' : form);
  return target.push(isForJournal ? JOURNAL_LEVELS[level] + line : line);
}

/** By state and object, the newest line of each that was left out. */
const lastOf = new Map<string, LogRecord>();
const MOST_LAST = 10_000;

/** It comes when its rate allows, unless another state was told meanwhile. */
function tellLater(name: string, record: LogRecord, perMs: number): void {
  const isFirst = !lastOf.has(name);
  if (isFirst && lastOf.size >= MOST_LAST) return;
  lastOf.set(name, record);
  if (!isFirst) return;
  const tell = (): void => {
    const last = lastOf.get(name);
    lastOf.delete(name);
    // It was counted as one that is left out.
    if (last !== undefined) submit({ ...last, suppressed: -1 });
  };
  setTimeout(tell, timerSpan(perMs)).unref();
}

function submit(record: LogRecord): void {
  const now = performance.now();
  const { burst, event, object, of } = record;
  const perMs = record.counts !== '' && sumMs > 0 ? sumMs : record.perMs;
  const name = `${of === '' ? event : of} ${object}`;
  const suppressed = rates.take(name, perMs, burst, record.suppressed, now);
  if (suppressed < 0) {
    if (of !== '') tellLater(name, record, perMs);
    return;
  }
  lastOf.delete(name);
  const lines = record.level === 'debug' ? debugBudget : budget;
  const mayCome = record.level === 'fatal' || lines.take(now);
  const isTaken = mayCome && sink(suppressed === record.suppressed ? record : { ...record, suppressed });
  if (isTaken) return;
  rates.putBack(name, suppressed + 1);
  if (mayCome) lines.hold();
}

function tellHeld(lines: number): boolean {
  const { level, text, name, perMs, burst, of, counts } = EVENTS.linesHeld;
  return sink({ level, text, event: name, object: '', fields: { lines }, perMs, burst, of, counts, suppressed: 0 });
}

function writerOf(level: 'debug' | 'fatal'): LogFunction {
  return (text, fields = NO_FIELDS) => {
    submit({ level, text, event: '', object: '', fields, perMs: 0, burst: 0, of: '', counts: '', suppressed: 0 });
  };
}

/** The process-wide log. It starts at INFO, the default of `--logLevel`. */
export const log: Log = {
  debug: silent,
  fatal: writerOf('fatal'),
  event: ({ name, level: usual, text, perMs, burst, of, counts }, object, fields, level = usual, times = 1) => {
    hear({ name, level, text, fields, times });
    if (RANKS[level] < lowest) return;
    submit({ level, text, event: name, object, fields, perMs, burst, of, counts, suppressed: times - 1 });
  },
};

export function setLogLevel(level: LogLevel): void {
  lowest = LOG_LEVELS.indexOf(level);
  log.debug = lowest <= RANKS.debug ? writerOf('debug') : silent;
}

/**
 * In main. `path`: a file to append to, '' for standard output.
 * @throws as `fs` does when the file cannot be opened; then all stays as it is
 */
export function setLogOutput(path: string, to: LogForm): void {
  if (path !== (output?.path ?? '')) {
    const before = output;
    use(new LogOutput(path, lose));
    before?.end();
  }
  form = to;
}

/** In main: a file that was moved away is made anew under its name. */
export function reopenLog(): void {
  if (output === null || output.path === '') return;
  const fields = { log: 'operational', path: output.path };
  try {
    output.reopen();
    log.event(EVENTS.logReopened, output.path, fields);
  } catch (error) {
    log.event(EVENTS.logReopenFailed, output.path, { ...fields, reason: reasonOf(error) });
  }
}

/** In main, when all else has ended: what was said goes out, if somebody takes it soon. */
export function endLog(): void {
  setTimeout(() => output?.abandon(), END_MS).unref();
}

/**
 * In a worker: lines go there instead of to stdout. False: it has no room. `sumEachMs`: what is counted goes there so often,
 * so that the sum of all workers is no older; 0: as often as it is to be told.
 */
export function sendLogTo(send: (record: LogRecord) => boolean, sumEachMs = 0): void {
  sink = send;
  sumMs = sumEachMs;
}

/** In main: `listener` hears of all events of the process from now on, of those of workers as far as they are sent; null: nobody. */
export function hearEvents(listener: ((event: HeardEvent) => void) | null): void {
  hear = listener ?? silent;
}

/** In main: what a worker has sent. */
export function relay(record: LogRecord): void {
  const { event: name, level, text, fields, suppressed } = record;
  if (name !== '') hear({ name, level, text, fields, times: suppressed + 1 });
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
