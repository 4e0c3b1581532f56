/** Error pages: what another backend says in the place of a bad answer (shared/spec kv-schema §6.2, frontend-options §2.6). */
import { type Kind, REJECTED } from './kind.ts';
import { readStatusRanges, type StatusRange } from './status-ranges.ts';

export type ErrorPage = {
  readonly name: string;
  readonly status: readonly StatusRange[];
  /** The items as they were written: for `/api`. */
  readonly written: readonly string[];
  readonly backend: string;
  /** With `{status}`, `{originalStatus}` and `{url}` in it. */
  readonly query: string;
  /** Lower-case names of the request's fields that the page's server is sent; null: all of them. */
  readonly requestHeaders: readonly string[] | null;
};

export type ErrorsOptions = {
  /** In order of name: of several that fit a status the first counts. */
  readonly pages: readonly ErrorPage[];
};

export const ERRORS: Kind<ErrorsOptions> = {
  name: 'errors',
  keys: [
    'errors/*/status',
    'errors/*/status/*',
    'errors/*/backend',
    'errors/*/query',
    'errors/*/requestheaders',
    'errors/*/requestheaders/*',
  ],

  parse(keys, { backend: own, backendLack }) {
    const pages: ErrorPage[] = [];
    let rejected = false;
    for (const name of keys.names('errors')) {
      const below = `errors/${name}`;
      const written = keys.list(`${below}/status`);
      const status = readStatusRanges(written);
      const backend = keys.text(`${below}/backend`);
      const why =
        backend === ''
          ? 'no backend is named'
          : backend === own
            ? "it is the frontend's own backend"
            : backendLack(backend);
      if (typeof status === 'string') {
        keys.rejected(`${below}/status`, status);
        rejected = true;
      } else if (why !== '') {
        keys.ignored(`${below}/backend`, `${why}; there is no such error page`);
      } else if (status.length === 0) {
        keys.ignored(`${below}/status`, 'without a status there is no such error page');
      } else {
        const listed = keys.list(`${below}/requestheaders`).map((each) => each.toLowerCase());
        const requestHeaders = listed.length === 0 ? null : listed;
        pages.push({ name, status, written, backend, query: keys.text(`${below}/query`), requestHeaders });
      }
    }
    if (rejected) return REJECTED;
    return pages.length === 0 ? null : { pages };
  },

  show({ pages }) {
    return Object.fromEntries(
      pages.map(({ name, written, backend, query }) => [
        name,
        { status: written, backend, ...(query !== '' && { query }) },
      ]),
    );
  },

  backends({ pages }) {
    return pages.map(({ backend }) => backend);
  },
};
