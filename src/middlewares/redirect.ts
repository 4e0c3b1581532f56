/** Where requests are sent instead: to an entrypoint, or by a pattern (shared/spec kv-schema §6.4). */
import type { RedirectOptions } from '../kernel/entrypoint-options.ts';
import { reasonOf } from '../kernel/errors.ts';
import { quoted } from '../kernel/quote.ts';
import { compileRegex } from '../kernel/regex.ts';
import { type Kind, REJECTED } from './kind.ts';

export const REDIRECT: Kind<RedirectOptions> = {
  name: 'redirect',
  keys: ['redirect/entrypoint', 'redirect/regex', 'redirect/replacement', 'redirect/permanent'],

  parse(keys, { entryPoints }) {
    const entryPoint = keys.text('redirect/entrypoint');
    const regex = keys.text('redirect/regex');
    const replacement = keys.text('redirect/replacement');
    const permanent = keys.flag('redirect/permanent');
    if (entryPoint !== '') {
      if (entryPoints.has(entryPoint)) return { entryPoint, regex: '', replacement: '', permanent };
      keys.rejected('redirect/entrypoint', `${quoted(entryPoint)} is no entrypoint`);
      return REJECTED;
    }
    if (regex === '' && replacement === '') return null;
    if (regex === '' || replacement === '') {
      const [key, other] = regex === '' ? ['replacement', 'regex'] : ['regex', 'replacement'];
      keys.ignored(`redirect/${key}`, `it does nothing without redirect/${other}`);
      return null;
    }
    if (replacement.includes('{{')) {
      keys.rejected('redirect/replacement', 'templates ({{…}}) are not supported');
      return REJECTED;
    }
    try {
      compileRegex(regex);
      return { entryPoint, regex, replacement, permanent };
    } catch (error) {
      keys.rejected('redirect/regex', `${quoted(regex)}: ${reasonOf(error)}`);
      return REJECTED;
    }
  },

  show({ entryPoint, regex, replacement, permanent }) {
    return { ...(entryPoint === '' ? { regex, replacement } : { entryPoint }), ...(permanent && { permanent }) };
  },
};
