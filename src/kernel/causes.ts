/**
 * Why exchanges end: exactly one of these for each (shared/spec logs §2.2), and of all events the first that decided it. The
 * list is closed: whatever answers or breaks a response has a row here.
 *
 * `status`: what the client is sent; SENT: what had gone out before. `haproxy`: the two letters of HAProxy's log for the same
 * (its configuration manual §8.5), one pair per phase; `envoy`: the response flag of Envoy's, '' for none.
 */

/** In the place of a status: that of the response which had begun, or was passed on. */
export const SENT = '=';

export type Cause = {
  /** In logs, metrics and traces. */
  readonly name: string;
  readonly status: readonly (number | typeof SENT)[];
  readonly haproxy: readonly string[];
  readonly envoy: string;
};

const TABLE = `
  ok                  =                    --           -
  error_page          =                    --           -
  redirect            301,302,307,308      LR           -
  preflight           200                  LR           -
  bad_request         400,=                PR,CD        DPE
  plain_http          400                  PR           DPE
  head_too_large      431,414              PR           DPE
  no_connect          501                  PR           DPE
  no_upgrade          501                  PR           DPE
  unknown_coding      501                  PR           DPE
  bad_method          501                  PR           DPE
  bad_version         505                  PR           DPE
  misdirected         421                  PR           NR
  request_timeout     408,=                cR           SI
  body_too_large      413,=                PR           -
  client_closed       499                  CR,CQ,CC,CH  DC
  client_reset        =                    CD           DC
  client_slow         =                    cD           SI
  no_route            404                  PR           NR
  strip_mismatch      404                  PR           NR
  forbidden           403,=                PR           -
  bad_host            500                  PR           -
  unauthorized        401                  PR           UAEX
  auth_refused        =                    PR           UAEX
  auth_error          500                  PR           UAEX
  auth_config         500                  PR           -
  jwt_refused         401                  PR           UAEX
  jwt_claims          403                  PR           UAEX
  jwt_keys            503                  PR           UAEX
  rate_limited        429                  PR           RL
  max_connections     429                  PR           UO
  overloaded          503,=                RR           OM
  over_budget         503,=                RR           OM
  no_descriptors      503,=                RR           OM
  not_ready           503                  RR           NR
  draining            503                  PR           -
  circuit_open        503                  PC           UO
  no_server           503                  SC           UH
  all_weights_zero    500                  SC           UH
  queue_full          503                  PQ           UO
  queue_timeout       503                  sQ           UO
  bad_redirect        502,500              PR           -
  unsupported_scheme  500                  IC           -
  dns_failed          502                  SC           DF
  connect_failed      502                  SC           UF
  connect_timeout     504                  sC           UF
  tls_failed          500                  SC           UF
  stream_refused      502                  SC           UR
  unwritten           502                  SC           UC
  upstream_closed     502                  SH           UC
  stream_reset        500,=                SH,SD        UR
  header_timeout      504                  sH           UT
  held_up             504                  sQ           UT
  bad_response        502,=                PH,PD        UPE
  response_too_large  502,500,=            PH,PD        -
  response_timeout    504,=                sH,sD        UT,UMSDR
  body_timeout        504,=                sD           SI
  truncated           502,=                SD           UC
  server_removed      =                    DD           LR
  drain_deadline      503,=                KD           LR
  internal            500,=                I-           -
`;

/** In the order of the specification; the first one is `ok`. */
export const CAUSES: readonly Cause[] = TABLE.trim()
  .split('\n')
  .map((line) => {
    const [name, status, haproxy, envoy] = line.trim().split(/ +/);
    return Object.freeze({
      name,
      status: status.split(',').map((one) => (one === SENT ? SENT : Number(one))),
      haproxy: haproxy.split(','),
      envoy: envoy === '-' ? '' : envoy,
    });
  });

const NUMBERS: ReadonlyMap<string, number> = new Map(CAUSES.map(({ name }, number) => [name, number]));
const INTERNAL = CAUSES.length - 1;

/** Its place in CAUSES; that of `internal` for what is none. */
export function causeNumber(name: string): number {
  // Nearly all of them, and one look at a reference.
  return name === 'ok' ? 0 : (NUMBERS.get(name) ?? INTERNAL);
}

/** Of those whose response may have been whole, whoever has sent it. */
const WHOLE: ReadonlySet<string> = new Set(['ok', 'error_page', 'auth_refused']);
const BREAKING: ReadonlyMap<string, Cause> = new Map(
  CAUSES.filter(({ name, status }) => status.includes(SENT) && !WHOLE.has(name)).map((cause) => [cause.name, cause]),
);

/** The exchange has that cause, and a response with `status` had begun and did not come to its end. */
export function isBroken(cause: string, status: number): boolean {
  if (cause === 'ok') return false;
  const row = BREAKING.get(cause);
  return row !== undefined && !row.status.includes(status);
}
