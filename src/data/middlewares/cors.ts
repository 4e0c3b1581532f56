/** Answers what a browser asks before a request, and says whose pages may read the response (shared/spec frontend-options §3.1). */
import { listMembers } from '../../http/fields.ts';
import type { RequestHead } from '../../http/request-head.ts';
import type { ResponseText } from '../../http/response-text.ts';
import { compileRegex, type Regex } from '../../kernel/regex.ts';
import type { CorsOptions } from '../../middlewares/cors.ts';
import type { Middleware, ResponseFields, Scope } from '../middleware.ts';
import type { Reply } from '../reply.ts';

/** Fields that a server may not have a say in. */
const OWN_FIELDS = ['origin', 'credentials', 'expose-headers', 'allow-methods', 'allow-headers', 'max-age'].map(
  (name) => (name === 'origin' || name === 'credentials' ? `access-control-allow-${name}` : `access-control-${name}`),
);
const NO_ORIGIN = { allowed: '' };

function variesByOrigin(vary: string): boolean {
  const members = listMembers(vary);
  return members.includes('origin') || members.includes('*');
}

function originOf(head: RequestHead): string {
  return head.values('origin')[0] ?? '';
}

export class Cors implements Middleware, ResponseFields {
  private readonly options: CorsOptions;
  private readonly patterns: readonly Regex[];
  private readonly everybody: boolean;
  private readonly varies: boolean;

  constructor(options: CorsOptions) {
    this.options = options;
    this.patterns = options.originPatterns.map(compileRegex);
    this.everybody = options.origins.includes('*');
    const onlyEverybody = this.everybody && options.origins.length === 1 && this.patterns.length === 0;
    this.varies = options.vary && !(onlyEverybody && !options.credentials);
  }

  request(exchange: Scope, head: RequestHead): Reply | null {
    const origin = originOf(head);
    const allowed = this.allowedOrigin(origin);
    const method =
      head.method === 'OPTIONS' && origin !== '' ? head.values('access-control-request-method')[0] : undefined;
    if (method === undefined) {
      exchange.keep(this, allowed === '' ? NO_ORIGIN : { allowed });
      return null;
    }
    return this.preflight(allowed, method, head.values('access-control-request-headers').join(', '));
  }

  private preflight(allowed: string, method: string, headers: string): Reply {
    const { credentials, maxAge } = this.options;
    let head = '200 OK';
    if (allowed !== '') {
      head += `\r\nAccess-Control-Allow-Origin: ${allowed}`;
      if (credentials) head += '\r\nAccess-Control-Allow-Credentials: true';
      const methods = this.listed(this.options.methods, method);
      if (methods !== '') head += `\r\nAccess-Control-Allow-Methods: ${methods}`;
      const names = this.listed(this.options.headers, headers);
      if (names !== '') head += `\r\nAccess-Control-Allow-Headers: ${names}`;
      if (maxAge !== null) head += `\r\nAccess-Control-Max-Age: ${maxAge}`;
    }
    if (this.varies) head += '\r\nVary: Origin';
    return { status: 200, head, body: '', length: 0, cause: 'preflight', closes: false };
  }

  /** `*` means nothing where credentials are sent (Fetch §3.3.4): then what was asked for is named. */
  private listed(configured: readonly string[], asked: string): string {
    return this.options.credentials && configured.includes('*') ? asked : configured.join(',');
  }

  /** What is told as allowed; '' for nothing. */
  private allowedOrigin(origin: string): string {
    if (origin === '') return '';
    if (this.everybody) return this.options.credentials ? origin : '*';
    // Scheme and host are the same in any case; browsers send them in lower case.
    const lower = origin.toLowerCase();
    if (this.options.origins.includes(lower)) return origin;
    return this.patterns.some((pattern) => pattern.test(lower)) ? origin : '';
  }

  response(exchange: Scope, response: ResponseText): undefined {
    this.edit(response, (exchange.kept(this) as { allowed: string }).allowed);
  }

  page(_: Scope, head: RequestHead, response: ResponseText): void {
    this.edit(response, this.allowedOrigin(originOf(head)));
  }

  private edit(response: ResponseText, allowed: string): void {
    // It has no readers: a page of any origin may open one, and its server looks at the origin.
    if (response.opensWebSocket) return;
    const { credentials, exposed } = this.options;
    for (const name of OWN_FIELDS) if (response.has(name)) response.remove(name);
    if (allowed !== '') {
      response.add('Access-Control-Allow-Origin', allowed);
      if (credentials) response.add('Access-Control-Allow-Credentials', 'true');
      if (exposed.length > 0) response.add('Access-Control-Expose-Headers', exposed.join(','));
    }
    if (this.varies && !response.all('vary').some(variesByOrigin)) response.add('Vary', 'Origin');
  }
}
