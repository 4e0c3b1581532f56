/**
 * The request as it goes to a server: its text, made once and sent with every try, and those pieces of its body that are
 * here to be sent, or sent once more. One per exchange, used again with it.
 */
import type { RepeatedFields } from '../../http/repeated-fields.ts';
import { REQUEST_CHUNKED, REQUEST_LENGTH, REQUEST_NO_BODY, REQUEST_TUNNEL } from '../../http/request-framing.ts';
import type { RequestHead } from '../../http/request-head.ts';
import type { ResponseHead } from '../../http/response-head.ts';
import { upgradeProblem } from '../../http/upgrade.ts';
import type { FrontendView, ServerView } from '../../table/views.ts';
import { isRepeatable } from '../balancing/retry.ts';
import type { Downstream } from '../downstream.ts';
import type { Spool } from '../spool/spool.ts';
import type { Upstream } from '../upstream/upstream.ts';

/** Of a body that a server may refuse unseen (RFC 9113 §8.7), bytes: a longer one is not kept for another try. */
const MAX_HELD_BODY = 65_536;
/** Of all bodies in one worker. */
const MAX_HELD_BODIES = 16_777_216;

/** What the requests of one worker hold of bodies that they have sent already. */
export class HeldBodies {
  private bytes = 0;

  /** False: there is no room for so many. */
  take(bytes: number): boolean {
    if (this.bytes + bytes > MAX_HELD_BODIES) return false;
    this.bytes += bytes;
    return true;
  }

  give(bytes: number): void {
    this.bytes -= bytes;
  }
}

/** Asks the server whether it wants the body (RFC 9110 §10.1.1); it stands first. */
const EXPECT_LINE = '\r\nexpect: 100-continue';
/** The end of a head whose body comes in chunks. */
const CHUNKED_LINE = 'transfer-encoding: chunked\r\n\r\n';

export class OutgoingRequest {
  method = '';
  /** An upgrade is asked for: once the server agrees, both bodies are what either side sends. */
  tunnel = false;
  /** Which, and the key of a WebSocket; '' for none. */
  private upgrade = '';
  private key = '';
  /** The client waits for the server to ask for its body. */
  expectsContinue = false;
  /** All of it has come from the client. */
  complete = false;
  /** `name: value\r\n` lines, '' for none. */
  trailers = '';
  private latin1 = false;
  private neverIndexed = '';
  /** What is asked for, as it is written. */
  target = '';
  /** Its fields are these, unchanged. */
  private repeated: RepeatedFields | null = null;
  private host = '';
  private rest = '';
  /** The forwarded lines in it. */
  forwarded = '';
  private body = REQUEST_NO_BODY;
  /** Of the body: what waits for a connection, and what was sent on one that may refuse it. */
  private pieces: Buffer[] = [];
  /** Of those that wait for a connection. */
  queuedBytes = 0;
  /** Bytes of them that count in `held`. */
  private counted = 0;
  private holds = false;
  /** Bytes of the body that are kept whatever the upstream is, since its answer may be a reason to send it again. */
  private keptBytes = 0;
  /** Its body, where all of it is to be here before it is first sent, and is kept to the end. */
  private spool: Spool | null = null;
  /** All of the body that was sent is here to be sent again. */
  bodyHeld = true;
  private readonly held: HeldBodies;

  constructor(held: HeldBodies) {
    this.held = held;
  }

  /** A request has come; `head` is valid only during the call. The text follows with `takeText`. */
  begin(head: RequestHead): void {
    this.method = head.method;
    this.tunnel = head.tunnel;
    this.latin1 = head.latin1;
    this.neverIndexed = head.neverIndexed;
    this.body = head.body;
    this.complete = !head.bodyFollows;
    this.expectsContinue = head.passesExpect && !this.complete && head.expectsContinue;
    this.trailers = '';
    this.bodyHeld = true;
    this.keptBytes = 0;
    // Where an error kept the last request from `forget`, its pieces must not become ours.
    this.forget();
  }

  /** `head` is as it is forwarded. `serverLine`: who we are, as a line. */
  takeText(head: RequestHead, downstream: Pick<Downstream, 'peerAddress' | 'secure'>, serverLine: string): void {
    const { repeated } = head;
    // A target is always decoded UTF-8.
    this.target = head.asWritten(head.target);
    this.host = head.host;
    this.forwarded = head.forwardedLines(downstream.peerAddress(), downstream.secure, serverLine);
    if (repeated?.areSentWith(head.host, head.fields, this.forwarded)) {
      this.repeated = repeated;
      this.rest = repeated.behindHost;
      return;
    }
    this.repeated = null;
    let rest = `\r\n${head.fields}${this.forwarded}`;
    if (head.passesExpect && head.expect !== '') rest = this.expectLine(head) + rest;
    if (head.tunnel) {
      rest += head.upgradeLines;
      this.upgrade = head.upgrade;
      this.key = head.values('sec-websocket-key')[0] ?? '';
    }
    if (head.body === REQUEST_CHUNKED) rest += CHUNKED_LINE;
    else if (head.body !== REQUEST_NO_BODY) rest += `content-length: ${head.contentLength}\r\n\r\n`;
    else rest += '\r\n';
    this.rest = rest;
  }

  private expectLine({ expect, expectsContinue }: RequestHead): string {
    if (this.expectsContinue) return EXPECT_LINE;
    // Where no body follows nobody waits for it.
    return expectsContinue ? '' : `\r\nexpect: ${expect}`;
  }

