/** Which hosts are served, who is sent to TLS, and what browsers are told (shared/spec kv-schema §6.9, frontend-options §2.4). */
import { randomFillSync } from 'node:crypto';
import type { RequestHead } from '../../http/request-head.ts';
import type { ResponseText } from '../../http/response-text.ts';
import { FAULTS } from '../../kernel/errors.ts';
import type { FieldValue } from '../../middlewares/header-keys.ts';
import type { HeadersOptions } from '../../middlewares/headers.ts';
import type { Middleware, ResponseFields, Scope } from '../middleware.ts';
import { localReply, type Reply, secureRedirect } from '../reply.ts';

const NONCE_BYTES = 16;
/** Random bytes are had in bulk: one call for each request would cost more than all the rest here. */
const pool = Buffer.alloc(256 * NONCE_BYTES);
let used = pool.length;

/** 22 characters of base64, unpadded. */
function makeNonce(): string {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  used += NONCE_BYTES;
  return pool.toString('base64', used - NONCE_BYTES, used).slice(0, 22);
}

/** Of one exchange. */
type Seen = { readonly secure: boolean; readonly nonce: string };

const PLAIN: Seen = { secure: false, nonce: '' };
const SECURE: Seen = { secure: true, nonce: '' };

export class SecurityHeaders implements Middleware, ResponseFields {
  private readonly options: HeadersOptions;
  private readonly fixed: readonly FieldValue[];
  private readonly sts: string;
  private readonly usesNonce: boolean;

  constructor(options: HeadersOptions) {
    const { stsSeconds, stsIncludeSubdomains, stsPreload, contentSecurityPolicy, contentSecurityPolicyReportOnly } =
      options;
    this.options = options;
    this.fixed = options.fixed.map(([name, value]) => [name, Buffer.from(value).toString('latin1')]);
    const subdomains = stsIncludeSubdomains ? '; includeSubDomains' : '';
    this.sts = stsSeconds === 0 ? '' : `max-age=${stsSeconds}${subdomains}${stsPreload ? '; preload' : ''}`;
    this.usesNonce = `${contentSecurityPolicy}${contentSecurityPolicyReportOnly}`.includes('$NONCE');
  }

  /** Has it anything to do at all? */
  static isAsked(options: HeadersOptions): boolean {
    const { allowedHosts, sslRedirect, sslForceHost, sslHost, stsSeconds, fixed, publicKey } = options;
    const policies = options.contentSecurityPolicy + options.contentSecurityPolicyReportOnly;
    const redirects = sslRedirect || (sslForceHost && sslHost !== '') || sslHost !== '';
    return allowedHosts.length > 0 || redirects || stsSeconds > 0 || fixed.length > 0 || publicKey + policies !== '';
  }

  request(exchange: Scope, head: RequestHead): Reply | null {
    const { allowedHosts, isDevelopment, sslRedirect, sslForceHost, sslHost, sslTemporaryRedirect } = this.options;
    const host = this.hostOf(head);
    if (allowedHosts.length > 0 && !isDevelopment && !allowedHosts.includes(host.toLowerCase())) {
      return localReply(FAULTS.badHost);
    }
    const secure = this.isSecure(exchange, head);
    const permanent = !sslTemporaryRedirect;
    if (sslRedirect && !secure && !isDevelopment) {
      return secureRedirect(head.method, permanent, sslHost === '' ? host : sslHost, head.target);
    }
    if (sslForceHost && sslHost !== '' && sslHost !== host) {
      return secureRedirect(head.method, permanent, sslHost, head.target);
    }
    const seen = this.seen(secure);
    exchange.keep(this, seen);
    if (this.options.nonceToServer) head.setField('x-csp-nonce', seen.nonce);
    return null;
  }

  private seen(secure: boolean): Seen {
    const nonce = this.usesNonce ? makeNonce() : '';
    return nonce === '' ? (secure ? SECURE : PLAIN) : { secure, nonce };
  }

  private isSecure(exchange: Scope, head: RequestHead): boolean {
    return exchange.client.secure || this.saysSecure(head);
  }

  private hostOf(head: RequestHead): string {
    if (head.trusted) {
      for (const name of this.options.hostsProxyHeaders) {
        const value = head.values(name.toLowerCase())[0] ?? '';
        if (value !== '') return value;
      }
    }
    return head.host;
  }

  private saysSecure(head: RequestHead): boolean {
    return (
      head.trusted && this.options.sslProxyHeaders.some(([name, value]) => head.values(name.toLowerCase())[0] === value)
    );
  }

  response(exchange: Scope, response: ResponseText): undefined {
    this.edit(response, exchange.kept(this) as Seen);
  }

  page(exchange: Scope, head: RequestHead, response: ResponseText): void {
    this.edit(response, this.seen(this.isSecure(exchange, head)));
  }

  private edit(response: ResponseText, { secure, nonce }: Seen): void {
    const { options, sts } = this;
    if (response.opensWebSocket) return;
    if (response.isLocal && !options.onLocalReplies) return;
    if (sts !== '' && (secure || options.forceSTSHeader) && !options.isDevelopment) {
      response.set('Strict-Transport-Security', sts);
    }
    for (const [name, value] of this.fixed) response.set(name, value);
    if (options.publicKey !== '' && secure && !options.isDevelopment)
      response.set('Public-Key-Pins', options.publicKey);
    this.setPolicy(response, 'Content-Security-Policy', options.contentSecurityPolicy, nonce);
    this.setPolicy(response, 'Content-Security-Policy-Report-Only', options.contentSecurityPolicyReportOnly, nonce);
    if (secure && options.sslHost !== '') this.mendLocation(response);
  }

  private setPolicy(response: ResponseText, name: string, policy: string, nonce: string): void {
    if (policy === '') return;
    const text = nonce === '' ? policy : policy.replaceAll('$NONCE', `'nonce-${nonce}'`);
    response.set(name, Buffer.from(text).toString('latin1'));
  }

  /** A server that does not know of TLS sends its clients back to plain HTTP. */
  private mendLocation(response: ResponseText): void {
    const location = response.get('location');
    const plain = `http://${this.options.sslHost}`;
    if (location !== null && (location === plain || location.startsWith(`${plain}/`))) {
      response.set('Location', `https${location.slice('http'.length)}`);
    }
  }
}
