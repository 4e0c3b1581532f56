/** Tells the log what an update of the model has found wrong, and what is in order again. */
import { EVENTS, type LineLevel } from '../../kernel/events.ts';
import { log } from '../../kernel/log.ts';
import type { Problem } from '../../kernel/problems.ts';
import type { ModelUpdate } from '../../model/next-model.ts';

/** Of one update; the others are in the sum of all. */
const MOST_PROBLEMS_TOLD = 20;

const OBJECT = /\/((?:frontends|backends|tls)\/[^/]+)/;

function levelOf({ state }: Problem): LineLevel {
  return state === 'rejected' ? 'error' : 'warning';
}

/** `frontends/F`, `backends/B` or `tls/C`; '' for a key of none. */
function objectOf(key: string): string {
  return OBJECT.exec(key)?.[1] ?? '';
}

export function tellProblems({ model, ...update }: ModelUpdate): void {
  const [appeared, mended] = [update.appeared, update.mended].map((problems) =>
    problems.filter(({ isBrief }) => isBrief !== true),
  );
  for (const problem of appeared.slice(0, MOST_PROBLEMS_TOLD)) {
    const { key, state, reason } = problem;
    log.event(EVENTS.problem, '', { key, object: objectOf(key), state, reason }, levelOf(problem));
  }
  for (const problem of mended.slice(0, MOST_PROBLEMS_TOLD)) {
    const { key } = problem;
    log.event(EVENTS.problemGone, '', { key, object: objectOf(key) }, levelOf(problem));
  }
  if (Math.max(appeared.length, mended.length) <= MOST_PROBLEMS_TOLD) return;
  log.event(EVENTS.problems, '', { appeared: appeared.length, gone: mended.length, total: model.problems.size });
}
