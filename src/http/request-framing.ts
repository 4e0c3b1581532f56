/** Where the body of a request ends, as its Content-Length and Transfer-Encoding say (RFC 9112 §6). */
import { ASCII } from '../kernel/characters.ts';
import { FAULTS, type Fault } from '../kernel/errors.ts';
import { FieldLines } from './field-lines.ts';
import { contentLengthOf, isOtherCoding } from './fields.ts';

export const REQUEST_NO_BODY = 0;
export const REQUEST_LENGTH = 1;
export const REQUEST_CHUNKED = 2;
/** No body but the bytes of a tunnel; only once the server has agreed to it. */
export const REQUEST_TUNNEL = 3;

/** Characters of a value that are told of in a reason. */
const MAX_SHOWN = 40;

export class RequestFraming extends FieldLines {
  /** REQUEST_NO_BODY, REQUEST_LENGTH or REQUEST_CHUNKED. */
  body = REQUEST_NO_BODY;
  contentLength = 0;
  /** What is wrong with the head, '' for a good one. */
  problem = '';
  /** What its client is told of it. */
  fault: Fault = FAULTS.badRequest;
  private lengths = 0;

  /** Another request: nothing is known of it. */
  protected override clear(): void {
    super.clear();
    this.body = REQUEST_NO_BODY;
    this.contentLength = 0;
    this.problem = '';
    this.fault = FAULTS.badRequest;
    this.lengths = 0;
  }

  /** uWebSockets does not announce the end of an empty body when the head came in pieces: nobody may wait for it. */
  get bodyFollows(): boolean {
    return this.body === REQUEST_CHUNKED || (this.body === REQUEST_LENGTH && this.contentLength !== 0);
  }

  get chunked(): boolean {
    return this.body === REQUEST_CHUNKED;
  }

  /** Content-Length came more than once, be it with the same number. */
  get repeatsLength(): boolean {
    return this.lengths > 1;
  }

  protected addContentLength(value: string): void {
    // The listener refuses a list, but only after it has given us the request.
    const length = value.includes(',') ? -1 : contentLengthOf(value);
    if (length < 0) this.problem = 'a Content-Length that is no number';
    else if (this.lengths > 0 && length !== this.contentLength) this.problem = 'two different Content-Lengths';
    this.lengths++;
    this.contentLength = length;
    if (this.body === REQUEST_CHUNKED) this.problem = 'both Content-Length and Transfer-Encoding';
    // `Content-Length: 0` says so and is forwarded: a POST without it is refused by some servers.
    this.body = REQUEST_LENGTH;
  }

  protected addTransferEncoding(value: string): void {
    // `toLowerCase` makes a `k` of the Kelvin sign.
    if (value.toLowerCase() !== 'chunked' || !ASCII.spans(value) || this.body === REQUEST_CHUNKED) {
      this.problem = `the transfer coding ${JSON.stringify(value.slice(0, MAX_SHOWN))}`;
      if (this.body !== REQUEST_CHUNKED && isOtherCoding(value)) this.fault = FAULTS.unknownCoding;
    } else if (this.body === REQUEST_LENGTH) {
      this.problem = 'both Content-Length and Transfer-Encoding';
    }
    this.body = REQUEST_CHUNKED;
  }
}
