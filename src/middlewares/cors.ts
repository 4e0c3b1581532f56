/** Who else's pages may read what a frontend says: the keys `headers/accesscontrol…` (shared/spec frontend-options §3.1). */
import { reasonOf } from '../kernel/errors.ts';
import { quoted } from '../kernel/quote.ts';
import { compileRegex } from '../kernel/regex.ts';
import { readFieldValue } from './header-keys.ts';
import type { Kind } from './kind.ts';
import type { OptionKeys } from './option-keys.ts';

export type CorsOptions = {
  /** Lower case; `*` is everybody. */
  readonly origins: readonly string[];
  /** RE2, matched anywhere in an origin. */
  readonly originPatterns: readonly string[];
  /** `*` possible. */
  readonly methods: readonly string[];
  readonly headers: readonly string[];
  readonly exposed: readonly string[];
  readonly credentials: boolean;
  /** Seconds; null: not told. */
  readonly maxAge: number | null;
  /** `Vary: Origin` on every response, unless the only origin is `*` without credentials. */
  readonly vary: boolean;
};

const LISTS = [
  'headers/accesscontrolalloworiginlist',
  'headers/accesscontrolalloworiginlistregex',
  'headers/accesscontrolallowmethods',
  'headers/accesscontrolallowheaders',
  'headers/accesscontrolexposeheaders',
] as const;
const CREDENTIALS = 'headers/accesscontrolallowcredentials';
const MAX_AGE = 'headers/accesscontrolmaxage';
const VARY = 'headers/addvaryheader';

/** RFC 6454 §7: a scheme, a host, perhaps a port, and nothing else. */
const ORIGIN = /^[a-z][a-z0-9+.-]*:\/\/[^/?#\s,]+$/;
const LIST_VALUE = /^[\x21-\x7e]+$/;

function readPatterns(keys: OptionKeys): string[] {
  return keys.list(LISTS[1]).filter((pattern) => {
    try {
      compileRegex(pattern);
    } catch (error) {
      keys.ignored(LISTS[1], `${quoted(pattern)}: ${reasonOf(error)}; no origin is allowed by it`);
      return false;
    }
    if (!pattern.startsWith('^') || !pattern.endsWith('$')) {
      keys.warned(LISTS[1], `${quoted(pattern)} matches anywhere in an origin: write ^…$ for all of it`);
    }
    return true;
  });
}

function readOrigins(keys: OptionKeys): string[] {
  return keys
    .list(LISTS[0])
    .map((origin) => origin.toLowerCase())
    .filter((origin) => {
      if (origin === '*' || origin === 'null' || ORIGIN.test(origin)) return true;
      keys.ignored(LISTS[0], `${quoted(origin)} is no origin: write https://a.com, without a path`);
      return false;
    });
}

function readWords(keys: OptionKeys, key: string): string[] {
  return keys.list(key).filter((word) => {
    if (LIST_VALUE.test(word)) return true;
    keys.ignored(key, `${quoted(word)} is no name`);
    return false;
  });
}

function readMaxAge(keys: OptionKeys): number | null {
  const text = readFieldValue(keys, MAX_AGE);
  if (text === '') return null;
  if (/^[0-9]{1,10}$/.test(text)) return Number(text);
  keys.ignored(MAX_AGE, `${quoted(text)} is no number of seconds`);
  return null;
}

export const CORS: Kind<CorsOptions> = {
  name: 'cors',
  keys: [...LISTS.flatMap((key) => [key, `${key}/*`]), CREDENTIALS, MAX_AGE, VARY],

  parse(keys) {
    const options = {
      origins: readOrigins(keys),
      originPatterns: readPatterns(keys),
      methods: readWords(keys, LISTS[2]),
      headers: readWords(keys, LISTS[3]),
      exposed: readWords(keys, LISTS[4]),
      credentials: keys.flag(CREDENTIALS),
      maxAge: readMaxAge(keys),
      vary: keys.flag(VARY, true),
    };
    if (options.credentials && options.origins.includes('*')) {
      keys.warned(LISTS[0], 'with credentials every origin is named as itself: * lets every page in with its cookies');
    }
    return options;
  },

  show(options) {
    const { origins, originPatterns, methods, headers, exposed, credentials, maxAge, vary } = options;
    return { origins, originPatterns, methods, headers, exposed, credentials, maxAge, vary };
  },
};
