/** Who may ask, by a signed token (RFC 7519, RFC 8725; shared/spec frontend-options §3.14). Ours: Traefik 1.x has no such keys. */
import { quoted } from '../kernel/quote.ts';
import { PUBLIC_KEY_ALGORITHMS, readJwk, readPemKey, type VerificationKey } from '../kernel/verification-keys.ts';
import { fieldNameProblem } from './header-keys.ts';
import { type Kind, REJECTED } from './kind.ts';
import type { OptionKeys } from './option-keys.ts';

/** Where a token stands in a request. A header's name is in lower case. */
export type TokenSource = { readonly kind: 'header' | 'cookie' | 'query'; readonly name: string };

export type JwtOptions = {
  /** '' for none. */
  readonly jwksUrl: string;
  readonly keys: readonly VerificationKey[];
  /** base64url, '' for none. Never shown. */
  readonly secret: string;
  readonly algorithms: readonly string[];
  /** Empty: not checked. */
  readonly issuers: readonly string[];
  readonly audiences: readonly string[];
  readonly leewaySeconds: number;
  readonly requireExp: boolean;
  /** Path of a claim, and the values of which it must have one. */
  readonly claims: readonly (readonly [path: string, values: readonly string[]])[];
  /** Lower-case name of a field of the request, and the path of the claim that it is told. */
  readonly forwardClaims: readonly (readonly [field: string, path: string])[];
  /** The first that is there counts. */
  readonly sources: readonly TokenSource[];
  readonly removeToken: boolean;
  readonly optional: boolean;
  /** The request's field that is told `sub`, lower case; '' for none. */
  readonly headerField: string;
};

const SECRET_ALGORITHMS = ['HS256', 'HS384', 'HS512'];
const DEFAULT_ALGORITHMS = ['RS256', 'PS256', 'ES256', 'EdDSA'];
const LEAST_SECRET = 32;
const DEFAULT_LEEWAY_MS = 30_000;
const MOST_LEEWAY_MS = 300_000;
const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/;

const LISTS = ['algorithms', 'issuer', 'audience', 'sources'];
const TEXTS = ['jwksurl', 'allowhttp', 'secret', 'leeway', 'requireexp', 'removetoken', 'optional', 'headerfield'];
const KEYS = [
  ...LISTS.flatMap((name) => [`jwt/${name}`, `jwt/${name}/*`]),
  ...TEXTS.map((name) => `jwt/${name}`),
  'jwt/keys/*',
  'jwt/claims/*',
  'jwt/claims/*/*',
  'jwt/forwardclaims/*',
];

/** Reads its keys, of which each that cannot be used closes the frontend. */
class Reader {
  private readonly keys: OptionKeys;

  constructor(keys: OptionKeys) {
    this.keys = keys;
  }

  private reject(key: string, reason: string): void {
    this.keys.rejected(key, reason);
  }

  jwksUrl(): string {
    const text = this.keys.text('jwt/jwksurl');
    const mayBePlain = this.keys.flag('jwt/allowhttp');
    if (text === '' && !this.keys.has('jwt/jwksurl')) return '';
    const url = URL.canParse(text) ? new URL(text) : null;
    if (url === null || (url.protocol !== 'https:' && url.protocol !== 'http:')) {
      this.reject('jwt/jwksurl', `${quoted(text)} is no https URL`);
    } else if (url.username !== '' || url.password !== '') {
      this.reject('jwt/jwksurl', 'a URL with credentials cannot be asked');
    } else if (url.protocol === 'http:' && !mayBePlain && !LOOPBACK.test(url.hostname)) {
      this.reject('jwt/jwksurl', 'keys that come without TLS are anybody’s: use https, or jwt/allowhttp=true');
    } else {
      url.hash = '';
      return url.href;
    }
    return '';
  }

  publicKeys(): VerificationKey[] {
    const found: VerificationKey[] = [];
    for (const [name, text] of this.keys.map('jwt/keys')) {
      const key = text.includes('-----BEGIN ') ? readPemKey(text, name) : jwkOf(text, name);
      if (typeof key === 'string') this.reject(`jwt/keys/${name}`, key);
      else found.push(key);
    }
    return found;
  }

  secret(): string {
    if (!this.keys.has('jwt/secret')) return '';
    const text = this.keys.text('jwt/secret');
    const bytes = Buffer.from(text, 'base64url');
    if (bytes.toString('base64url') !== text) this.reject('jwt/secret', 'it is no base64url (without padding)');
    else if (bytes.length < LEAST_SECRET) this.reject('jwt/secret', `it has fewer than ${LEAST_SECRET} bytes`);
    return text;
  }

  algorithms(hasSecret: boolean): readonly string[] {
    const known = hasSecret ? SECRET_ALGORITHMS : PUBLIC_KEY_ALGORITHMS;
    const listed = this.keys.filledList('jwt/algorithms');
    for (const algorithm of listed) {
      if (known.includes(algorithm)) continue;
      const keys = hasSecret ? 'a secret' : 'public keys';
      this.reject('jwt/algorithms', `${quoted(algorithm)} is none of those with ${keys}: ${known.join(', ')}`);
    }
    if (listed.length > 0) return listed;
    return hasSecret ? ['HS256'] : DEFAULT_ALGORITHMS;
  }

