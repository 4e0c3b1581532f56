/** The keys of a frontend's allow list and redirect (shared/spec kv-schema §5.1, §6.3, §6.4). */
import type { RedirectOptions, WhiteListOptions } from '../kernel/entrypoint-options.ts';
import { reasonOf } from '../kernel/errors.ts';
import { rangeProblem } from '../kernel/ip-ranges.ts';
import type { ProblemList } from '../kernel/problems.ts';
import { quoted } from '../kernel/quote.ts';
import { compileRegex } from '../kernel/regex.ts';
import { readBool, readList } from '../kernel/values.ts';

export type GuardText =
  | 'allowedRanges'
  | 'useXForwardedFor'
  | 'redirectEntryPoint'
  | 'redirectRegex'
  | 'redirectReplacement'
  | 'redirectPermanent';

/** The values, '' for a key that is not there. */
export type GuardKeys = Record<GuardText, string> & { readonly allowedRangeItems: Map<string, string> };

export type Guards = { readonly whiteList?: WhiteListOptions; readonly redirect?: RedirectOptions };

export function emptyGuardKeys(): GuardKeys {
  return {
    allowedRanges: '',
    useXForwardedFor: '',
    redirectEntryPoint: '',
    redirectRegex: '',
    redirectReplacement: '',
    redirectPermanent: '',
    allowedRangeItems: new Map(),
  };
}

function readFlag(key: string, text: string, problems: ProblemList): boolean {
  const { value, problem } = readBool(text, false);
  if (problem !== '') problems.add(key, 'defaulted', problem);
  return value;
}

/** null: the frontend must not be served, since it would be open to more than its author meant. */
function readWhiteList(keys: GuardKeys, problems: ProblemList): Guards | null {
  const useXForwardedFor = readFlag('whitelist/usexforwardedfor', keys.useXForwardedFor, problems);
  const sourceRange = readList(keys.allowedRanges, keys.allowedRangeItems);
  if (sourceRange.length === 0) return {};
  const bad = sourceRange.map(rangeProblem).filter((problem) => problem !== '');
  if (bad.length === 0) return { whiteList: { sourceRange, useXForwardedFor } };
  problems.add('whitelist/sourcerange', 'rejected', bad.join('; '));
  return null;
}

function readRedirect(keys: GuardKeys, entryPoints: ReadonlySet<string>, problems: ProblemList): Guards | null {
  const { redirectEntryPoint: entryPoint, redirectRegex: regex, redirectReplacement: replacement } = keys;
  const permanent = readFlag('redirect/permanent', keys.redirectPermanent, problems);
  if (entryPoint !== '') {
    if (entryPoints.has(entryPoint)) return { redirect: { entryPoint, regex: '', replacement: '', permanent } };
    problems.add('redirect/entrypoint', 'rejected', `${quoted(entryPoint)} is no entrypoint`);
    return null;
  }
  if (regex === '' && replacement === '') return {};
  if (regex === '' || replacement === '') {
    const [key, other] = regex === '' ? ['replacement', 'regex'] : ['regex', 'replacement'];
    problems.add(`redirect/${key}`, 'ignored', `it does nothing without redirect/${other}`);
    return {};
  }
  if (replacement.includes('{{')) {
    problems.add('redirect/replacement', 'rejected', 'templates ({{…}}) are not supported');
    return null;
  }
  try {
    compileRegex(regex);
    return { redirect: { entryPoint, regex, replacement, permanent } };
  } catch (error) {
    problems.add('redirect/regex', 'rejected', `${quoted(regex)}: ${reasonOf(error)}`);
    return null;
  }
}

/** null: one of them is bad, and the frontend is left out. */
export function readGuards(keys: GuardKeys, entryPoints: ReadonlySet<string>, problems: ProblemList): Guards | null {
  const whiteList = readWhiteList(keys, problems);
  const redirect = readRedirect(keys, entryPoints, problems);
  return whiteList === null || redirect === null ? null : { ...whiteList, ...redirect };
}
