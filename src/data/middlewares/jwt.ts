/** Asks for a signed token (RFC 6750, RFC 7519, RFC 8725; shared/spec frontend-options §3.14). Signatures are checked by `jose`. */
import { hash, type KeyObject } from 'node:crypto';
import type { RequestHead } from '../../http/request-head.ts';
import { claimHas, claimText, parseToken, type Token, timeProblem } from '../../http/token.ts';
import { FAULTS } from '../../kernel/errors.ts';
import { log } from '../../kernel/log.ts';
import { tellOwnError } from '../../kernel/own-error.ts';
import type { JwtOptions } from '../../middlewares/jwt.ts';
import type { WorkerContext } from '../context.ts';
import { KeyRing } from '../key-sets.ts';
import { type Foreseen, type Middleware, type Scope, WAITS, type Waiting } from '../middleware.ts';
import { localReply, type Reply } from '../reply.ts';
import { type Verified, VerifiedTokens } from '../verified-tokens.ts';
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

type Key = KeyObject | Uint8Array;

/** Lines of a head are decoded UTF-8, or one character per byte. */
function fieldText(head: RequestHead, value: string): string {
  return head.latin1 ? Buffer.from(value).toString('latin1') : value;
}

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

  /** A signature is not verified: its key may have to be fetched. */
  foresee(_: Scope, head: RequestHead): Foreseen {
    const found = findToken(this.options.sources, head);
    for (const field of this.told) head.setField(field, '');
    if (found === null) {
      const { optional } = this.options;
      return { text: 'no token came with it', reply: optional ? null : ABSENT, isCertain: true };
    }
    const token = found.text === '' ? 'there are several tokens, or an empty one' : parseToken(found.text);
    const problem = typeof token === 'string' ? token : this.problemOf(token);
    if (problem !== '') return { text: problem, reply: REFUSED, isCertain: true };
    const { claims } = token as Token;
    if (!this.options.claims.every(([path, values]) => claimHas(claims, path, values))) {
      return { text: 'its claims are not those that are asked for', reply: NOT_ALLOWED, isCertain: true };
    }
    if (this.options.removeToken) removeToken(found.source, head);
    return { text: 'lets it on if the signature of the token holds', reply: null, isCertain: false };
  }

  /** `waiting`: it has waited for keys; null: it has just come. */
  private judge(exchange: Scope, found: FoundToken, waiting: Waiting | null): Reply | typeof WAITS {
    if (found.text === '') return this.refuse('there are several tokens, or an empty one');
    const token = parseToken(found.text);
    if (typeof token === 'string') return this.refuse(token);
    const problem = this.problemOf(token);
    if (problem !== '') return this.refuse(problem);
    const version = this.worker.keySets.version(this.options.jwksUrl);
    const keys = this.keysFor(token, exchange, found, waiting);
    if (keys === WAITS || 'head' in keys) return keys;
    if (keys.length === 0) return this.refuse('no key fits the algorithm of the token');
    const waits = waiting ?? exchange.wait();
    void isSigned(found.text, token.algorithm, keys).then((holds) => {
      settleLater(waits, () => {
        if (!holds) return this.refuse('the signature of the token is wrong');
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
    { kid, algorithm }: Token,
    exchange: Scope,
    found: FoundToken,
    waiting: Waiting | null,
  ): readonly Key[] | Reply | typeof WAITS {
    if (this.secret !== null) return [this.secret];
    const { jwksUrl } = this.options;
    const { keySets } = this.worker;
    const own = this.own.find(kid, algorithm);
    if (jwksUrl === '' || (own !== null && kid !== '')) return own ?? this.refuse('no key has the kid of the token');
    const ring = keySets.ring(jwksUrl);
    const fetched = ring?.find(kid, algorithm) ?? null;
    if (fetched !== null) return own === null ? fetched : [...own, ...fetched].slice(0, 5);
    if (own !== null) return own;
    if (waiting === null) {
      let waits: Waiting | null = null;
      if (keySets.ask(jwksUrl, () => this.goOn(exchange, found, waits!))) {
        waits = exchange.wait();
        return WAITS;
      }
    }
    return ring === null || ring.isEmpty ? NO_KEYS : this.refuse('no key has the kid of the token');
  }

  /** The keys have come that a token has waited for, or will not. */
  private goOn(exchange: Scope, found: FoundToken, waiting: Waiting): void {
    if (waiting.head !== null) settleLater(waiting, () => this.judge(exchange, found, waiting));
  }

  /** Its signature holds. `head`: null when its client has left. */
  private admit(head: RequestHead | null, found: FoundToken, { claims }: Token, version: number): Reply | null {
    const { options, worker } = this;
    const fields = options.forwardClaims.map(([field, path]) => [field, claimText(claims, path)] as const);
    const { headerField } = options;
    const verified: Verified = {
      until: typeof claims.exp === 'number' ? claims.exp : Number.POSITIVE_INFINITY,
      version,
      isAllowed: options.claims.every(([path, values]) => claimHas(claims, path, values)),
      fields: headerField === '' ? fields : [...fields, [headerField, claimText(claims, 'sub')]],
    };
    worker.verifiedTokens.remember(VerifiedTokens.key(this.scope, found.text), verified);
    return head === null ? null : this.settle(head, found, verified);
  }

  private settle(head: RequestHead, { source }: FoundToken, { isAllowed, fields }: Verified): Reply | null {
    if (!isAllowed) {
      log.debug('request refused', { reason: 'the claims of the token are not those that its frontend asks for' });
      return NOT_ALLOWED;
    }
    if (this.options.removeToken) removeToken(source, head);
    for (const [field, value] of fields) if (value !== '') head.setField(field, fieldText(head, value));
    return null;
  }

  private refuse(reason: string): Reply {
    log.debug('request refused', { reason });
    return REFUSED;
  }
}
