/** Asks for a signed token (RFC 6750, RFC 7519, RFC 8725; shared/spec frontend-options §3.14). Signatures are checked by `jose`. */
import { hash, type KeyObject } from 'node:crypto';
import type { RequestHead } from '../../http/request-head.ts';
import { claimHas, claimText, parseToken, type Token, timeProblem } from '../../http/token.ts';
import { FAULTS } from '../../kernel/errors.ts';
import { log } from '../../kernel/log.ts';
import { tellOwnError } from '../../kernel/own-error.ts';
import type { JwtOptions } from '../../middlewares/jwt.ts';
import { KeyRing } from '../auth/key-sets.ts';
import { type Verified, VerifiedTokens } from '../auth/verified-tokens.ts';
import type { WorkerContext } from '../context.ts';
import { type Foreseen, foreseenRefusal, type Middleware, type Scope, WAITS, type Waiting } from '../middleware.ts';
import { localReply, type Reply } from '../reply.ts';
import { type FoundToken, findToken, removeToken } from './token-source.ts';

const CHALLENGE = 'WWW-Authenticate: Bearer realm="traefik"';

function reply(fault: (typeof FAULTS)['jwtRefused'], line: string): Reply {
  const plain = localReply(fault);
  return { ...plain, head: `${plain.head}\r\n${line}` };
}

const ABSENT = reply(FAULTS.jwtRefused, CHALLENGE);
const REFUSED = reply(FAULTS.jwtRefused, `${CHALLENGE}, error="invalid_token"`);
const NOT_ALLOWED = reply(FAULTS.jwtClaims, `${CHALLENGE}, error="insufficient_scope"`);
const NO_KEYS = reply(FAULTS.jwtKeys, 'Retry-After: 5');

const SEVERAL = 'there are several tokens, or an empty one';
const UNKNOWN_KEY = 'no key has the kid of the token';
const NO_FITTING_KEY = 'no key fits the algorithm of the token';
const WRONG_SIGNATURE = 'the signature of the token is wrong';

type Key = KeyObject | Uint8Array;

async function isSigned(token: string, algorithm: string, keys: readonly Key[]): Promise<boolean> {
  const { compactVerify } = await import('jose');
  for (const key of keys) {
    try {
      await compactVerify(token, key, { algorithms: [algorithm] });
      return true;
    } catch {
      // By the next one, then.
    }
  }
  return false;
}

/** What is to become of a request that has waited; an error of ours is that request's alone. */
function settleLater(waiting: Waiting, verdict: () => Reply | null | typeof WAITS): void {
  let answer: Reply | null | typeof WAITS;
  try {
    answer = verdict();
  } catch (error) {
    tellOwnError('judgement of a token', error);
    answer = localReply(FAULTS.internal);
  }
  if (answer !== WAITS) waiting.proceed(answer);
}

export class Jwt implements Middleware {
  private readonly options: JwtOptions;
  private readonly worker: WorkerContext;
  /** Another text for other options. */
  private readonly scope: string;
  private readonly own: KeyRing;
  /** null: tokens are verified with public keys. */
  private readonly secret: Uint8Array | null;
  /** Fields that no client may set. */
  private readonly told: readonly string[];

  constructor(options: JwtOptions, worker: WorkerContext) {
    this.options = options;
    this.worker = worker;
    this.scope = hash('sha256', JSON.stringify(options), 'base64');
    this.own = new KeyRing(options.keys);
    this.secret = options.secret === '' ? null : Buffer.from(options.secret, 'base64url');
    const { forwardClaims, headerField } = options;
    this.told = [...forwardClaims.map(([field]) => field), ...(headerField === '' ? [] : [headerField])];
  }

  request(exchange: Scope, head: RequestHead): Reply | null | typeof WAITS {
    const { options, worker } = this;
    const found = findToken(options.sources, head);
    for (const field of this.told) head.setField(field, '');
    if (found === null) return options.optional ? null : ABSENT;
    const key = VerifiedTokens.key(this.scope, found.text);
    const version = worker.keySets.version(options.jwksUrl);
    const known = worker.verifiedTokens.find(key, version, Date.now() / 1000);
    if (known !== null) return this.settle(head, found, known);
    return this.judge(exchange, found, null);
  }

  async foresee(_: Scope, head: RequestHead): Promise<Foreseen> {
    const { options, worker } = this;
    const found = findToken(options.sources, head);
    for (const field of this.told) head.setField(field, '');
    if (found === null) {
      const text = 'no token came with it';
      return options.optional ? { text, reply: null, isCertain: true } : foreseenRefusal(text, ABSENT);
    }
    const token = found.text === '' ? SEVERAL : parseToken(found.text);
    if (typeof token === 'string') return foreseenRefusal(token, REFUSED);
    const problem = this.problemOf(token);
    if (problem !== '') return foreseenRefusal(problem, REFUSED);
    const keys = this.keysHere(token);
    const isUnknown = keys === null && options.jwksUrl !== '' && worker.keySets.mayAsk(options.jwksUrl);
    if (keys === null && !isUnknown) {
      const reply = this.replyWithoutKeys();
      return foreseenRefusal(reply === NO_KEYS ? 'there are no keys to verify its token with' : UNKNOWN_KEY, reply);
    }
    if (keys?.length === 0) return foreseenRefusal(NO_FITTING_KEY, REFUSED);
    if (keys !== null && !(await isSigned(found.text, token.algorithm, keys))) {
      return foreseenRefusal(WRONG_SIGNATURE, REFUSED);
    }
    const verified = this.verified(token, 0);
    if (isUnknown) {
      const text = `the keys of ${options.jwksUrl.replace(/\?.*$/, '')} would be fetched, since none that is here has its kid`;
      if (verified.isAllowed) this.pass(head, found, verified);
      return { text, reply: null, isCertain: false };
    }
    if (!verified.isAllowed) return foreseenRefusal('its claims are not those that are asked for', NOT_ALLOWED);
    this.pass(head, found, verified);
    return { text: 'lets it on: the signature of its token holds', reply: null, isCertain: true };
  }

