/** Where requests bring their tokens (shared/spec frontend-options §3.14): found, and taken off. */
import { cookieValues, withoutCookie } from '../../http/cookies.ts';
import { isToken } from '../../http/fields.ts';
import { queryValues, withoutQueryName } from '../../http/query.ts';
import type { RequestHead } from '../../http/request-head.ts';
import { trimBlanks } from '../../kernel/characters.ts';
import type { TokenSource } from '../../middlewares/jwt.ts';

/** What stands behind the scheme `Bearer`, '' for nothing; null for other credentials. */
function bearerOf(value: string): string | null {
  const isBearer = value.slice(0, 6).toLowerCase() === 'bearer' && !isTokenCharacter(value[6]);
  return isBearer ? trimBlanks(value, 6) : null;
}

/** It would belong to the name of a scheme. */
function isTokenCharacter(character: string | undefined): boolean {
  return character !== undefined && isToken(character);
}

function valuesOf({ kind, name }: TokenSource, head: RequestHead): string[] {
  if (kind === 'cookie') return cookieValues(head.values('cookie'), name);
  if (kind === 'query') return queryValues(head.query, name);
  const values = head.values(name);
  // Other credentials than bearer tokens are somebody else's matter.
  if (name === 'authorization') return values.flatMap((value) => bearerOf(value) ?? []);
  return values.map((value) => bearerOf(value) ?? value);
}

export type FoundToken = {
  readonly source: TokenSource;
  /** '' when it is there several times: whoever reads on might read another one. */
  readonly text: string;
};

/** That of the first source that has one; null when none has. */
export function findToken(sources: readonly TokenSource[], head: RequestHead): FoundToken | null {
  for (const source of sources) {
    const values = valuesOf(source, head);
    if (values.length > 0) return { source, text: values.length === 1 ? values[0] : '' };
  }
  return null;
}

export function removeToken({ kind, name }: TokenSource, head: RequestHead): void {
  if (kind === 'header') head.setField(name, '');
  else if (kind === 'cookie') head.setField('cookie', withoutCookie(head.values('cookie'), name));
  else {
    const query = withoutQueryName(head.query, name);
    head.target = query === '' ? head.path : `${head.path}?${query}`;
  }
}
