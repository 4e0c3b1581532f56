/** Asks for a name and a password (RFC 7617, shared/spec frontend-options §2.1). */
import { basicCredentials } from '../../http/basic-credentials.ts';
import type { RequestHead } from '../../http/request-head.ts';
import { CharacterSet } from '../../kernel/characters.ts';
import { log } from '../../kernel/log.ts';
import { nobodysHash } from '../../kernel/password-hash.ts';
import { quoted } from '../../kernel/quote.ts';
import type { User } from '../../middlewares/auth.ts';
import { RecentCredentials } from '../auth/recent-credentials.ts';
import type { WorkerContext } from '../context.ts';
import { type Foreseen, foreseenRefusal, type Middleware, type Scope, WAITS, type Waiting } from '../middleware.ts';
import type { Reply } from '../reply.ts';
import { unauthorized } from './unauthorized.ts';

const REFUSAL = unauthorized('Basic realm="traefik"');
/** A name may hold what no field may. */
const IN_FIELD = new CharacterSet('\x20\x7e\x80\xff', '\t', true);

export class BasicAuth implements Middleware {
  private readonly worker: WorkerContext;
  private readonly hashes: ReadonlyMap<string, string>;
  private readonly recent: RecentCredentials;
  /** For names that nobody has: a check of them takes as long as any other. '' when nobody has any. */
  private readonly nobodysHash: string;
  /** Lower case, '' for none. */
  private readonly headerField: string;
  private readonly removeHeader: boolean;

  constructor(worker: WorkerContext, users: readonly User[], headerField: string, removeHeader: boolean) {
    this.worker = worker;
    this.hashes = new Map(users);
    this.recent = new RecentCredentials(worker.wheel);
    const anyHash = users.find(([, hash]) => hash !== '')?.[1] ?? '';
    this.nobodysHash = anyHash === '' ? '' : nobodysHash(anyHash);
    this.headerField = headerField.toLowerCase();
    this.removeHeader = removeHeader;
  }

  request(exchange: Scope, head: RequestHead): Reply | null | typeof WAITS {
    const fields = head.values('authorization');
    // Of several none counts.
    if (fields.length !== 1) return REFUSAL;
    const name = this.recent.nameIn(fields[0]);
    if (name === undefined) return this.judge(exchange, head, fields[0]);
    exchange.user = name;
    this.admit(head, name);
    return null;
  }

  /** Its password is checked as that of any request; nothing of it is remembered but that it was right, as always. */
  async foresee(exchange: Scope, head: RequestHead): Promise<Foreseen> {
    const fields = head.values('authorization');
    if (fields.length > 1) return foreseenRefusal('it has several fields Authorization, of which none counts', REFUSAL);
    const credentials = fields.length === 1 ? basicCredentials(fields[0]) : null;
    if (credentials === null) return foreseenRefusal('no name and password came with it', REFUSAL);
    const { name, password } = credentials;
    exchange.user = name;
    const hash = this.hashes.get(name) ?? '';
    if (hash === '') return foreseenRefusal(`nobody here has the name ${quoted(name)}`, REFUSAL);
    const isRight = await new Promise<boolean>((resolve) => {
      const known = this.worker.passwords.check(password, hash, resolve);
      if (known !== null) resolve(known);
    });
    if (!isRight) return foreseenRefusal(`the password of ${quoted(name)} is another one`, REFUSAL);
    this.admit(head, name);
    return { text: `lets ${quoted(name)} on: the password is right`, reply: null, isCertain: true };
  }

  private judge(exchange: Scope, head: RequestHead, field: string): Reply | null | typeof WAITS {
    const credentials = basicCredentials(field);
    if (credentials === null) return REFUSAL;
    const { name, password } = credentials;
    exchange.user = name;
    const own = this.hashes.get(name);
    const hash = own === undefined || own === '' ? this.nobodysHash : own;
    // Nobody gets in where there is nobody to be known.
    if (hash === '') return REFUSAL;
    const mayPass = hash === own;
    let waiting: Waiting | null = null;
    const verdict = this.worker.passwords.check(password, hash, (isRight) => {
      const late = waiting?.head ?? null;
      // The client has left.
      if (late === null) return;
      if (isRight && mayPass) this.admit(late, name);
      waiting!.proceed(isRight && mayPass ? null : this.refuse());
    });
    if (verdict === null) {
      waiting = exchange.wait();
      return WAITS;
    }
    if (!verdict || !mayPass) return this.refuse();
    this.recent.add(field, name);
    this.admit(head, name);
    return null;
  }

  private refuse(): Reply {
    log.debug('request refused', { reason: 'a wrong name or password' });
    return REFUSAL;
  }

  private admit(head: RequestHead, name: string): void {
    if (this.removeHeader) head.setField('authorization', '');
    if (this.headerField !== '') head.setField(this.headerField, IN_FIELD.spans(name) ? head.asWritten(name) : '');
  }
}
