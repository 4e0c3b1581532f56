/** Answers what a browser asks before a request, and says whose pages may read the response (shared/spec frontend-options §3.1). */
import { asBytes, listMembers } from '../../http/fields.ts';
import { bitOf } from '../../http/name-bits.ts';
import type { RequestHead } from '../../http/request-head.ts';
import { ResponseField, type ResponseText } from '../../http/response-text.ts';
import { compileRegex, type Regex } from '../../kernel/regex.ts';
import type { CorsOptions } from '../../middlewares/cors.ts';
import type { Middleware, ResponseFields, Scope } from '../middleware.ts';
import type { Reply } from '../reply.ts';

/** Fields that a server may not have a say in. */
const OWN_FIELDS = ['origin', 'credentials', 'expose-headers', 'allow-methods', 'allow-headers', 'max-age'].map(
  (name) => (name === 'origin' || name === 'credentials' ? `access-control-allow-${name}` : `access-control-${name}`),
);
const OWN_BITS = OWN_FIELDS.reduce((bits, name) => bits | bitOf(name), 0);
const VARY = new ResponseField('Vary', 'Origin');

/** What pages of one origin may do. */
type Allowance = {
  readonly origin: string;
  /** What is told as allowed; null for nothing. */
  readonly field: ResponseField | null;
};

const NO_ORIGIN: Allowance = { origin: '', field: null };

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
  /** And all are told the same. */
  private readonly alike: boolean;
  private readonly varies: boolean;
  /** For whoever is allowed. */
  private readonly fixed: readonly ResponseField[];
  /** That of the last origin: nearly always that of the next request as well. */
  private last = NO_ORIGIN;

  constructor(options: CorsOptions) {
    this.options = options;
    this.patterns = options.originPatterns.map(compileRegex);
    this.everybody = options.origins.includes('*');
    this.alike = this.everybody && !options.credentials;
    this.varies = options.vary && !(this.alike && options.origins.length === 1 && this.patterns.length === 0);
    const { credentials, exposed } = options;
    this.fixed = [
      ...(credentials ? [new ResponseField('Access-Control-Allow-Credentials', 'true')] : []),
      ...(exposed.length > 0 ? [new ResponseField('Access-Control-Expose-Headers', exposed.join(','))] : []),
    ];
  }

  request(exchange: Scope, head: RequestHead): Reply | null {
    const allowance = this.allowanceOf(head);
    const asks = head.method === 'OPTIONS' && allowance.origin !== '';
    const method = asks ? head.values('access-control-request-method')[0] : undefined;
    if (method === undefined) {
      exchange.keep(this, allowance);
      return null;
    }
    return this.preflight(allowance, method, head.values('access-control-request-headers').join(', '));
  }

  private preflight({ field }: Allowance, method: string, headers: string): Reply {
    const { credentials, maxAge } = this.options;
    let head = '200 OK';
    if (field !== null) {
      head += field.line;
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
    return this.options.credentials && configured.includes('*') ? asBytes(asked) : configured.join(',');
  }

  private allowanceOf(head: RequestHead): Allowance {
    const sent = originOf(head);
    const origin = this.alike && sent !== '' ? '*' : sent;
    if (origin !== this.last.origin) {
      const allowed = this.allowedOrigin(origin);
      this.last = { origin, field: allowed === '' ? null : new ResponseField('Access-Control-Allow-Origin', allowed) };
    }
    return this.last;
  }

  /** What is told as allowed; '' for nothing. */
  private allowedOrigin(origin: string): string {
    if (origin === '') return '';
    if (this.everybody) return this.alike ? '*' : origin;
    // Scheme and host are the same in any case; browsers send them in lower case.
    const lower = origin.toLowerCase();
    if (this.options.origins.includes(lower)) return origin;
    return this.patterns.some((pattern) => pattern.test(lower)) ? origin : '';
  }

  response(exchange: Scope, response: ResponseText): undefined {
    this.edit(response, exchange.kept(this) as Allowance);
  }

  page(_: Scope, head: RequestHead, response: ResponseText): void {
    this.edit(response, this.allowanceOf(head));
  }

  private edit(response: ResponseText, { field }: Allowance): void {
    // It has no readers: a page of any origin may open one, and its server looks at the origin.
    if (response.opensWebSocket) return;
    if ((response.names & OWN_BITS) !== 0) for (const name of OWN_FIELDS) response.remove(name);
    if (field !== null) {
      response.addField(field);
      for (const other of this.fixed) response.addField(other);
    }
    if (this.varies && !response.all('vary').some(variesByOrigin)) response.addField(VARY);
  }
}
