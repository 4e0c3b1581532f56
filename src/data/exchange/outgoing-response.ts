/**
 * The response as it goes to the client: its head, which waits until something of the body, its end or a silence tells how it
 * is best sent, and the body. One per exchange, used again with it.
 *
 *     inform … ─▶ take ─▶ (showHead) ─▶ write … ─▶ end          tunnel: in the place of all that
 *                 reply: a whole one of ours
 */
import { NO_LENGTH, type ResponseHead } from '../../http/response-head.ts';
import { BODY_LENGTH, BODY_NONE } from '../../http/response-parser.ts';
import { ASCII, LATIN1 } from '../../kernel/characters.ts';
import { type Downstream, NO_BODY, sendWhole, TUNNEL, UNKNOWN_LENGTH } from '../downstream.ts';

/**
 * The text of a head as a downstream takes it. `nonAscii`: it has characters above 0x7F.
 * @throws when it has one that is no byte: its low byte, which would go out, may end a line
 */
export function sendable(text: string, nonAscii: boolean): string | Uint8Array {
  if (!nonAscii) return text;
  if (!LATIN1.spans(text)) throw new Error('a head with a character that is no byte');
  return Buffer.from(text, 'latin1');
}

export class OutgoingResponse {
  /** Its head went to the client's side. */
  isBegun = false;
  /** All of it went there, and the client still reads. */
  isWhole = false;
  private head: string | Uint8Array = '';
  private length = UNKNOWN_LENGTH;
  private framing = BODY_NONE;
  /** Heads of interim responses, while it is not known whether the answer counts. */
  private readonly interims: (string | Uint8Array)[] = [];
  private readonly worker: { readonly draining: boolean };

  constructor(worker: { readonly draining: boolean }) {
    this.worker = worker;
  }

  /** As before any response. What went to a wrapper that has kept it back counts as never sent. */
  reset(): void {
    this.isBegun = false;
    this.isWhole = false;
    this.forgetInterims();
  }

  /** An interim response; `isJudged`: it waits until `tellInterims` says that its try counts. */
  inform(out: Downstream, { text, nonAscii }: ResponseHead, isJudged: boolean): void {
    const head = sendable(text, nonAscii);
    if (isJudged) this.interims.push(head);
    else out.inform(head);
  }

  tellInterims(out: Downstream): void {
    for (const interim of this.interims) out.inform(interim);
    this.forgetInterims();
  }

  /** Those of a try that does not count are for nobody. */
  forgetInterims(): void {
    if (this.interims.length > 0) this.interims.length = 0;
  }

  /** Its head is here: `text`, as it goes to the client. */
  take(text: string | Uint8Array, { status, contentLength }: ResponseHead, framing: number): void {
    this.head = text;
    this.framing = framing;
    // A 205 has no content (RFC 9110 §15.3.6), but on HTTP/1.1 a length all the same: without one its client would wait for
    // the end of the connection.
    if (status === 205 && framing !== BODY_NONE) this.length = 0;
    else if (framing === BODY_LENGTH) this.length = contentLength;
    else if (framing !== BODY_NONE) this.length = UNKNOWN_LENGTH;
    // What another request, or a change, would have brought (§8.6); with 204 it would be wrong.
    else this.length = status === 204 ? NO_LENGTH : contentLength;
  }

  /** A piece of the body. False: no more until the client's side can take it. */
  write(out: Downstream, chunk: Uint8Array): boolean {
    if (!this.isBegun) {
      if (this.length === 0) return true;
      const { length } = chunk;
      if (this.framing === BODY_LENGTH && length === this.length && length <= out.respondsUpTo) {
        out.respond(this.head, length, chunk, NO_LENGTH, this.worker.draining);
        this.isBegun = true;
        this.isWhole = true;
        return true;
      }
      this.begin(out);
    }
    return out.write(chunk);
  }

  /** Nothing of the body has come with the head. */
  showHead(out: Downstream): void {
    if (!this.isBegun && out.sendsHeads && this.length !== 0) this.begin(out);
  }

  private begin(out: Downstream): void {
    this.isBegun = true;
    out.begin(this.head, this.length, this.worker.draining);
  }

  /** The body is complete. True: nothing is left that the client's side would tell of. */
  end(out: Downstream, trailers: string): boolean {
    if (this.isWhole) return true;
    if (trailers !== '' && !this.isBegun && this.length !== 0) this.begin(out);
    if (this.isBegun) {
      this.isWhole = true;
      return out.end(trailers);
    }
    out.respond(this.head, this.framing === BODY_NONE ? NO_BODY : 0, null, this.length, this.worker.draining);
    return true;
  }

  /** The server agrees to an upgrade: what follows are bytes as they come. */
  tunnel(out: Downstream, text: string): void {
    this.isBegun = true;
    out.begin(sendable(text, !ASCII.spans(text)), TUNNEL, false);
  }

  /** A whole one of ours, to a request for its head only or not; `closes`: the connection ends after it. As for `end`. */
  reply(
    out: Downstream,
    text: string,
    body: string | Uint8Array,
    length: number,
    headOnly: boolean,
    closes: boolean,
  ): boolean {
    const head = sendable(text, !ASCII.spans(text));
    // A refused upload of known length is read to its end: a reset would take the refusal from the client.
    const close = this.worker.draining || closes;
    if (headOnly) {
      out.respond(head, NO_BODY, null, length, close);
    } else if (!sendWhole(out, head, length, body, '', close)) {
      this.isBegun = true;
      this.isWhole = true;
      return false;
    }
    return true;
  }
}