  /** `waiting`: it has waited for keys; null: it has just come. */
  private judge(exchange: Scope, found: FoundToken, waiting: Waiting | null): Reply | typeof WAITS {
    if (found.text === '') return this.refuse(SEVERAL);
    const token = parseToken(found.text);
    if (typeof token === 'string') return this.refuse(token);
    const problem = this.problemOf(token);
    if (problem !== '') return this.refuse(problem);
    const version = this.worker.keySets.version(this.options.jwksUrl);
    const keys = this.keysFor(token, exchange, found, waiting);
    if (keys === WAITS || 'head' in keys) return keys;
    if (keys.length === 0) return this.refuse(NO_FITTING_KEY);
    const waits = waiting ?? exchange.wait();
    void isSigned(found.text, token.algorithm, keys).then((holds) => {
      settleLater(waits, () => {
        if (!holds) return this.refuse(WRONG_SIGNATURE);
        return this.admit(waits.head, found, token, version);
      });
    });
    return WAITS;
  }

  /** What is wrong with a token whoever has signed it; '' for nothing. */
  private problemOf({ algorithm, claims }: Token): string {
    const { options } = this;
    if (!options.algorithms.includes(algorithm)) return 'the algorithm of the token is not among those that are taken';
    const { issuers, audiences } = options;
    if (issuers.length > 0 && !(typeof claims.iss === 'string' && issuers.includes(claims.iss))) {
      return 'the token is of another issuer';
    }
    if (audiences.length > 0 && !claimHas(claims, 'aud', audiences)) return 'the token is for another audience';
    return timeProblem(claims, options, Date.now() / 1000);
  }

  /** Those that may have signed it, or the answer for want of them. */
  private keysFor(
    token: Token,
    exchange: Scope,
    found: FoundToken,
    waiting: Waiting | null,
  ): readonly Key[] | Reply | typeof WAITS {
    const here = this.keysHere(token);
    if (here !== null) return here;
    const { jwksUrl } = this.options;
    if (jwksUrl !== '' && waiting === null) {
      let waits: Waiting | null = null;
      if (this.worker.keySets.ask(jwksUrl, () => this.goOn(exchange, found, waits!))) {
        waits = exchange.wait();
        return WAITS;
      }
    }
    const reply = this.replyWithoutKeys();
    return reply === NO_KEYS ? reply : this.refuse(UNKNOWN_KEY);
  }

  /** Those that may have signed it, of those that are here; null: none has its kid. */
  private keysHere({ kid, algorithm }: Token): readonly Key[] | null {
    if (this.secret !== null) return [this.secret];
    const { jwksUrl } = this.options;
    const own = this.own.find(kid, algorithm);
    if (jwksUrl === '' || (own !== null && kid !== '')) return own;
    const fetched = this.worker.keySets.ring(jwksUrl)?.find(kid, algorithm) ?? null;
    return own === null || fetched === null ? (fetched ?? own) : [...own, ...fetched].slice(0, 5);
  }

  private replyWithoutKeys(): Reply {
    const { jwksUrl } = this.options;
    return jwksUrl !== '' && (this.worker.keySets.ring(jwksUrl)?.isEmpty ?? true) ? NO_KEYS : REFUSED;
  }

  /** The keys have come that a token has waited for, or will not. */
  private goOn(exchange: Scope, found: FoundToken, waiting: Waiting): void {
    if (waiting.head !== null) settleLater(waiting, () => this.judge(exchange, found, waiting));
  }

  /** What it means once its signature holds. */
  private verified({ claims }: Token, version: number): Verified {
    const { options } = this;
    const fields = options.forwardClaims.map(([field, path]) => [field, claimText(claims, path)] as const);
    const { headerField } = options;
    return {
      until: typeof claims.exp === 'number' ? claims.exp : Number.POSITIVE_INFINITY,
      version,
      isAllowed: options.claims.every(([path, values]) => claimHas(claims, path, values)),
      fields: headerField === '' ? fields : [...fields, [headerField, claimText(claims, 'sub')]],
    };
  }

  /** Its signature holds. `head`: null when its client has left. */
  private admit(head: RequestHead | null, found: FoundToken, token: Token, version: number): Reply | null {
    const verified = this.verified(token, version);
    this.worker.verifiedTokens.remember(VerifiedTokens.key(this.scope, found.text), verified);
    return head === null ? null : this.settle(head, found, verified);
  }

  private settle(head: RequestHead, found: FoundToken, verified: Verified): Reply | null {
    if (!verified.isAllowed) {
      log.debug('request refused', { reason: 'the claims of the token are not those that its frontend asks for' });
      return NOT_ALLOWED;
    }
    this.pass(head, found, verified);
    return null;
  }

  private pass(head: RequestHead, { source }: FoundToken, { fields }: Verified): void {
    if (this.options.removeToken) removeToken(source, head);
    for (const [field, value] of fields) if (value !== '') head.setField(field, head.asWritten(value));
  }

  private refuse(reason: string): Reply {
    log.debug('request refused', { reason });
    return REFUSED;
  }
}
