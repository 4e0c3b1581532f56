/**
 * Asks for a name and proof that its password is known (RFC 7616 with MD5 and qop=auth, shared/spec frontend-options §2.2).
 * Any worker knows a nonce without having seen it (../digest-nonces.ts); which of its counts were used lies in the shared
 * memory of the node.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { RequestHead } from '../../http/request-head.ts';
import { log } from '../../kernel/log.ts';
import { monotonicMs } from '../../kernel/monotonic-clock.ts';
import { decodedPath } from '../../kernel/percent.ts';
import { quoted } from '../../kernel/quote.ts';
import type { User } from '../../middlewares/auth.ts';
import type { WorkerContext } from '../context.ts';
import { type Foreseen, foreseenRefusal, type Middleware, type Scope } from '../middleware.ts';
import type { Reply } from '../reply.ts';
import { unauthorized } from './unauthorized.ts';

/** A nonce that is older is asked for anew, without a dialog. */
const NONCE_SECONDS = 3_600;
const MAX_FIELD = 4_096;
/** What an unknown name is compared with, so that it takes as long as any other. */
const NOBODY = '0'.repeat(32);

const PARAMETER = /[\t ]*([A-Za-z]+)[\t ]*=[\t ]*(?:"((?:[^"\\]|\\.)*)"|([^\t ",]+))[\t ]*(?:,|$)/y;

/** Names in lower case; null for what is no list of parameters, or has one twice. */
function parametersOf(text: string): Map<string, string> | null {
  const found = new Map<string, string>();
  PARAMETER.lastIndex = 0;
  while (PARAMETER.lastIndex < text.length) {
    const parts = PARAMETER.exec(text);
    if (parts === null) return null;
    const name = parts[1].toLowerCase();
    if (found.has(name)) return null;
    found.set(name, parts[2] === undefined ? parts[3] : parts[2].replace(/\\(.)/g, '$1'));
  }
  return found;
}

/** Its parameters as they came, '' where there are none, or more than one field. */
function digestOf(head: RequestHead): string {
  const values = head.values('authorization');
  const [value] = values;
  if (values.length !== 1 || value.length > MAX_FIELD) return '';
  return value.slice(0, 7).toLowerCase() === 'digest ' ? value.slice(7) : '';
}

function md5(text: string): string {
  return createHash('md5').update(text).digest('hex');
}

function isEqual(one: string, other: string): boolean {
  return one.length === other.length && timingSafeEqual(Buffer.from(one), Buffer.from(other));
}

export class DigestAuth implements Middleware {
  private readonly worker: WorkerContext;
  private readonly secrets: ReadonlyMap<string, string>;
  private readonly headerField: string;
  private readonly removeHeader: boolean;

  constructor(worker: WorkerContext, users: readonly User[], headerField: string, removeHeader: boolean) {
    this.worker = worker;
    this.secrets = new Map(users);
    this.headerField = headerField.toLowerCase();
    this.removeHeader = removeHeader;
  }

  request(exchange: Scope, head: RequestHead): Reply | null {
    const text = digestOf(head);
    if (text === '') return this.challenge(false);
    const given = parametersOf(text);
    exchange.user = given?.get('username') ?? '';
    const verdict = given === null ? 'wrong' : this.verdict(given, head, exchange.clientTarget, true);
    if (verdict !== 'right') {
      log.debug('request refused', {
        reason: verdict === 'stale' ? 'a nonce that was used' : 'a wrong name or password',
      });
      return this.challenge(verdict === 'stale');
    }
    this.admit(head, given!.get('username')!);
    return null;
  }

  foresee(exchange: Scope, head: RequestHead): Foreseen {
    const text = digestOf(head);
    const given = text === '' ? null : parametersOf(text);
    if (given === null) return foreseenRefusal('no digest came with it', this.challenge(false));
    const name = given.get('username') ?? '';
    exchange.user = name;
    const verdict = this.verdict(given, head, exchange.clientTarget, false);
    if (verdict === 'stale') {
      const why = `the digest of ${quoted(name)} is right, and its nonce was used before, is too old or none of ours`;
      return foreseenRefusal(why, this.challenge(true));
    }
    if (verdict === 'wrong') {
      const isKnown = (this.secrets.get(name) ?? '') !== '';
      const why = isKnown
        ? `the digest of ${quoted(name)} is none of that password for this method and target`
        : `nobody here has the name ${quoted(name)}`;
      return foreseenRefusal(why, this.challenge(false));
    }
    this.admit(head, name);
    return { text: `lets ${quoted(name)} on: the digest is right and new`, reply: null, isCertain: true };
  }

  private admit(head: RequestHead, name: string): void {
    if (this.removeHeader) head.setField('authorization', '');
    if (this.headerField !== '') head.setField(this.headerField, name);
  }

  /** `uses`: its count is used up by it. */
  private verdict(
    given: Map<string, string>,
    head: RequestHead,
    target: string,
    uses: boolean,
  ): 'right' | 'wrong' | 'stale' {
    const [name, uri, nonce, nc, cnonce, response] = ['username', 'uri', 'nonce', 'nc', 'cnonce', 'response'].map(
      (each) => given.get(each) ?? '',
    );
    const algorithm = given.get('algorithm') ?? 'MD5';
    if (algorithm !== 'MD5' || given.get('qop') !== 'auth') return 'wrong';
    // The first count of a nonce is 1 (RFC 7616 §3.4); 0 is what has not been used.
    const count = /^[0-9a-f]{1,8}$/i.test(nc) ? Number.parseInt(nc, 16) : 0;
    if (count === 0 || !isFor(uri, target)) return 'wrong';
    const made = this.worker.digestNonces.read(nonce, given.get('opaque') ?? '');
    const secret = this.secrets.get(name);
    const known = secret !== undefined && secret !== '' && !name.includes(':');
    const expected = md5(`${known ? secret : NOBODY}:${nonce}:${nc}:${cnonce}:auth:${md5(`${head.method}:${uri}`)}`);
    if (!isEqual(expected, response.toLowerCase()) || !known) return 'wrong';
    // Who knows the password need not type it again because the nonce is none of ours, or no more (RFC 7616 §3.3).
    if (made === null || made.age > NONCE_SECONDS) return 'stale';
    const { nonceCounts } = this.worker;
    const isNew = uses
      ? nonceCounts.use(made.high, made.low, count, Math.floor(monotonicMs() / 1000))
      : nonceCounts.isFree(made.high, made.low, count);
    return isNew ? 'right' : 'stale';
  }

  private challenge(stale: boolean): Reply {
    const { nonce, opaque } = this.worker.digestNonces.make();
    const said = `nonce="${nonce}", opaque="${opaque}", algorithm="MD5", qop="auth"${stale ? ', stale=true' : ''}`;
    return unauthorized(`Digest realm="traefik", ${said}`);
  }
}

/** Is the digest for this request? Exactly, or, without a query, for whatever lies below its path, as the original has it. */
function isFor(uri: string, target: string): boolean {
  if (uri === target) return true;
  if (uri === '' || uri.includes('?')) return false;
  const query = target.indexOf('?');
  const path = decodedPath(query < 0 ? target : target.slice(0, query));
  const prefix = decodedPath(uri);
  return path !== null && prefix !== null && path.startsWith(prefix);
}