  /** Names that `claim` must be one of, or contain. */
  expected(key: string, claim: string): readonly string[] {
    const items = this.keys.filledList(key);
    if (items.length === 0) this.keys.warned(key, `not checked: tokens with any ${claim} are taken`);
    return items;
  }

  leewaySeconds(): number {
    const ms = this.keys.duration('jwt/leeway', DEFAULT_LEEWAY_MS);
    if (ms !== null && ms <= MOST_LEEWAY_MS) return ms / 1000;
    this.reject('jwt/leeway', `${quoted(this.keys.text('jwt/leeway'))} is no duration of at most 5m`);
    return 0;
  }

  claims(): JwtOptions['claims'] {
    return this.keys.names('jwt/claims').map((path) => [path, this.keys.filledList(`jwt/claims/${path}`)] as const);
  }

  forwardClaims(): JwtOptions['forwardClaims'] {
    const found: (readonly [string, string])[] = [];
    for (const [name, claim] of this.keys.map('jwt/forwardclaims')) {
      const key = `jwt/forwardclaims/${name}`;
      const problem = name.toLowerCase() === 'host' ? 'the host is no claim' : fieldNameProblem(name);
      if (problem !== '') this.reject(key, problem);
      else if (claim === '') this.reject(key, 'it names no claim');
      else found.push([name.toLowerCase(), claim]);
    }
    return found;
  }

  sources(): readonly TokenSource[] {
    const found: TokenSource[] = [];
    for (const text of this.keys.filledList('jwt/sources')) {
      const [, kind, name] = /^(header|cookie|query):(.+)$/.exec(text) ?? [];
      const isGood = kind !== undefined && (kind === 'query' || fieldNameProblem(name) === '');
      if (!isGood) this.reject('jwt/sources', `${quoted(text)} is none of header:NAME, cookie:NAME, query:NAME`);
      else found.push({ kind: kind as TokenSource['kind'], name: kind === 'header' ? name.toLowerCase() : name });
    }
    return found.length > 0 ? found : [{ kind: 'header', name: 'authorization' }];
  }

  headerField(): string {
    const name = this.keys.text('jwt/headerfield');
    const problem = name === '' ? '' : fieldNameProblem(name);
    if (problem !== '') this.reject('jwt/headerfield', problem);
    return name.toLowerCase();
  }

  /** Where keys come from: at least one place, and a secret only by itself. */
  checkOrigin(jwksUrl: string, keys: readonly VerificationKey[], secret: string): void {
    if (secret !== '' && (jwksUrl !== '' || keys.length > 0)) {
      this.reject('jwt/secret', 'a secret and public keys exclude each other');
    } else if (secret === '' && jwksUrl === '' && keys.length === 0 && !this.keys.isRejected) {
      this.reject('jwt/jwksurl', 'no key is given: write jwt/jwksurl, jwt/keys/NAME or jwt/secret');
    }
  }
}

function jwkOf(text: string, name: string): VerificationKey | string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return 'it is neither a PEM text nor JSON';
  }
  const key = readJwk(value);
  return typeof key === 'string' || key.kid !== '' ? key : { ...key, kid: name };
}

export const JWT: Kind<JwtOptions> = {
  name: 'jwt',
  protects: ['jwt'],
  keys: KEYS,

  parse(keys) {
    const reader = new Reader(keys);
    const secret = reader.secret();
    const options = {
      jwksUrl: reader.jwksUrl(),
      keys: reader.publicKeys(),
      secret,
      algorithms: reader.algorithms(secret !== '' || keys.has('jwt/secret')),
      issuers: reader.expected('jwt/issuer', 'iss'),
      audiences: reader.expected('jwt/audience', 'aud'),
      leewaySeconds: reader.leewaySeconds(),
      requireExp: keys.flag('jwt/requireexp', true),
      claims: reader.claims(),
      forwardClaims: reader.forwardClaims(),
      sources: reader.sources(),
      removeToken: keys.flag('jwt/removetoken'),
      optional: keys.flag('jwt/optional'),
      headerField: reader.headerField(),
    };
    reader.checkOrigin(options.jwksUrl, options.keys, secret);
    return keys.isRejected ? REJECTED : options;
  },

  /** Never a secret; of a URL nothing that may be one. */
  show({ jwksUrl, keys, algorithms, issuers, audiences, optional, headerField }) {
    return {
      ...(jwksUrl !== '' && { jwksUrl: jwksUrl.replace(/\?.*$/, '') }),
      ...(keys.length > 0 && { keys: keys.map(({ kid }) => kid) }),
      algorithms,
      ...(issuers.length > 0 && { issuer: issuers }),
      ...(audiences.length > 0 && { audience: audiences }),
      ...(optional && { optional }),
      ...(headerField !== '' && { headerField }),
    };
  },

  keySets({ jwksUrl }) {
    return jwksUrl === '' ? [] : [{ key: 'jwt/jwksurl', url: jwksUrl }];
  },
};
