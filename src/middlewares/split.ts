/** Several backends behind one frontend, by weight, header or cookie (shared/spec frontend-options §3.6). */
import { createHash } from 'node:crypto';
import { quoted } from '../kernel/quote.ts';
import { fieldNameProblem } from './header-keys.ts';
import type { Kind } from './kind.ts';

export type SplitEntry = { readonly name: string; readonly backend: string; readonly weight: number };

export type SplitOptions = {
  /** In order of name; at least one has a weight above 0. */
  readonly entries: readonly SplitEntry[];
  /** A field whose value picks an entry by its name; lower case, '' for none. */
  readonly header: string;
  /** null: clients do not stay with their entry. */
  readonly sticky: {
    /** As configured, '' for the default. */
    readonly cookieName: string;
    readonly secure: boolean;
    readonly httpOnly: boolean;
    /** '' for none. */
    readonly sameSite: string;
  } | null;
};

const MAX_WEIGHT = 1_000_000;
const SAME_SITE: ReadonlySet<string> = new Set(['none', 'lax', 'strict']);
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** As the default name of sticky cookies is made: other frontends have other names, and all nodes the same. */
export function splitCookieName(frontend: string): string {
  return `_${createHash('sha1').update(`_TSUJI_SPLIT_${frontend}`).digest('hex').slice(0, 5)}`;
}

export const SPLIT: Kind<SplitOptions> = {
  name: 'split',
  keys: [
    'split/entries/*/backend',
    'split/entries/*/weight',
    'split/header',
    ...['sticky', 'cookiename', 'secure', 'httponly', 'samesite'].map((part) => `split/${part}`),
  ],

  parse(keys, { backendLack }) {
    const entries: SplitEntry[] = [];
    for (const name of keys.names('split/entries')) {
      const below = `split/entries/${name}`;
      const backend = keys.text(`${below}/backend`);
      const weight = keys.int(`${below}/weight`, 1);
      if (!TOKEN.test(name)) keys.ignored(`${below}/backend`, `${quoted(name)} can be no value of a cookie`);
      else if (backend === '') keys.ignored(`${below}/backend`, 'no backend is named; it gets no share');
      else if (backendLack(backend) !== '') {
        keys.ignored(`${below}/backend`, `${backendLack(backend)}; it gets no share`);
      } else if (weight < 0 || weight > MAX_WEIGHT) {
        keys.ignored(`${below}/weight`, `${weight} is not from 0 to ${MAX_WEIGHT}; it gets no share`);
      } else entries.push({ name, backend, weight });
    }
    if (!entries.some(({ weight }) => weight > 0)) return null;
    const headerText = keys.text('split/header');
    const problem = headerText === '' ? '' : fieldNameProblem(headerText);
    if (problem !== '') keys.ignored('split/header', problem);
    const header = problem === '' ? headerText.toLowerCase() : '';
    if (!keys.flag('split/sticky')) return { entries, header, sticky: null };
    const cookieText = keys.text('split/cookiename');
    if (cookieText !== '' && !TOKEN.test(cookieText)) {
      keys.defaulted('split/cookiename', `${quoted(cookieText)} can be no name of a cookie; the default is used`);
    }
    const sameSite = keys.text('split/samesite').toLowerCase();
    if (sameSite !== '' && !SAME_SITE.has(sameSite)) {
      keys.ignored('split/samesite', `${quoted(sameSite)} is none of none, lax, strict`);
    }
    const sticky = {
      cookieName: TOKEN.test(cookieText) ? cookieText : '',
      secure: keys.flag('split/secure'),
      httpOnly: keys.flag('split/httponly'),
      sameSite: SAME_SITE.has(sameSite) ? sameSite : '',
    };
    return { entries, header, sticky };
  },

  show({ entries, header, sticky }) {
    const shown = Object.fromEntries(entries.map(({ name, backend, weight }) => [name, { backend, weight }]));
    return { entries: shown, ...(header !== '' && { header }), ...(sticky !== null && { sticky }) };
  },

  backend({ entries }) {
    return entries[0].backend;
  },

  backends({ entries }) {
    return entries.map(({ backend }) => backend);
  },
};
