/**
 * Names that people try: those of Traefik 2 and 3 for what is called otherwise here or is not offered (shared/spec
 * frontend-options §3.15), and those that belong below the other kind of object. The only list of them.
 */

export type ForeignName = {
  /** What to write instead, or why there is nothing of the kind: what whoever writes it is told. */
  readonly hint: string;
  /** Name of the kind in whose place it was probably written, where that protects: without it the frontend must not be served. */
  readonly protects?: string;
};

type Row = readonly [name: string, hint: string, protects?: string];

function table(rows: readonly Row[]): ReadonlyMap<string, ForeignName> {
  return new Map(
    rows.map(([name, hint, protects]) => [name, { hint, ...(protects === undefined ? {} : { protects }) }]),
  );
}

const inRule = (modifier: string): string => `it is written in a rule, routes/R/rule, as ${modifier}:…`;
const ofBackend = (key: string): string => `it belongs to a backend: write backends/B/${key}`;
const ofFrontend = (key: string): string => `it belongs to a frontend: write frontends/F/${key}`;

/** By the first part of a key below `frontends/F/`, in lower case. */
export const FOREIGN_IN_FRONTENDS = table([
  // What protects.
  ['ipallowlist', 'it is called whitelist here: write whitelist/sourcerange', 'whiteList'],
  ['ipwhitelist', 'it is called whitelist here: write whitelist/sourcerange', 'whiteList'],
  ['digestauth', 'it is called auth/digest here: write auth/digest/users', 'auth'],
  ['forwardauth', 'it is called auth/forward here: write auth/forward/address', 'auth'],
  ['inflightreq', 'not offered for a frontend: write backends/B/maxconn/amount', 'limits'],
  // Nobody knows what was in them.
  ['middlewares', 'there are no lists of middlewares: write the options themselves, their order is fixed', 'auth'],
  ['chain', 'not offered: the options of a frontend are all in force, and their order is fixed', 'auth'],
  ['plugin', 'not offered: no code of others runs in tsuji; write auth/forward to ask a server of yours', 'auth'],
  // What is called otherwise.
  ['addprefix', inRule('AddPrefix')],
  ['replacepath', inRule('ReplacePath')],
  ['replacepathregex', inRule('ReplacePathRegex')],
  ['stripprefix', inRule('PathPrefixStrip')],
  ['stripprefixregex', inRule('PathPrefixStripRegex')],
  ['redirectregex', 'it is called redirect here: write redirect/regex and redirect/replacement'],
  ['redirectscheme', 'it is called redirect here: write redirect/entrypoint'],
  ['rule', 'a rule has a name: write routes/R/rule'],
  ['service', 'it is called backend here: write backend'],
  ['weighted', 'it is called split here: write split/entries/S/backend'],
  // What is not offered.
  ['contenttype', 'not offered: tsuji never guesses a Content-Type, so there is nothing to switch off'],
  ['encodedcharacters', 'not offered: what is encoded in a path goes to the server as it came'],
  ['grpcweb', 'not offered: gRPC passes as it is, and is not translated for browsers'],
  ['tls', 'TLS is a matter of the entrypoint; a certificate is written as tls/T/certificate, beside frontends'],
  // What belongs to a backend.
  ['buffering', ofBackend('buffering')],
  ['circuitbreaker', ofBackend('circuitbreaker/expression')],
  ['failover', ofBackend('failover')],
  ['healthcheck', ofBackend('healthcheck')],
  ['loadbalancer', ofBackend('loadbalancer')],
  ['maxconn', ofBackend('maxconn/amount')],
  ['retry', ofBackend('retry')],
  ['servers', ofBackend('servers/S/url')],
]);

/** The same below `backends/B/`. */
export const FOREIGN_IN_BACKENDS = table([
  ['serverstransport', 'it is called timeouts and tls here: write timeouts/connect, tls/ca'],
  ['weighted', ofFrontend('split/entries/S/backend')],
  ['mirroring', ofFrontend('mirrors/M/backend')],
  ['mirrors', ofFrontend('mirrors/M/backend')],
  ['inflightreq', 'it is called maxconn here: write maxconn/amount'],
  ['auth', ofFrontend('auth')],
  ['compress', ofFrontend('compress')],
  ['errors', ofFrontend('errors')],
  ['headers', ofFrontend('headers')],
  ['limits', ofFrontend('limits')],
  ['passhostheader', ofFrontend('passhostheader')],
  ['ratelimit', ofFrontend('ratelimit')],
  ['redirect', ofFrontend('redirect')],
  ['routes', ofFrontend('routes/R/rule')],
  ['split', ofFrontend('split')],
  ['whitelist', ofFrontend('whitelist')],
]);