  headFor(frontend: FrontendView, server: ServerView): string {
    const { repeated, method, target } = this;
    if (repeated !== null && frontend.passHostHeader) return repeated.headTo(method, target);
    // A client of HTTP/1.0 may have named no host.
    const host = frontend.passHostHeader && this.host !== '' ? this.host : server.hostHeader;
    return `${method} ${target} HTTP/1.1\r\nhost: ${host}${this.rest}`;
  }

  /** The same with `lines` of this try alone. */
  headWith(lines: string, frontend: FrontendView, server: ServerView): string {
    const head = this.headFor(frontend, server);
    const fields = head.length - this.rest.length + 2;
    return head.slice(0, fields) + lines + head.slice(fields);
  }

  /** A server may see it twice. */
  get repeatable(): boolean {
    return this.body === REQUEST_NO_BODY && isRepeatable(this.method);
  }

  /** It may share a connection: a tunnel takes its connection over, and what is written in one piece has one encoding. */
  get pipelinable(): boolean {
    return this.repeatable && !this.tunnel && !this.latin1;
  }

  /** Keeps a piece of the body for `send`. */
  queue(chunk: Buffer): void {
    if (chunk.length === 0) return;
    this.pieces.push(chunk);
    this.queuedBytes += chunk.length;
  }

  /** Sends all of it that is there. False: no more until `upstreamWritable`. */
  send(upstream: Upstream, head: string): boolean {
    const { pieces, spool } = this;
    // Pieces that are queued are sent below, and then the end of the body.
    const complete = this.complete && pieces.length === 0 && spool === null && this.body !== REQUEST_CHUNKED;
    upstream.sendHead(head, this.method, this.body, complete, this.latin1, this.tunnel, this.neverIndexed);
    if (complete) return true;
    if (spool !== null) {
      spool.play();
      return true;
    }
    this.pieces = [];
    this.queuedBytes = 0;
    this.giveBack();
    this.holds = upstream.mayRefuse;
    let flowing = true;
    for (const chunk of pieces) {
      this.sending(chunk);
      flowing = upstream.write(chunk);
    }
    if (this.complete) upstream.endBody(this.trailers);
    return flowing;
  }

  /** Up to so many bytes of its body are kept until a server has answered and the answer counts. */
  keep(bytes: number): void {
    this.keptBytes = bytes;
  }

  /** Its body is read to its end first: what is here of it is taken over, and more comes with `keepPiece`. */
  hold(spool: Spool): void {
    const { pieces } = this;
    this.pieces = [];
    this.queuedBytes = 0;
    this.giveBack();
    this.spool = spool;
    for (const piece of pieces) spool.add(piece);
  }

  /** There is some of it that waits. */
  get bodyIsHere(): boolean {
    return this.pieces.length > 0;
  }

  get isHeld(): boolean {
    return this.spool !== null;
  }

  /** One piece more of a body that is held; when it is complete, its spool is told. False: no more until `spoolWritable`. */
  keepPiece(chunk: Buffer): boolean {
    const { spool } = this;
    const flows = spool!.add(chunk);
    if (this.complete) spool!.end();
    return flows;
  }

  /** The server takes more of a body that is held. */
  resume(): void {
    this.spool?.resume();
  }

  /** All of it was given to the server. */
  get handedOver(): boolean {
    return this.complete && (this.spool === null || this.spool.isThrough);
  }

  /** All of its body is here. What came in chunks is announced with its length. */
  isWhole(): void {
    if (this.rest.startsWith(EXPECT_LINE)) this.rest = this.rest.slice(EXPECT_LINE.length);
    if (this.body !== REQUEST_CHUNKED) return;
    this.body = REQUEST_LENGTH;
    this.trailers = '';
    this.rest = `${this.rest.slice(0, -CHUNKED_LINE.length)}content-length: ${this.spool?.length ?? 0}\r\n\r\n`;
  }

  /** A piece is about to be written to the server: it is kept as long as it may have to be sent again. */
  sending(chunk: Buffer): void {
    const { length } = chunk;
    if (length === 0 || !this.bodyHeld) return;
    if (this.counted + length <= this.mostHeld && this.held.take(length)) {
      this.counted += length;
      this.pieces.push(chunk);
    } else {
      this.holdNoMore();
    }
  }

  private get mostHeld(): number {
    return Math.max(this.keptBytes, this.holds ? MAX_HELD_BODY : 0);
  }

  /** The server has looked at the request: nothing of it is sent again. */
  holdNoMore(): void {
    // What it does not have yet is still to be read from there.
    if (!this.handedOver && this.spool !== null) return;
    this.bodyHeld = false;
    this.forget();
  }

  /** What is wrong with a 101 as an answer to this, '' for nothing. */
  upgradeProblem({ upgrade, text }: ResponseHead): string {
    return this.complete
      ? upgradeProblem(this.upgrade, this.key, upgrade, text)
      : 'a 101 before all of the request was here';
  }

  /** The server has agreed to the upgrade. */
  becomeTunnel(): void {
    this.body = REQUEST_TUNNEL;
    this.complete = false;
  }

  forget(): void {
    this.spool?.close();
    this.spool = null;
    if (this.pieces.length > 0) this.pieces = [];
    this.queuedBytes = 0;
    this.giveBack();
  }

  private giveBack(): void {
    this.held.give(this.counted);
    this.counted = 0;
  }
}
