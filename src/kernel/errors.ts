/**
 * The one catalogue of what can go wrong, for both planes.
 *
 * The data plane passes `Fault` records: frozen, made once, without a stack, because an outage of a server must not
 * become a CPU problem of ours. The control plane throws `TsujiError`. Match on `code`, never on text.
 */

/** Where a fault comes from: the client's side, the server's side, ourselves, or the configuration. */
export type FaultSource = 'downstream' | 'upstream' | 'internal' | 'config';

/**
 * May the exchange be tried again? `unsent`: nothing of the request reached a server, so always safe; `unprocessed`: the
 * server did not look at it (RFC 9113 §8.7) or was not given it, so safe while its body is still ours; `reused`: only when the
 * connection was a reused one and the method is idempotent (RFC 9110 §9.2.2, RFC 9112 §9.3.1); `never`.
 */
export type FaultRetry = 'unsent' | 'unprocessed' | 'reused' | 'never';

export type Fault = {
  readonly code: string;
  /** Why an exchange ends that ends with it: a row of causes.ts. */
  readonly cause: string;
  readonly source: FaultSource;
  readonly retry: FaultRetry;
  /** Status of the local reply, and the one that metrics count when the head was not out yet. */
  readonly status: number;
  /** Body of the local reply (shared/spec proxying §7), `text/plain; charset=utf-8`. */
  readonly body: string;
  /** What an operator reads in the log. */
  readonly text: string;
};

function fault(
  code: string,
  source: FaultSource,
  retry: FaultRetry,
  status: number,
  body: string,
  text: string,
): Fault {
  return Object.freeze({ code, cause: code.toLowerCase(), source, retry, status, body, text });
}

const BAD_GATEWAY = 'Bad Gateway';
const GATEWAY_TIMEOUT = 'Gateway Timeout';
const SERVER_ERROR = 'Internal Server Error';

