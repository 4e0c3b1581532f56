/** The name and the password that the admin pages ask for (shared/spec cli-api §3, §5.1). */
import { basicCredentials } from '../../http/basic-credentials.ts';
import { KnownPasswords } from '../../kernel/known-passwords.ts';
import { nobodysHash } from '../../kernel/password-hash.ts';
import type { User } from '../../middlewares/auth.ts';
import type { AdminRequest } from './request.ts';

export const CHALLENGE = 'Basic realm="traefik"';

type Check = (password: string, hash: string) => Promise<boolean>;

export class AdminAuth {
  private readonly hashes: ReadonlyMap<string, string>;
  /** A name that nobody has takes as long as any other. */
  private readonly nobodysHash: string;
  private readonly check: Check;
  /** The dashboard asks every second. */
  private readonly known = new KnownPasswords();

  /** `check`: compares a password with its hash, elsewhere. */
  constructor(users: readonly User[], check: Check) {
    this.hashes = new Map(users);
    const anyHash = users.find(([, hash]) => hash !== '')?.[1] ?? '';
    this.nobodysHash = anyHash === '' ? '' : nobodysHash(anyHash);
    this.check = check;
  }

  async lets({ fields }: AdminRequest): Promise<boolean> {
    const credentials = basicCredentials(fields.get('authorization') ?? '');
    if (credentials === null) return false;
    const { name, password } = credentials;
    const own = this.hashes.get(name);
    const hash = own === undefined || own === '' ? this.nobodysHash : own;
    if (hash === '') return false;
    const question = this.known.question(password, hash);
    if (this.known.has(question)) return hash === own;
    if (!(await this.check(password, hash)) || hash !== own) return false;
    this.known.add(question);
    return true;
  }
}
