/**
 * Counts what code of ours does, exactly and always the same, however busy the machine is: how often each of its blocks
 * ran (V8's precise coverage, which also sees the body of a loop), and how many characters or bytes the built-in functions
 * that it called have looked at. Regular expressions are not counted but noted, since nobody knows what they look at; on
 * short text they may do what they like.
 */
import { type Profiler, Session } from 'node:inspector';

const SHORT = 128;

export type Steps = { readonly count: number; readonly patterns: readonly string[] };

type Method = (this: never, ...args: never[]) => unknown;
/** What a call has looked at, by what it returned. */
type Cost = (self: { length: number }, args: readonly unknown[], result: unknown) => number;

const all: Cost = (self) => self.length;
const found: Cost = (self, [, from], at) => {
  const start = typeof from === 'number' ? Math.max(from, 0) : 0;
  return ((at as number) < 0 ? self.length : (at as number)) - start + 1;
};
const foundBackwards: Cost = (self, [, from], at) => {
  const start = typeof from === 'number' ? Math.min(Math.max(from, 0), self.length) : self.length;
  return start - Math.max(at as number, 0) + 1;
};
const argument: Cost = (_, [first]) => (first as { length?: number } | undefined)?.length ?? 0;
const produced: Cost = (_self, _args, result) => (result as { length: number }).length;

const BUILT_IN: readonly (readonly [object, string, Cost])[] = [
  [String.prototype, 'indexOf', found],
  [String.prototype, 'includes', all],
  [String.prototype, 'lastIndexOf', foundBackwards],
  [String.prototype, 'split', all],
  [String.prototype, 'replaceAll', all],
  [String.prototype, 'replace', all],
  [String.prototype, 'toLowerCase', all],
  [String.prototype, 'toWellFormed', all],
  [String.prototype, 'trim', all],
  [Array.prototype, 'indexOf', found],
  [Array.prototype, 'includes', all],
  [Array.prototype, 'splice', all],
  [Array.prototype, 'shift', all],
  [Buffer.prototype, 'indexOf', found],
  [Buffer.prototype, 'copy', all],
  [Buffer.prototype, 'toString', produced],
  [Buffer.prototype, 'latin1Slice', produced],
  [Uint8Array.prototype, 'copyWithin', (_, [, from, to]) => (to as number) - (from as number)],
  [TextEncoder.prototype, 'encode', argument],
  [Buffer, 'from', argument],
  [Buffer, 'concat', produced],
];

const session = new Session();
session.connect();
session.post('Profiler.enable');
session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
// What ran while modules were loaded is nobody's work; from then on each count ends with the next.
session.post('Profiler.takePreciseCoverage');

function blocks(): number {
  let sum = 0;
  // In this process the answer comes before `post` returns.
  session.post('Profiler.takePreciseCoverage', (error, taken: Profiler.TakePreciseCoverageReturnType) => {
    if (error !== null) throw error;
    for (const { url, functions } of taken.result) {
      if (!url.includes('/src/')) continue;
      for (const { ranges } of functions) for (const { count } of ranges) sum += count;
    }
  });
  return sum;
}

export function stepsOf(work: () => void): Steps {
  let looked = 0;
  const patterns = new Set<string>();
  const originals = BUILT_IN.map(([owner, name]) => (owner as Record<string, Method>)[name]);
  const { exec } = RegExp.prototype;
  for (const [i, [owner, name, cost]] of BUILT_IN.entries()) {
    const original = originals[i];
    (owner as Record<string, Method>)[name] = function (this: never, ...args: never[]) {
      const result = original.apply(this, args);
      looked += cost(this, args, result);
      return result;
    };
  }
  RegExp.prototype.exec = function (text) {
    if (text.length > SHORT) patterns.add(String(this));
    return exec.call(this, text);
  };
  try {
    work();
  } finally {
    for (const [i, [owner, name]] of BUILT_IN.entries()) (owner as Record<string, Method>)[name] = originals[i];
    RegExp.prototype.exec = exec;
  }
  return { count: blocks() + looked, patterns: [...patterns] };
}
