/** How a backend's servers are chosen, as the keys ask for it: what the model reads, the table carries and workers obey. */

/** `wrr` and `drr` are Traefik's (shared/spec kv-schema §4.1), the others ours. */
export const METHODS = ['wrr', 'drr', 'leastconn', 'p2c', 'hash'] as const;
export type Method = (typeof METHODS)[number];

/** What `hash` looks at, spelt as Traefik's extractor functions are. */
export type HashSource =
  | { readonly from: 'ip' | 'host' | 'uri' | 'path' }
  /** `name` in lower case. */
  | { readonly from: 'header'; readonly name: string }
  | { readonly from: 'cookie'; readonly name: string };

const PLAIN_SOURCES: Readonly<Record<string, HashSource>> = {
  'client.ip': { from: 'ip' },
  'request.host': { from: 'host' },
  'request.uri': { from: 'uri' },
  'request.path': { from: 'path' },
};
/** A token (RFC 9110 §5.6.2). */
const NAMED_SOURCE = /^request\.(header|cookie)\.([A-Za-z0-9!#$%&'*+.^_`|~-]+)$/;

/** null for a text that is none of `client.ip`, `request.{host,uri,path}`, `request.{header,cookie}.<Name>`. */
export function parseHashSource(text: string): HashSource | null {
  if (Object.hasOwn(PLAIN_SOURCES, text)) return PLAIN_SOURCES[text];
  const named = NAMED_SOURCE.exec(text);
  if (named === null) return null;
  return named[1] === 'header' ? { from: 'header', name: named[2].toLowerCase() } : { from: 'cookie', name: named[2] };
}

/** A session cookie that holds the URL of its server (kv-schema §4.2). */
export type StickyOptions = {
  readonly cookie: string;
  readonly secure: boolean;
  readonly httpOnly: boolean;
  readonly sameSite: '' | 'none' | 'lax' | 'strict';
};
