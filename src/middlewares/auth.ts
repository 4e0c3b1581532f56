/** Who may ask, by password or by the word of another server (shared/spec kv-schema §6.5, §6.6, frontend-options §2.1–2.3). */
import { hashKind } from '../kernel/password-hash.ts';
import { quoted } from '../kernel/quote.ts';
import { FORWARD_KEYS, type ForwardAuthOptions, readForwardAuth } from './forward-auth.ts';
import { fieldNameProblem } from './header-keys.ts';
import { type Kind, type Known, REJECTED } from './kind.ts';
import type { OptionKeys } from './option-keys.ts';

/** Name and hash; of digest auth HA1. */
export type User = readonly [name: string, secret: string];

export type AuthOptions = {
  /** The request's field that is told the user's name; '' for none. */
  readonly headerField: string;
  readonly how:
    | { readonly kind: 'basic' | 'digest'; readonly users: readonly User[]; readonly removeHeader: boolean }
    | { readonly kind: 'forward'; readonly forward: ForwardAuthOptions }
    /** A section that names no way to get in: nobody does. */
    | { readonly kind: 'none' };
};

const REALM = 'traefik';

/** What stands in an htpasswd file: lines, but for empty ones and comments. */
function linesOf(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
}

/** All users of a list and a file, later ones in the place of earlier ones; REJECTED when one of them is none. */
function readUsers(
  keys: OptionKeys,
  below: string,
  listKey: string,
  known: Known,
  read: (line: string) => User | string,
): readonly User[] | typeof REJECTED {
  const users = new Map<string, string>();
  let rejected = false;
  const take = (key: string, line: string): void => {
    const user = read(line);
    if (typeof user === 'string') {
      keys.rejected(key, user);
      rejected = true;
    } else users.set(user[0], user[1]);
  };
  for (const line of keys.list(listKey)) take(listKey, line);
  const fileKey = `${below}/usersfile`;
  const path = keys.text(fileKey);
  if (path !== '') {
    const file = known.readFile(path);
    if (file.problem !== '') {
      keys.rejected(fileKey, `${quoted(path)}: ${file.problem}`);
      rejected = true;
    } else for (const line of linesOf(file.text)) take(fileKey, line);
  }
  return rejected ? REJECTED : [...users];
}

/** The line itself is never quoted: it holds a password's hash. */
function basicUser(line: string): User | string {
  const parts = line.split(':');
  if (parts.length !== 2) return 'each user must be NAME:HASH, with one colon';
  const [name, hash] = parts;
  if (hash !== '' && hashKind(hash) === null) return `the hash of user ${quoted(name)} is of no known kind`;
  return [name, hash];
}

function digestUser(line: string): User | string {
  const parts = line.split(':');
  if (parts.length !== 3) return 'each user must be NAME:REALM:HASH, with two colons';
  const [name, realm, ha1] = parts;
  if (realm !== REALM) return `the realm of user ${quoted(name)} must be ${REALM}, not ${quoted(realm)}`;
  if (!/^[0-9a-f]{32}$/i.test(ha1)) return `the hash of user ${quoted(name)} is no MD5 of NAME:${REALM}:PASSWORD`;
  return [name, ha1.toLowerCase()];
}

function readHow(keys: OptionKeys, known: Known): AuthOptions['how'] | typeof REJECTED {
  const below = (prefix: string): boolean => keys.names(prefix).length > 0;
  const old = keys.list('basicauth').length > 0;
  if (old || below('auth/basic')) {
    const users = readUsers(keys, 'auth/basic', old ? 'basicauth' : 'auth/basic/users', known, basicUser);
    if (users === REJECTED) return REJECTED;
    return { kind: 'basic', users, removeHeader: keys.flag('auth/basic/removeheader') };
  }
  if (below('auth/digest')) {
    const users = readUsers(keys, 'auth/digest', 'auth/digest/users', known, digestUser);
    if (users === REJECTED) return REJECTED;
    return { kind: 'digest', users, removeHeader: keys.flag('auth/digest/removeheader') };
  }
  if (below('auth/forward')) {
    const forward = readForwardAuth(keys, known);
    return forward === REJECTED ? REJECTED : { kind: 'forward', forward };
  }
  if (keys.isRejected) return REJECTED;
  for (const key of keys.written) keys.warned(key, 'nobody can get in: it names no basic, digest or forward auth');
  return { kind: 'none' };
}

const KEYS = [
  'basicauth',
  'basicauth/*',
  'auth/headerfield',
  ...['basic', 'digest'].flatMap((kind) =>
    ['users', 'users/*', 'usersfile', 'removeheader'].map((part) => `auth/${kind}/${part}`),
  ),
  ...FORWARD_KEYS,
];

export const AUTH: Kind<AuthOptions> = {
  name: 'auth',
  protects: ['auth', 'basicauth'],
  keys: KEYS,

  parse(keys, known) {
    const headerField = keys.text('auth/headerfield');
    const problem = headerField === '' ? '' : fieldNameProblem(headerField);
    if (problem !== '') {
      keys.rejected('auth/headerfield', problem);
      return REJECTED;
    }
    const how = readHow(keys, known);
    return how === REJECTED ? REJECTED : { headerField, how };
  },

  /** Never a user, a hash or a key. */
  show({ headerField, how }) {
    const shown = headerField === '' ? {} : { headerField };
    if (how.kind === 'none') return shown;
    if (how.kind !== 'forward') return { [how.kind]: how.removeHeader ? { removeHeader: true } : {}, ...shown };
    const { address, trustForwardHeader, authResponseHeaders } = how.forward;
    const forward = {
      address,
      ...(trustForwardHeader && { trustForwardHeader }),
      ...(authResponseHeaders.length > 0 && { authResponseHeaders }),
    };
    return { forward, ...shown };
  },

  backends({ how }) {
    return how.kind === 'forward' && how.forward.backend !== '' ? [how.forward.backend] : [];
  },
};
