/** Stickiness: a session cookie that names the server (shared/spec kv-schema §4.2). */
import { cookieValue } from '../../http/cookies.ts';
import type { RequestHead } from '../../http/request-head.ts';
import { authorityEnd } from '../../http/request-target.ts';
import type { StickyOptions } from '../../kernel/balancing-options.ts';
import { CharacterSet } from '../../kernel/characters.ts';
import type { BackendView, ServerView } from '../../table/views.ts';

/** All but `?` and `#`. */
const PATH = new CharacterSet('\0"$>@\xff', '', true);

const SAME_SITE = { '': '', none: '; SameSite=None', lax: '; SameSite=Lax', strict: '; SameSite=Strict' } as const;

/** Scheme, host and path of a URL: what the cookie's value is compared by. '' for what is no URL. */
function identityOf(url: string): string {
  const pathAt = authorityEnd(url);
  if (pathAt === 0) return '';
  const schemeEnd = url.indexOf('://') + 3;
  const authority = url.slice(schemeEnd, pathAt);
  const host = authority.slice(authority.indexOf('@') + 1).toLowerCase();
  if (host === '') return '';
  return `${url.slice(0, schemeEnd).toLowerCase()}${host}${url.slice(pathAt, PATH.skip(url, pathAt))}`;
}

/** What may stand in a cookie value, as Go has it. */
function safeValue(url: string): string {
  return url.replace(/[^\x20-\x7e]|["\\;]/gu, '');
}

export class Sticky {
  private readonly name: string;
  private readonly attributes: string;
  private readonly byIdentity = new Map<string, ServerView>();

  constructor(options: StickyOptions, backend: BackendView) {
    this.name = options.cookie;
    this.attributes =
      `; Path=/${options.httpOnly ? '; HttpOnly' : ''}${options.secure ? '; Secure' : ''}` +
      SAME_SITE[options.sameSite];
    for (const server of backend.servers) this.byIdentity.set(identityOf(safeValue(server.url)), server);
  }

  /** The server that the request's cookie names, null when it has none or names none of this backend. */
  find(head: RequestHead): ServerView | null {
    const value = cookieValue(head.values('cookie'), this.name);
    return value === null ? null : (this.byIdentity.get(identityOf(value)) ?? null);
  }

  /** Value of a Set-Cookie field. */
  cookieOf(server: ServerView): string {
    const value = safeValue(server.url);
    return `${this.name}=${/[ ,]/.test(value) ? `"${value}"` : value}${this.attributes}`;
  }
}
