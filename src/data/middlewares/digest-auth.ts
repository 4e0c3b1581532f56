/**
 * Asks for a name and proof that its password is known (RFC 7616 with MD5 and qop=auth, shared/spec frontend-options §2.2).
 * A nonce is `time.random.mac`: every worker knows its own without having seen it, and which of its counts were used lies in
 * shared memory.
 */
import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { RequestHead } from '../../http/request-head.ts';
import { log } from '../../kernel/log.ts';
import { monotonicMs } from '../../kernel/monotonic-clock.ts';
import { decodedPath } from '../../kernel/percent.ts';
import type { User } from '../../middlewares/auth.ts';
import type { WorkerContext } from '../context.ts';
import type { Middleware, Scope } from '../middleware.ts';
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
  private readonly opaque: string;

  constructor(worker: WorkerContext, users: readonly User[], headerField: string, removeHeader: boolean) {
    this.worker = worker;
    this.secrets = new Map(users);
    this.headerField = headerField.toLowerCase();
    this.removeHeader = removeHeader;
    this.opaque = this.mac('opaque');
  }

  request(exchange: Scope, head: RequestHead): Reply | null {
    const values = head.values('authorization');
    const [value] = values;
    if (values.length !== 1 || value.length > MAX_FIELD || value.slice(0, 7).toLowerCase() !== 'digest ') {
      return this.challenge(false);
    }
    const given = parametersOf(value.slice(7));
    const verdict = given === null ? 'wrong' : this.verdict(given, head, exchange.clientTarget);
    if (verdict !== 'right') {
      log.debug('request refused', {
        reason: verdict === 'stale' ? 'a nonce that was used' : 'a wrong name or password',
      });
      return this.challenge(verdict === 'stale');
    }
    if (this.removeHeader) head.setField('authorization', '');
    if (this.headerField !== '') head.setField(this.headerField, given!.get('username')!);
    return null;
  }

  private verdict(given: Map<string, string>, head: RequestHead, target: string): 'right' | 'wrong' | 'stale' {
    const [name, uri, nonce, nc, cnonce, response] = ['username', 'uri', 'nonce', 'nc', 'cnonce', 'response'].map(
      (each) => given.get(each) ?? '',
    );
    const algorithm = given.get('algorithm') ?? 'MD5';
    if (given.get('opaque') !== this.opaque || algorithm !== 'MD5' || given.get('qop') !== 'auth') return 'wrong';
    if (!/^[0-9a-f]{1,8}$/i.test(nc) || !isFor(uri, target)) return 'wrong';
    const age = this.ageOf(nonce);
    if (age === null) return 'wrong';
    const secret = this.secrets.get(name);
    const known = secret !== undefined && secret !== '' && !name.includes(':');
    const expected = md5(`${known ? secret : NOBODY}:${nonce}:${nc}:${cnonce}:auth:${md5(`${head.method}:${uri}`)}`);
    if (!isEqual(expected, response.toLowerCase()) || !known) return 'wrong';
    if (age > NONCE_SECONDS) return 'stale';
    const mac = Buffer.from(nonce, 'base64').subarray(-8);
    const now = Math.floor(monotonicMs() / 1000);
    const count = Number.parseInt(nc, 16);
    return this.worker.nonceCounts.use(mac.readInt32LE(0) | 1, mac.readInt32LE(4), count, now) ? 'right' : 'stale';
  }

  private challenge(stale: boolean): Reply {
    const random = randomBytes(8);
    const time = Math.floor(Date.now() / 1000);
    const nonce = this.nonceOf(time, random);
    const said = `nonce="${nonce}", opaque="${this.opaque}", algorithm="MD5", qop="auth"${stale ? ', stale=true' : ''}`;
    return unauthorized(`Digest realm="traefik", ${said}`);
  }

  private nonceOf(time: number, random: Buffer): string {
    const start = Buffer.alloc(12);
    start.writeUInt32BE(time, 0);
    random.copy(start, 4);
    const mac = createHmac('sha256', this.worker.authKey).update(start).digest().subarray(0, 12);
    return Buffer.concat([start, mac]).toString('base64');
  }

  /** Seconds since it was made; null for one that no node of ours has made. */
  private ageOf(nonce: string): number | null {
    const bytes = Buffer.from(nonce, 'base64');
    if (bytes.length !== 24) return null;
    const time = bytes.readUInt32BE(0);
    if (!isEqual(this.nonceOf(time, bytes.subarray(4, 12)), nonce)) return null;
    return Math.max(0, Math.floor(Date.now() / 1000) - time);
  }

  private mac(text: string): string {
    return createHmac('sha256', this.worker.authKey).update(text).digest('base64').slice(0, 16);
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
