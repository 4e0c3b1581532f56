/**
 * Which events of the log (src/kernel/events.ts) are events of the board, and how it says them. What is not listed is told in the
 * words of the log when it is a warning or worse. The states of backends and breakers are the board's own (board.ts).
 */

import type { HeardEvent } from '../../kernel/log.ts';
import type { LogFields } from '../../kernel/log-line.ts';
import { type Text, WORSE } from '../admin/ui-api/shapes.ts';
import type { Happening } from './event-log.ts';

type Row = (fields: LogFields, event: HeardEvent) => Omit<Happening, 't'> | null;

function field(fields: LogFields, name: string): string {
  const value = fields[name];
  return value === undefined || value === null ? '' : String(value);
}

function seconds(ms: string): string {
  return `${Math.round(Number(ms) / 100) / 10} s`;
}

function codeText(text: string): Text {
  return text === '' ? [] : [['code', text]];
}

/** What is said of one thing, and of several. */
type Words = string | readonly [one: string, several: string];

const wordsOf = (words: Words): readonly [one: string, several: string] =>
  typeof words === 'string' ? [words, words] : words;

/** Of a server. `said`: what of it, ` down`; `by`: who says so. */
function ofServer(
  kind: Happening['kind'],
  worse: number,
  said: Words,
  by: (fields: LogFields) => string,
  detail: (fields: LogFields) => Text,
): Row {
  const [one, several] = wordsOf(said);
  return (fields, { name }) => {
    const backend = field(fields, 'backend');
    const server = field(fields, 'server');
    return {
      kind,
      worse,
      of: ['server', backend, server],
      text: [['b', `${backend}/${server}`], one],
      detail: detail(fields),
      by: by(fields),
      group: name,
      many: (count) => [['b', `${count} servers`], several],
    };
  };
}

function ofThing(kind: Happening['kind'], worse: number, of: string, from: string, words: string, by: string): Row {
  return (fields) => {
    const name = field(fields, from);
    return {
      kind,
      worse,
      of: name === '' ? [] : [of, name],
      text: name === '' ? [words.trim()] : [['b', of === 'worker' ? `worker ${name}` : name], words],
      detail: codeText(field(fields, 'reason')),
      by,
      group: `${kind} ${words} ${name}`,
    };
  };
}

function plain(kind: Happening['kind'], worse: number, by: string): Row {
  return (fields, { text }) => ({ kind, worse, of: [], text: [text], detail: codeText(field(fields, 'reason')), by });
}

const reasonOf = (fields: LogFields): Text => codeText(field(fields, 'reason'));
const checkOrRequests = (fields: LogFields): string => (field(fields, 'by') === 'check' ? 'check' : 'requests');
const passive = (): string => 'passive health';
const noDetail = (): Text => [];
const urlOf = (fields: LogFields): Text => codeText(field(fields, 'url'));
const keys = (): string => 'keys';

const PROBLEM_WORSE: Readonly<Record<string, number>> = {
  rejected: WORSE.worse,
  defaulted: WORSE.little,
  warned: WORSE.little,
};

function ofProblem(fields: LogFields): ReturnType<Row> {
  const key = field(fields, 'key');
  const state = field(fields, 'state');
  return {
    kind: 'problem',
    worse: PROBLEM_WORSE[state] ?? WORSE.neutral,
    of: ['key', key],
    text: [['code', key], ` ${state}`],
    detail: [field(fields, 'reason')],
    by: 'keys',
    group: `problem ${state}`,
    many: (count) => [['b', `${count} keys`], ` ${state}`],
  };
}

function ofCertificate(worse: number, said: Words): Row {
  const [one, several] = wordsOf(said);
  return (fields) => ({
    kind: 'certificate',
    worse,
    of: ['certificate', field(fields, 'source')],
    text: [['b', field(fields, 'names') || field(fields, 'source')], one],
    detail: codeText(field(fields, 'reason')),
    by: field(fields, 'source'),
    group: `certificate ${one}`,
    many: (count) => [['b', `${count} certificates`], several],
  });
}

