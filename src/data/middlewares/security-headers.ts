/** Which hosts are served, who is sent to TLS, and what browsers are told (shared/spec kv-schema §6.9, frontend-options §2.4). */
import { randomFillSync } from 'node:crypto';
import type { RequestHead } from '../../http/request-head.ts';
import { ResponseField, type ResponseText } from '../../http/response-text.ts';
import { FAULTS } from '../../kernel/errors.ts';
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

/** A field of the response, null for none. */
function fieldOf(name: string, value: string): ResponseField | null {
  return value === '' ? null : new ResponseField(name, value);
}

function stsOf(options: HeadersOptions): string {
  const { stsSeconds, stsIncludeSubdomains, stsPreload, isDevelopment } = options;
  if (stsSeconds === 0 || isDevelopment) return '';
  return `max-age=${stsSeconds}${stsIncludeSubdomains ? '; includeSubDomains' : ''}${stsPreload ? '; preload' : ''}`;
}

function policiesOf(options: HeadersOptions): [name: string, policy: string][] {
  const policies: [string, string][] = [
    ['Content-Security-Policy', options.contentSecurityPolicy],
    ['Content-Security-Policy-Report-Only', options.contentSecurityPolicyReportOnly],
  ];
  return policies.filter(([, policy]) => policy !== '');
}

/** Does anything but what its server says decide about a request? */
function judges({ allowedHosts, sslRedirect, sslForceHost, sslHost }: HeadersOptions): boolean {
  return allowedHosts.length > 0 || sslRedirect || (sslForceHost && sslHost !== '');
}

/** Of one exchange. */
type Seen = { readonly secure: boolean; readonly nonce: string };

const PLAIN: Seen = { secure: false, nonce: '' };
const SECURE: Seen = { secure: true, nonce: '' };

export class SecurityHeaders implements Middleware, ResponseFields {
  private readonly options: HeadersOptions;
  private readonly judges: boolean;
  /** Its fields are others for other requests. */
  private readonly looks: boolean;
  private readonly sts: ResponseField | null;
  private readonly publicKey: ResponseField | null;
  private readonly fixed: readonly ResponseField[];
  /** Name, and the parts between nonces. */
  private readonly withNonce: readonly (readonly [string, readonly string[]])[];

  constructor(options: HeadersOptions) {
    const { publicKey, isDevelopment, sslHost, forceSTSHeader } = options;
    const policies = policiesOf(options);
    this.options = options;
    this.judges = judges(options);
    this.sts = fieldOf('Strict-Transport-Security', stsOf(options));
    this.publicKey = isDevelopment ? null : fieldOf('Public-Key-Pins', publicKey);
    const without = policies.filter(([, policy]) => !policy.includes('$NONCE'));
    this.fixed = [...options.fixed, ...without].map(([name, value]) => new ResponseField(name, value));
    const others = policies.filter(([, policy]) => policy.includes('$NONCE'));
    this.withNonce = others.map(([name, policy]) => [name, Buffer.from(policy).toString('latin1').split('$NONCE')]);
    const looksAtTls = (this.sts !== null && !forceSTSHeader) || this.publicKey !== null || sslHost !== '';
    this.looks = looksAtTls || this.withNonce.length > 0;
  }

  /** Has it anything to do at all? */
  static isAsked(options: HeadersOptions): boolean {
    const { sslHost, stsSeconds, fixed, publicKey } = options;
    const says = stsSeconds > 0 || fixed.length > 0 || publicKey !== '' || policiesOf(options).length > 0;
    return says || judges(options) || sslHost !== '';
  }

  request(exchange: Scope, head: RequestHead): Reply | null {
    const secure = (this.judges || this.looks) && this.isSecure(exchange, head);
    const refusal = this.judges ? this.judge(head, secure) : null;
    if (refusal !== null) return refusal;
    const { nonceToServer } = this.options;
    if (!this.looks && !nonceToServer) return null;
    const seen = this.seen(secure);
    exchange.keep(this, seen);
    if (nonceToServer) head.setField('x-csp-nonce', seen.nonce);
    return null;
  }

  private judge(head: RequestHead, secure: boolean): Reply | null {
    const { allowedHosts, isDevelopment, sslRedirect, sslForceHost, sslHost, sslTemporaryRedirect } = this.options;
    const host = this.hostOf(head);
    if (allowedHosts.length > 0 && !isDevelopment && !allowedHosts.includes(host.toLowerCase())) {
      return localReply(FAULTS.badHost);
    }
    const permanent = !sslTemporaryRedirect;
    if (sslRedirect && !secure && !isDevelopment) {
      return secureRedirect(head.method, permanent, sslHost === '' ? host : sslHost, head.target);
    }
    if (sslForceHost && sslHost !== '' && sslHost !== host) {
      return secureRedirect(head.method, permanent, sslHost, head.target);
    }
    return null;
  }

  private seen(secure: boolean): Seen {
    if (this.withNonce.length > 0) return { secure, nonce: makeNonce() };
    return secure ? SECURE : PLAIN;
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
    this.edit(response, (exchange.kept(this) as Seen | undefined) ?? PLAIN);
  }

  page(exchange: Scope, head: RequestHead, response: ResponseText): void {
    this.edit(response, this.seen(this.isSecure(exchange, head)));
  }

  private edit(response: ResponseText, { secure, nonce }: Seen): void {
    const { forceSTSHeader, onLocalReplies, sslHost } = this.options;
    if (response.opensWebSocket) return;
    if (response.isLocal && !onLocalReplies) return;
    if (this.sts !== null && (secure || forceSTSHeader)) response.setField(this.sts);
    if (this.publicKey !== null && secure) response.setField(this.publicKey);
    for (const field of this.fixed) response.setField(field);
    for (const [name, parts] of this.withNonce) response.set(name, parts.join(`'nonce-${nonce}'`));
    if (secure && sslHost !== '') this.mendLocation(response);
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
