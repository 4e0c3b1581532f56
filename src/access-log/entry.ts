/**
 * One line of the access log before it has a form: what is known of an exchange at its end. Texts are raw; those of a head with
 * `latin1` have one character per byte.
 */
import { Course } from './course.ts';

export class Entry {
  course = new Course();
  latin1 = false;

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
  /** Path and query, encoded as Traefik does it. */
  path = '';
  /** '' for none. */
  host = '';
  requestBytes = 0;
  sentBytes = 0;
  originBytes = 0;
  count = 0;
  /** A number of where it came to: entries that have it often have the same heads. 0: of none. */
  place = 0;
  requestId = '';
  traceId = '';
  spanId = '';
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