export const FAULTS = Object.freeze({
  badRequest: fault('BAD_REQUEST', 'downstream', 'never', 400, '400 Bad Request', 'the request is malformed'),
  plainHttp: fault(
    'PLAIN_HTTP',
    'downstream',
    'never',
    400,
    'Client sent an HTTP request to an HTTPS server.\n',
    'a client speaks cleartext HTTP to a TLS entrypoint',
  ),
  noConnect: fault('NO_CONNECT', 'downstream', 'never', 501, 'Not Implemented', 'CONNECT is for forward proxies'),
  noUpgrade: fault(
    'NO_UPGRADE',
    'downstream',
    'never',
    501,
    'Not Implemented: no upgrade to that protocol is made here',
    'an upgrade that uWebSockets cannot make',
  ),
  unknownCoding: fault(
    'UNKNOWN_CODING',
    'downstream',
    'never',
    501,
    'Not Implemented',
    'the body of the request comes in a transfer coding other than chunked',
  ),
  badMethod: fault(
    'BAD_METHOD',
    'downstream',
    'never',
    501,
    'Not Implemented',
    'the method of the request is too long',
  ),
  badVersion: fault(
    'BAD_VERSION',
    'downstream',
    'never',
    505,
    'HTTP Version Not Supported',
    'the request is of a version that is not HTTP/1',
  ),
  misdirected: fault(
    'MISDIRECTED',
    'downstream',
    'never',
    421,
    'Misdirected Request',
    'the certificate of the connection is not for the host of the request',
  ),
  headTooLarge: fault(
    'HEAD_TOO_LARGE',
    'downstream',
    'never',
    431,
    'Request Header Fields Too Large',
    'too many or too long header fields',
  ),
  clientClosed: fault(
    'CLIENT_CLOSED',
    'downstream',
    'never',
    499,
    'Client Closed Request',
    'the client closed the connection',
  ),
  clientReset: fault(
    'CLIENT_RESET',
    'downstream',
    'never',
    499,
    'Client Closed Request',
    'the client closed the connection before it had all of the response',
  ),
  clientSlow: fault(
    'CLIENT_SLOW',
    'downstream',
    'never',
    499,
    'Client Closed Request',
    'the client did not take the response in time',
  ),
  noRoute: fault('NO_ROUTE', 'config', 'never', 404, '404 page not found\n', 'no frontend matches'),
  stripMismatch: fault(
    'STRIP_MISMATCH',
    'config',
    'never',
    404,
    '404 page not found\n',
    'the path does not begin with what the rule of the frontend strips',
  ),
  notReady: fault(
    'NOT_READY',
    'config',
    'never',
    503,
    'Service Unavailable',
    'no routes have been loaded since the start',
  ),
  bodyTooLarge: fault(
    'BODY_TOO_LARGE',
    'downstream',
    'never',
    413,
    'Request Entity Too Large',
    'the body of the request is longer than a limit allows',
  ),
  targetTooLong: fault(
    'HEAD_TOO_LARGE',
    'downstream',
    'never',
    414,
    'URI Too Long',
    'the target of the request is longer than a limit allows',
  ),
  responseTooLarge: fault(
    'RESPONSE_TOO_LARGE',
    'upstream',
    'never',
    502,
    BAD_GATEWAY,
    'the body of the response is longer than a limit allows',
  ),
  responseOverBuffer: fault(
    'RESPONSE_TOO_LARGE',
    'upstream',
    'never',
    500,
    SERVER_ERROR,
    'the body of the response is longer than its backend buffers',
  ),
  unauthorized: fault(
    'UNAUTHORIZED',
    'downstream',
    'never',
    401,
    '401 Unauthorized\n',
    'no name and password, or wrong ones',
  ),
  authConfig: fault(
    'AUTH_CONFIG',
    'config',
    'never',
    500,
    `${SERVER_ERROR}\n`,
    'an auth section names no way to get in',
  ),
  jwtRefused: fault(
    'JWT_REFUSED',
    'downstream',
    'never',
    401,
    '401 Unauthorized\n',
    'no token, or one that is not good',
  ),
  jwtClaims: fault(
    'JWT_CLAIMS',
    'downstream',
    'never',
    403,
    'Forbidden',
    'the claims of the token are not those that its frontend asks for',
  ),
  jwtKeys: fault(
    'JWT_KEYS',
    'config',
    'never',
    503,
    'Service Unavailable',
    'there are no keys that tokens could be verified with',
  ),
  forbidden: fault(
    'FORBIDDEN',
    'downstream',
    'never',
    403,
    'Forbidden',
    'the client is not in the list of allowed addresses',
  ),
  badHost: fault('BAD_HOST', 'downstream', 'never', 500, 'Bad Host\n', 'the frontend does not serve that host'),
  badRedirect: fault(
    'BAD_REDIRECT',
    'config',
    'never',
    502,
    BAD_GATEWAY,
    'what the redirect makes of this request is no URL',
  ),
  noServer: fault('NO_SERVER', 'config', 'never', 503, 'Service Unavailable', 'the backend has no server'),
  circuitOpen: fault(
    'CIRCUIT_OPEN',
    'upstream',
    'never',
    503,
    'Service Unavailable',
    'the circuit breaker of the backend is open',
  ),
  allWeightsZero: fault(
    'ALL_WEIGHTS_ZERO',
    'config',
    'never',
    500,
    SERVER_ERROR,
    'every server of the backend has weight 0',
  ),
  dnsFailed: fault('DNS_FAILED', 'upstream', 'unsent', 502, BAD_GATEWAY, 'the name of the server does not resolve'),
  connectRefused: fault('CONNECT_FAILED', 'upstream', 'unsent', 502, BAD_GATEWAY, 'the server cannot be reached'),
  connectTimeout: fault(
    'CONNECT_TIMEOUT',
    'upstream',
    'unsent',
    504,
    GATEWAY_TIMEOUT,
    'the server did not accept the connection in time',
  ),
  upstreamClosed: fault(
    'UPSTREAM_CLOSED',
    'upstream',
    'reused',
    502,
    BAD_GATEWAY,
    'the server closed the connection before it answered',
  ),
  heldUp: fault(
    'HELD_UP',
    'upstream',
    'reused',
    504,
    GATEWAY_TIMEOUT,
    'a response before this one on the same connection takes too long',
  ),
  streamRefused: fault(
    'STREAM_REFUSED',
    'upstream',
    'unprocessed',
    502,
    BAD_GATEWAY,
    'the server refused the request before it looked at it',
  ),
  sessionEnded: fault(
    'STREAM_REFUSED',
    'upstream',
    'unprocessed',
    502,
    BAD_GATEWAY,
    'the server ended the HTTP/2 connection before it looked at the request',
  ),
  unwritten: fault(
    'UNWRITTEN',
    'upstream',
    'unprocessed',
    502,
    BAD_GATEWAY,
    'the connection ended before the request was written to it',
  ),
  streamReset: fault('STREAM_RESET', 'upstream', 'never', 500, SERVER_ERROR, 'the server reset the HTTP/2 stream'),
  headerTimeout: fault(
    'HEADER_TIMEOUT',
    'upstream',
    'never',
    504,
    GATEWAY_TIMEOUT,
    'the server sent no response head in time',
  ),
  tlsFailed: fault('TLS_FAILED', 'upstream', 'unsent', 500, SERVER_ERROR, 'the TLS handshake with the server failed'),
  requestTimeout: fault(
    'REQUEST_TIMEOUT',
    'downstream',
    'never',
    408,
    'Request Timeout',
    'the request did not come in time',
  ),
  responseTimeout: fault(
    'RESPONSE_TIMEOUT',
    'upstream',
    'never',
    504,
    GATEWAY_TIMEOUT,
    'the response was not done in time',
  ),
  bodyTimeout: fault(
    'BODY_TIMEOUT',
    'upstream',
    'never',
    504,
    GATEWAY_TIMEOUT,
    'the server fell silent before the end of its response',
  ),
  badResponse: fault('BAD_RESPONSE', 'upstream', 'never', 502, BAD_GATEWAY, 'the response of the server is malformed'),
  truncated: fault('TRUNCATED', 'upstream', 'never', 502, BAD_GATEWAY, 'the server ended the response before its end'),
  unsupportedScheme: fault(
    'UNSUPPORTED_SCHEME',
    'config',
    'never',
    500,
    SERVER_ERROR,
    'the scheme of the server URL is not supported',
  ),
  noDescriptors: fault(
    'NO_DESCRIPTORS',
    'internal',
    'never',
    503,
    'Service Unavailable',
    'no file descriptor is left for a connection to a server, or for a body on disk (ulimit -n)',
  ),
  overBudget: fault(
    'OVER_BUDGET',
    'internal',
    'never',
    503,
    'Service Unavailable',
    'more waits for a slow peer than --limits.workerBuffers or --limits.connectionBuffers allow',
  ),
  queueFull: fault(
    'QUEUE_FULL',
    'internal',
    'never',
    503,
    'Service Unavailable',
    'as many requests as may wait for the backend do',
  ),
  queueTimeout: fault(
    'QUEUE_TIMEOUT',
    'internal',
    'never',
    503,
    'Service Unavailable',
    'the request has waited too long for the backend',
  ),
  overloaded: fault('OVERLOADED', 'internal', 'never', 503, 'Service Unavailable', 'the worker is short of memory'),
  overDisk: fault(
    'OVERLOADED',
    'internal',
    'never',
    503,
    'Service Unavailable',
    'more is kept on disk than --buffering.maxDisk allows',
  ),
  draining: fault(
    'DRAINING',
    'internal',
    'never',
    503,
    'Service Unavailable',
    'the request began when tsuji had ended all others',
  ),
  drainDeadline: fault(
    'DRAIN_DEADLINE',
    'internal',
    'never',
    503,
    'Service Unavailable',
    'tsuji ended before the exchange did',
  ),
  diskFailed: fault('INTERNAL', 'internal', 'never', 500, SERVER_ERROR, 'a body cannot be kept in --buffering.dir'),
  internal: fault('INTERNAL', 'internal', 'never', 500, SERVER_ERROR, 'an error inside tsuji'),
});

