/**
 * One line of the access log before it has a form: what is known of an exchange at its end. One per worker, filled for each
 * line. Texts are raw; those of a head with `latin1` have one character per byte.
 */
export class Entry {
  /** Milliseconds since 1970, when its head was here and when the line is made. */
  wall = 0;
  now = 0;
  /** Nanoseconds, whole; -1: not reached. Their sum is `total`. */
  guard = -1;
  queue = -1;
  connect = -1;
  lost = -1;
  firstByte = -1;
  data = -1;
  total = 0;
  /** -1: there is none. */
  origin = -1;

  /** As Traefik prints it. */
  clientHost = '';
  clientAddress = '';
  clientPort = 0;
  /** '' for none. */
  user = '';
  latin1 = false;
  method = '';
  /** Path and query, encoded as Traefik does it. */
  path = '';
  /** `HTTP/1.1` */
  protocol = '';
  scheme: 'http' | 'https' = 'http';
  /** '' for none. */
  host = '';
  requestBytes = 0;

  status = 0;
  sentBytes = 0;
  /** 0: there is none. */
  originStatus = 0;
  originBytes = 0;

  count = 0;
  retries = 0;
  /** Servers that were asked. */
  tries = 0;
  /** Names as Traefik has them, '' for none. */
  frontendName = '';
  backendName = '';
  /** Of the server, or the path of the request where Traefik says that; '' for none. */
  url = '';
  /** host:port of that, '' for none. */
  address = '';
  /** A number of frontend, backend and server, with which all names and addresses of them are the same; 0: of none. */
  place = 0;
  /** Ours, '' for none. */
  frontend = '';
  backend = '';
  server = '';

  entryPoint = '';
  worker = 0;
  cause = '';
  requestId = '';
  traceId = '';
  spanId = '';
  reused = false;
  /** '1.1' or '2', '' where no connection was used. */
  upstreamProtocol = '';
  upstreamAddress = '';
  /** Below 1 where it was one of many. */
  sampleRate = 1;
  /** Of the auth cache; null: none was asked. */
  cacheHit: boolean | null = null;

  /** '' in the clear, and where the engine does not tell. */
  tlsVersion = '';
  tlsCipher = '';
  tlsResumed = false;
  tlsSubject = '';

  /** `name: value\r\n` lines as they came, for Referer and User-Agent. */
  clientFields = '';
  /** The same as middlewares have left them, without the request id, which stands beside them where `isIdSent`. */
  requestFields = '';
  isIdSent = false;
  /** The forwarded lines that were added. */
  forwardedFields = '';
  /** Heads of the server's response and of what was sent, a character per byte: status line, `\r\n` before each field. */
  originHead = '';
  sentHead = '';

  /** Its longest texts. */
  forgetHeads(): void {
    this.clientFields = '';
    this.requestFields = '';
    this.forwardedFields = '';
    this.originHead = '';
    this.sentHead = '';
  }
}
