/** Asks another backend for a page in the place of a bad answer, of a server or ours (shared/spec frontend-options §2.6). */
import { withoutFields } from '../../http/fields.ts';
import { REQUEST_NO_BODY } from '../../http/request-framing.ts';
import type { RequestHead } from '../../http/request-head.ts';
import type { ResponseText } from '../../http/response-text.ts';
import { CharacterSet } from '../../kernel/characters.ts';
import { log } from '../../kernel/log.ts';
import { escapedBut } from '../../kernel/percent.ts';
import type { ErrorPage, ErrorsOptions } from '../../middlewares/errors.ts';
import { hasStatus } from '../../middlewares/status-ranges.ts';
import type { FrontendView } from '../../table/views.ts';
import type { WorkerContext } from '../context.ts';
import { ELSEWHERE, type Middleware, type ResponseFields, type Scope } from '../middleware.ts';
import { Subrequest } from '../subrequest.ts';

/** The whole of it: the client has its answer already, in a way. */
const TIMEOUT_MS = 30_000;
const VISIBLE = new CharacterSet('\x21\x7e');

/** Of the client's fields: what would make another page of it, or means its body or connection. */
const OWN_FIELDS: ReadonlySet<string> = new Set([
  'content-type',
  'content-encoding',
  'expect',
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-range',
  'if-unmodified-since',
  'range',
]);

function onlyFields(lines: string, names: readonly string[]): string {
  let kept = '';
  for (let start = 0; start < lines.length; ) {
    const end = lines.indexOf('\r\n', start) + 2;
    if (names.includes(lines.slice(start, lines.indexOf(':', start)).toLowerCase())) kept += lines.slice(start, end);
    start = end;
  }
  return kept;
}

/** Where the page is to be had. */
export function pageTarget({ query }: ErrorPage, head: RequestHead, status: number, secure: boolean): string {
  const scheme = secure || head.forwarded.proto === 'https' ? 'https' : 'http';
  const filled = query
    .replaceAll('{status}', String(status))
    .replaceAll('{originalStatus}', String(status))
    .replaceAll('{url}', encodeURIComponent(`${scheme}://${head.host}${head.target}`.toWellFormed()));
  const path = filled.startsWith('/') ? filled : `/${filled}`;
  // Whatever was configured: a target is one word of visible characters.
  return escapedBut(VISIBLE, path.toWellFormed());
}

export class ErrorPages implements Middleware {
  private readonly pages: readonly ErrorPage[];
  private readonly worker: WorkerContext;
  private readonly frontend: FrontendView;
  private readonly fields: readonly ResponseFields[];

  /** `fields`: what the frontend does to responses, in the order in which they pass it. */
  constructor(
    { pages }: ErrorsOptions,
    worker: WorkerContext,
    frontend: FrontendView,
    fields: readonly ResponseFields[],
  ) {
    this.worker = worker;
    this.pages = pages;
    this.frontend = frontend;
    this.fields = fields;
  }

  /** The head is gone when the page is needed. */
  request(exchange: Scope, head: RequestHead): null {
    const kept = head.detached();
    kept.method = 'GET';
    kept.body = REQUEST_NO_BODY;
    exchange.keep(this, kept);
    return null;
  }

  response(exchange: Scope, response: ResponseText): typeof ELSEWHERE | undefined {
    const { status } = response;
    if (status === 101) return undefined;
    const page = this.pages.find((each) => hasStatus(each.status, status));
    if (page === undefined) return undefined;
    const head = exchange.kept(this) as RequestHead;
    const backend = this.frontend.otherBackends!.get(page.backend)!;
    log.debug('an error page is asked for', { frontend: this.frontend.name, page: page.name, status });
    const { worker } = this;
    const { client } = exchange;
    const target = pageTarget(page, head, status, client.secure);
    const fields = page.requestHeaders === null ? head.fields : onlyFields(head.fields, page.requestHeaders);
    const forwarded = head.forwardedLines(client.peerAddress(), client.secure, worker.serverLine);
    const lines = withoutFields(fields, OWN_FIELDS) + forwarded + (exchange.trace?.ownLines ?? '');
    const text = { method: 'GET', target, host: '', lines, latin1: head.latin1, body: null, isCopy: false };
    const started = exchange.replace((user) =>
      Subrequest.toBackend(worker, backend, head, client, text, TIMEOUT_MS, user),
    );
    return started ? ELSEWHERE : undefined;
  }

  substituted(exchange: Scope, response: ResponseText): void {
    const head = exchange.kept(this) as RequestHead;
    for (const step of this.fields) step.page(exchange, head, response);
  }
}