const ROWS: Readonly<Record<string, Row | null>> = {
  server_down: ofServer('health', WORSE.worse, ' down', checkOrRequests, reasonOf),
  server_up: ofServer('health', WORSE.better, ' back', checkOrRequests, noDetail),
  server_ejected: ofServer('ejection', WORSE.worse, ' ejected', passive, (fields) => [
    `for ${seconds(field(fields, 'for_ms'))}, as its connections failed`,
  ]),
  server_returned: ofServer('ejection', WORSE.better, [' serves again', ' serve again'], passive, noDetail),
  server_suspect: ofServer(
    'keys',
    WORSE.little,
    [' is suspect: its lease ran out', ' are suspect: their leases ran out'],
    keys,
    noDetail,
  ),
  server_trusted: ofServer('keys', WORSE.better, [' is registered again', ' are registered again'], keys, noDetail),
  server_given_up: ofServer('keys', WORSE.little, [' is kept no longer', ' are kept no longer'], keys, reasonOf),
  server_added: ofServer('keys', WORSE.neutral, [' is new', ' are new'], keys, urlOf),
  server_removed: ofServer('keys', WORSE.neutral, [' is gone', ' are gone'], keys, urlOf),
  server_draining: ofServer('keys', WORSE.neutral, [' drains', ' drain'], keys, noDetail),
  source_lost: ofThing('source', WORSE.little, 'source', 'source', ' does not answer', 'source'),
  source_live: ofThing('source', WORSE.better, 'source', 'source', ' is live', 'source'),
  source_trouble: ofThing('source', WORSE.little, 'source', 'source', ' answers with difficulty', 'source'),
  source_easy: ofThing('source', WORSE.better, 'source', 'source', ' answers well again', 'source'),
  worker_failed: ofThing('worker', WORSE.little, 'worker', 'worker', ' failed', 'fleet'),
  worker_replaced: ofThing('worker', WORSE.little, 'worker', 'worker', ' has ended and is replaced', 'fleet'),
  worker_back: ofThing('worker', WORSE.better, 'worker', 'worker', ' serves again', 'fleet'),
  worker_slow: ofThing('worker', WORSE.little, 'worker', 'worker', ' does not answer', 'fleet'),
  failover_on: ofThing(
    'backend',
    WORSE.little,
    'backend',
    'backend',
    ': another backend stands in for it',
    'balancing',
  ),
  failover_off: ofThing('backend', WORSE.better, 'backend', 'backend', ' serves by itself again', 'balancing'),
  problem: ofProblem,
  problem_gone: (fields) => ({
    kind: 'problem',
    worse: WORSE.better,
    of: ['key', field(fields, 'key')],
    text: [['code', field(fields, 'key')], ' is in order again or gone'],
    by: 'keys',
    group: 'problem gone',
    many: (count) => [['b', `${count} keys`], ' are in order again or gone'],
  }),
  certificate_loaded: ofCertificate(WORSE.neutral, [' is served', ' are served']),
  certificate_failed: ofCertificate(WORSE.worse, [' is not as it should be', ' are not as they should be']),
  certificate_good: ofCertificate(WORSE.better, [' is in order again', ' are in order again']),
  certificate_expiring: ofCertificate(WORSE.little, [' ends soon, or has ended', ' end soon, or have ended']),
  ocsp_failed: ofCertificate(WORSE.little, [
    ' is served without a fresh OCSP response',
    ' are served without a fresh OCSP response',
  ]),
  config_held: plain('keys', WORSE.worse, 'guard'),
  config_released: plain('keys', WORSE.better, 'guard'),
  config_failed: plain('keys', WORSE.worse, 'compiler'),
  no_keys: plain('keys', WORSE.little, 'keys'),
  keys_found: plain('keys', WORSE.better, 'keys'),
  snapshot_used: plain('source', WORSE.little, 'snapshot'),
  nodes: ofNodes,
  nodes_lost: plain('node', WORSE.little, 'etcd'),
  nodes_back: plain('node', WORSE.better, 'etcd'),
  drain_begin: plain('process', WORSE.little, 'process'),
  reloaded: plain('process', WORSE.neutral, 'process'),
  setting_changed: plain('process', WORSE.neutral, 'process'),
  successor_started: plain('process', WORSE.neutral, 'process'),
  successor_ready: plain('process', WORSE.neutral, 'process'),
  // The board says these itself, or they are of the log alone.
  config_applied: null,
  backend_empty: null,
  backend_back: null,
  breaker_tripped: null,
  breaker_recovering: null,
  breaker_standby: null,
  problems: null,
  lines_held: null,
};

function ofNodes(fields: LogFields): ReturnType<Row> {
  const nodes = field(fields, 'nodes');
  return { kind: 'node', worse: WORSE.neutral, of: [], text: [['b', `${nodes} nodes`], ' live'], by: 'etcd' };
}

const BETTER = /(?:_back|_good|_live|_kept|_shared|_off)$/;

/** null: it is none of the board. */
export function happeningOf(event: HeardEvent, t: number): Happening | null {
  const { name, level, text, fields, times } = event;
  const row = ROWS[name];
  if (row === null) return null;
  if (row !== undefined) {
    const made = row(fields, event);
    return made === null ? null : { t, times, ...made };
  }
  if (level === 'info' || level === 'debug') return null;
  const worse = BETTER.test(name) ? WORSE.better : WORSE.little;
  const detail = Object.entries(fields).flatMap(([key, value]) => (key === 'stack' ? [] : [`${key} ${String(value)}`]));
  const said = detail.join(', ').slice(0, 300);
  return { t, kind: 'process', worse, of: [], text: [text], detail: codeText(said), by: 'log', group: name, times };
}
