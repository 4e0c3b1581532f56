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
const SERVER_ERROR = 'Internal Server Error';

/** The request of the client is refused. */
function refusal(code: string, status: number, body: string, text: string): Fault {
  return fault(code, 'downstream', 'never', status, body, text);
}

function notImplemented(code: string, text: string): Fault {
  return refusal(code, 501, 'Not Implemented', text);
}

/** The client is gone, or was ended: the status is only counted (as nginx's). */
function clientLeft(code: string, text: string): Fault {
  return refusal(code, 499, 'Client Closed Request', text);
}

function serverError(code: string, source: FaultSource, text: string): Fault {
  return fault(code, source, 'never', 500, SERVER_ERROR, text);
}

function unavailable(code: string, source: FaultSource, text: string): Fault {
  return fault(code, source, 'never', 503, 'Service Unavailable', text);
}

function badGateway(code: string, retry: FaultRetry, text: string): Fault {
  return fault(code, 'upstream', retry, 502, BAD_GATEWAY, text);
}

function gatewayTimeout(code: string, retry: FaultRetry, text: string): Fault {
  return fault(code, 'upstream', retry, 504, 'Gateway Timeout', text);
}

export const FAULTS = Object.freeze({
  badRequest: refusal('BAD_REQUEST', 400, '400 Bad Request', 'the request is malformed'),
  plainHttp: refusal(
    'PLAIN_HTTP',
    400,
    'Client sent an HTTP request to an HTTPS server.\n',
    'a client speaks cleartext HTTP to a TLS entrypoint',
  ),
  noConnect: notImplemented('NO_CONNECT', 'CONNECT is for forward proxies'),
  noUpgrade: refusal(
    'NO_UPGRADE',
    501,
    'Not Implemented: no upgrade to that protocol is made here',
    'an upgrade that uWebSockets cannot make',
  ),
  unknownCoding: notImplemented(
    'UNKNOWN_CODING',
    'the body of the request comes in a transfer coding other than chunked',
  ),
  badMethod: notImplemented('BAD_METHOD', 'the method of the request is too long'),
  badVersion: refusal(
    'BAD_VERSION',
    505,
    'HTTP Version Not Supported',
    'the request is of a version that is not HTTP/1',
  ),
  misdirected: refusal(
    'MISDIRECTED',
    421,
    'Misdirected Request',
    'the certificate of the connection is not for the host of the request',
  ),
  headTooLarge: refusal('HEAD_TOO_LARGE', 431, 'Request Header Fields Too Large', 'too many or too long header fields'),
  clientClosed: clientLeft('CLIENT_CLOSED', 'the client closed the connection'),
  clientReset: clientLeft('CLIENT_RESET', 'the client closed the connection before it had all of the response'),
  clientSlow: clientLeft('CLIENT_SLOW', 'the client did not take the response in time'),
  noRoute: fault('NO_ROUTE', 'config', 'never', 404, '404 page not found\n', 'no frontend matches'),
  stripMismatch: fault(
    'STRIP_MISMATCH',
    'config',
    'never',
    404,
    '404 page not found\n',
    'the path does not begin with what the rule of the frontend strips',
  ),
  notReady: unavailable('NOT_READY', 'config', 'no routes have been loaded since the start'),
  bodyTooLarge: refusal(
    'BODY_TOO_LARGE',
    413,
    'Request Entity Too Large',
    'the body of the request is longer than a limit allows',
  ),
  targetTooLong: refusal(
    'HEAD_TOO_LARGE',
    414,
    'URI Too Long',
    'the target of the request is longer than a limit allows',
  ),
  responseTooLarge: badGateway('RESPONSE_TOO_LARGE', 'never', 'the body of the response is longer than a limit allows'),
  responseOverBuffer: serverError(
    'RESPONSE_TOO_LARGE',
    'upstream',
    'the body of the response is longer than its backend buffers',
  ),
  unauthorized: refusal('UNAUTHORIZED', 401, '401 Unauthorized\n', 'no name and password, or wrong ones'),
  authConfig: fault(
    'AUTH_CONFIG',
    'config',
    'never',
    500,
    `${SERVER_ERROR}\n`,
    'an auth section names no way to get in',
  ),
  jwtRefused: refusal('JWT_REFUSED', 401, '401 Unauthorized\n', 'no token, or one that is not good'),
  jwtClaims: refusal(
    'JWT_CLAIMS',
    403,
    'Forbidden',
    'the claims of the token are not those that its frontend asks for',
  ),
  jwtKeys: unavailable('JWT_KEYS', 'config', 'there are no keys that tokens could be verified with'),
  forbidden: refusal('FORBIDDEN', 403, 'Forbidden', 'the client is not in the list of allowed addresses'),
  badHost: refusal('BAD_HOST', 500, 'Bad Host\n', 'the frontend does not serve that host'),
  badRedirect: fault(
    'BAD_REDIRECT',
    'config',
    'never',
    502,
    BAD_GATEWAY,
    'what the redirect makes of this request is no URL',
  ),
  noServer: unavailable('NO_SERVER', 'config', 'the backend has no server'),
  circuitOpen: unavailable('CIRCUIT_OPEN', 'upstream', 'the circuit breaker of the backend is open'),
  allWeightsZero: serverError('ALL_WEIGHTS_ZERO', 'config', 'every server of the backend has weight 0'),
  dnsFailed: badGateway('DNS_FAILED', 'unsent', 'the name of the server does not resolve'),
  connectRefused: badGateway('CONNECT_FAILED', 'unsent', 'the server cannot be reached'),
  connectTimeout: gatewayTimeout('CONNECT_TIMEOUT', 'unsent', 'the server did not accept the connection in time'),
  upstreamClosed: badGateway('UPSTREAM_CLOSED', 'reused', 'the server closed the connection before it answered'),
  heldUp: gatewayTimeout('HELD_UP', 'reused', 'a response before this one on the same connection takes too long'),
  streamRefused: badGateway('STREAM_REFUSED', 'unprocessed', 'the server refused the request before it looked at it'),
  sessionEnded: badGateway(
    'STREAM_REFUSED',
    'unprocessed',
    'the server ended the HTTP/2 connection before it looked at the request',
  ),
  unwritten: badGateway('UNWRITTEN', 'unprocessed', 'the connection ended before the request was written to it'),
  streamReset: serverError('STREAM_RESET', 'upstream', 'the server reset the HTTP/2 stream'),
  headerTimeout: gatewayTimeout('HEADER_TIMEOUT', 'never', 'the server sent no response head in time'),
  tlsFailed: fault('TLS_FAILED', 'upstream', 'unsent', 500, SERVER_ERROR, 'the TLS handshake with the server failed'),
  requestTimeout: refusal('REQUEST_TIMEOUT', 408, 'Request Timeout', 'the request did not come in time'),
  responseTimeout: gatewayTimeout('RESPONSE_TIMEOUT', 'never', 'the response was not done in time'),
  bodyTimeout: gatewayTimeout('BODY_TIMEOUT', 'never', 'the server fell silent before the end of its response'),
  badResponse: badGateway('BAD_RESPONSE', 'never', 'the response of the server is malformed'),
  truncated: badGateway('TRUNCATED', 'never', 'the server ended the response before its end'),
  unsupportedScheme: serverError('UNSUPPORTED_SCHEME', 'config', 'the scheme of the server URL is not supported'),
  noDescriptors: unavailable(
    'NO_DESCRIPTORS',
    'internal',
    'no file descriptor is left for a connection to a server, or for a body on disk (ulimit -n)',
  ),
  overBudget: unavailable(
    'OVER_BUDGET',
    'internal',
    'more waits for a slow peer than --limits.workerBuffers or --limits.connectionBuffers allow',
  ),
  queueFull: unavailable('QUEUE_FULL', 'internal', 'as many requests as may wait for the backend do'),
  queueTimeout: unavailable('QUEUE_TIMEOUT', 'internal', 'the request has waited too long for the backend'),
  overloaded: unavailable('OVERLOADED', 'internal', 'the worker is short of memory'),
  overDisk: unavailable('OVERLOADED', 'internal', 'more is kept on disk than --buffering.maxDisk allows'),
  draining: unavailable('DRAINING', 'internal', 'the request began when tsuji had ended all others'),
  drainDeadline: unavailable('DRAIN_DEADLINE', 'internal', 'tsuji ended before the exchange did'),
  diskFailed: serverError('INTERNAL', 'internal', 'a body cannot be kept in --buffering.dir'),
  internal: serverError('INTERNAL', 'internal', 'an error inside tsuji'),
});

/** The refusal of `maxconn` (shared/spec kv-schema §4.3). Made once per backend, because its body has a number in it. */
export function maxConnectionsFault(amount: number): Fault {
  const body = `max connections reached: ${amount}`;
  return refusal('MAX_CONNECTIONS', 429, body, 'too many requests of one source are in progress');
}

/** The refusal of a deny list (shared/spec frontend-options §3.2). */
export function deniedFault(status: number): Fault {
  return refusal('FORBIDDEN', status, 'Forbidden', 'the client is in the list of denied addresses');
}

/** The refusal of a rate limit (shared/spec frontend-options §2.5). One per rate. `delay`: Go's text of a duration. */
export function rateLimitedFault(delay: string): Fault {
  const body = `max rate reached: retry-in ${delay}`;
  return refusal('RATE_LIMITED', 429, body, 'a source asks more often than its frontend allows');
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