/** The refusal of `maxconn` (shared/spec kv-schema §4.3). Made once per backend, because its body has a number in it. */
export function maxConnectionsFault(amount: number): Fault {
  const body = `max connections reached: ${amount}`;
  return fault('MAX_CONNECTIONS', 'downstream', 'never', 429, body, 'too many requests of one source are in progress');
}

/** The refusal of a deny list (shared/spec frontend-options §3.2). */
export function deniedFault(status: number): Fault {
  return fault(
    'FORBIDDEN',
    'downstream',
    'never',
    status,
    'Forbidden',
    'the client is in the list of denied addresses',
  );
}

/** The refusal of a rate limit (shared/spec frontend-options §2.5). One per rate. `delay`: Go's text of a duration. */
export function rateLimitedFault(delay: string): Fault {
  const body = `max rate reached: retry-in ${delay}`;
  return fault('RATE_LIMITED', 'downstream', 'never', 429, body, 'a source asks more often than its frontend allows');
}

/** An error of the control plane. `message` names what is wrong and why, so that it can be shown as it stands. */
export class TsujiError extends Error {
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'TsujiError';
    this.code = code;
  }
}

export type ListenFailure = { readonly entrypoint: string; readonly address: string; readonly reason: string };

/** An address cannot be listened on. */
export class ListenError extends TsujiError {
  readonly failure: ListenFailure;

  constructor(code: 'LISTEN_FAILED' | 'ADMIN_LISTEN', failure: ListenFailure, options?: ErrorOptions) {
    const { entrypoint, address, reason } = failure;
    super(code, `entrypoint ${entrypoint}: cannot listen on ${address}: ${reason}`, options);
    this.failure = failure;
  }
}

/** The text of anything that was thrown. */
export function reasonOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
