/** Every kind of middleware that a frontend may have, in the order in which `/api` shows them. */
import { ALLOW_LIST } from './allow-list.ts';
import { CLIENT_CERTIFICATE } from './client-certificate.ts';
import { CORS } from './cors.ts';
import { ERRORS } from './errors.ts';
import { HEADERS } from './headers.ts';
import type { Kind, OptionSet } from './kind.ts';
import { LIMITS } from './limits.ts';
import { RATE_LIMIT } from './rate-limit.ts';
import { REDIRECT } from './redirect.ts';

// biome-ignore lint/suspicious/noExplicitAny: each knows its own options, and nobody else does
export const KINDS: readonly Kind<any>[] = [
  CLIENT_CERTIFICATE,
  ALLOW_LIST,
  HEADERS,
  ERRORS,
  RATE_LIMIT,
  REDIRECT,
  LIMITS,
  CORS,
];

/** What may be shown of the options of a frontend, by the name of their kind. */
export function shownOptions(options: OptionSet): Record<string, object> {
  const shown: Record<string, object> = {};
  for (const kind of KINDS) {
    const own = options[kind.name];
    if (own !== undefined) shown[kind.name] = kind.show(own);
  }
  return shown;
}

/** Names of the backends that the options of a frontend send requests to. */
export function backendsOf(options: OptionSet): string[] {
  return KINDS.flatMap((kind) => {
    const own = options[kind.name];
    return own === undefined ? [] : (kind.backends?.(own) ?? []);
  });
}
