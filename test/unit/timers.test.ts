/**
 * A timer of Node's waits for 2³¹ − 1 ms at most and takes a longer time for 1 ms. So each time that is given to one is a
 * constant or comes through `timerSpan`, where it is given: no way around it can be missed.
 */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';

const SRC = new URL('../../src', import.meta.url).pathname;
/** A number, a constant (`TICK_MS`), and what is reckoned from these. */
const CONSTANT = /^(?:[A-Z][A-Z0-9_]*|[\d_.e]+)(?:\s*[*/+-]\s*(?:[A-Z][A-Z0-9_]*|[\d_.e]+))*$/;
const CLAMPED = /^timerSpan\(/;
/** Options of Node's servers and sockets that are times. */
const OPTION =
  /\b(?:handshakeTimeout|headersTimeout|requestTimeout|keepAliveTimeout|connectionsCheckingInterval|timeout):\s*([^,}\n]+)/g;

/** Comments become blanks, texts become empty ones. */
function bare(source: string): string {
  return source.replace(/\/\*.*?\*\/|\/\/[^\n]*|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`/gs, (found) =>
    found.startsWith('/') ? found.replace(/[^\n]/g, ' ') : "''",
  );
}

/** The arguments of the call whose parenthesis opens at `open`. */
function argumentsAt(code: string, open: number): string[] {
  const args: string[] = [];
  let depth = 0;
  let start = open + 1;
  for (let at = open; at < code.length; at++) {
    const character = code[at];
    if ('([{'.includes(character)) depth++;
    else if (')]}'.includes(character)) depth--;
    if (depth > 1 || (depth === 1 && character !== ',')) continue;
    args.push(code.slice(start, at).trim());
    start = at + 1;
    if (depth === 0) break;
  }
  return args;
}

/** Times that are given to timers in a source file. */
function timesIn(source: string): string[] {
  const code = bare(source);
  const waits = /import \{[^}]*\bsetTimeout as (\w+)[^}]*\} from ''/.exec(code)?.[1];
  const times: string[] = [];
  const calls = new RegExp(
    `(?<![\\w.])(set(?:Timeout|Interval)|${waits ?? 'no_such'})\\(|\\.(setTimeout|timeout)\\(`,
    'g',
  );
  for (const found of code.matchAll(calls)) {
    const args = argumentsAt(code, found.index + found[0].length - 1);
    const takesFunction = found[1]?.startsWith('set') === true && found[1] !== waits;
    times.push(args[takesFunction ? 1 : 0] ?? 'none');
  }
  for (const found of code.matchAll(OPTION)) times.push(found[1].trim());
  return times;
}

function isGood(time: string): boolean {
  const choice = /^\w+ \? (\S+) : (\S+)$/.exec(time);
  return choice === null ? CONSTANT.test(time) || CLAMPED.test(time) : choice.slice(1).every(isGood);
}

test('times are found wherever they are given', () => {
  const source = `
    import { setTimeout as sleep } from 'node:timers/promises';
    setTimeout(() => go(a, { b: [1, 2] }), wait); // setTimeout(no, no)
    setTimeout(resolve, PATIENCE_MS, null);
    const timer: Timer = setInterval(guarded('x, (', () => go()), 60 * 1_000).unref();
    await sleep(pauseMs, undefined, { signal });
    AbortSignal.timeout(timerSpan(x));
    socket.setTimeout(idleMs);
    setTimeout(resolve, isFirst ? FIRST_MS : PATIENCE_MS);
    setTimeout(resolve, isFirst ? FIRST_MS : wait);
    createServer({ keepAliveTimeout: idleMs, other: 1 });
    clearTimeout(timer);
  `;
  const times = timesIn(source);
  assert.deepEqual(times.sort(), [
    '60 * 1_000',
    'PATIENCE_MS',
    'idleMs',
    'idleMs',
    'isFirst ? FIRST_MS : PATIENCE_MS',
    'isFirst ? FIRST_MS : wait',
    'pauseMs',
    'timerSpan(x)',
    'wait',
  ]);
  assert.deepEqual(
    times.filter((time) => !isGood(time)),
    ['idleMs', 'idleMs', 'isFirst ? FIRST_MS : wait', 'pauseMs', 'wait'],
  );
});

test('no time is given to a timer that it may take for 1 ms', () => {
  let count = 0;
  const bad: string[] = [];
  // What is shown of a health check is a time, but none of a timer.
  const exclude = ['kernel/errors.ts', 'control/admin/ui-api/*shapes.ts', 'control/admin/ui-api/backend-detail.ts'];
  for (const path of globSync('**/*.ts', { cwd: SRC, exclude }).sort()) {
    for (const time of timesIn(readFileSync(join(SRC, path), 'utf8'))) {
      count++;
      if (!isGood(time)) bad.push(`${path}: ${time}`);
    }
  }
  assert.deepEqual(bad, []);
  assert.ok(count > 50, `${count} found`);
});
