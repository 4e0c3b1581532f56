/**
 * The request as it goes to a server: its text, made once and sent with every try, and those pieces of its body that came
 * before there was a connection. One per exchange, used again with it.
 */
import { REQUEST_CHUNKED, REQUEST_NO_BODY, REQUEST_TUNNEL, type RequestHead } from '../http/request-head.ts';
import type { FrontendView, ServerView } from '../table/views.ts';
import { isRepeatable } from './balancing/retry.ts';
import type { Downstream } from './downstream.ts';
import type { Upstream } from './upstream/upstream.ts';

export class OutgoingRequest {
  method = '';
  /** An upgrade is asked for: once the server agrees, both bodies are what either side sends. */
  tunnel = false;
  /** All of it has come from the client. */
  complete = false;
  /** `name: value\r\n` lines, '' for none. */
  trailers = '';
  private latin1 = false;
  private line = '';
  private host = '';
  private rest = '';
  private body = REQUEST_NO_BODY;
  private queued: Buffer[] = [];

  /** A request has come; `head` is valid only during the call. The text follows with `takeText`. */
  begin(head: RequestHead): void {
    this.method = head.method;
    this.tunnel = head.tunnel;
    this.latin1 = head.latin1;
    this.body = head.body;
    this.complete = !head.bodyFollows;
    this.trailers = '';
    // Where an error kept the last request from `forget`, its pieces must not become ours.
    this.forget();
  }

  /** `head` is as it is forwarded. `serverLine`: who we are, as a line. */
  takeText(head: RequestHead, downstream: Downstream, serverLine: string): void {
    this.line = `${head.method} ${head.target} HTTP/1.1\r\nhost: `;
    this.host = head.host;
    let rest = `\r\n${head.fields}${head.forwardedLines(downstream.peerAddress(), downstream.secure, serverLine)}`;
    if (head.tunnel) rest += head.upgradeLines;
    if (head.body === REQUEST_CHUNKED) rest += 'transfer-encoding: chunked\r\n\r\n';
    else if (head.body !== REQUEST_NO_BODY) rest += `content-length: ${head.contentLength}\r\n\r\n`;
    else rest += '\r\n';
    this.rest = rest;
  }

  headFor(frontend: FrontendView, server: ServerView): string {
    // A client of HTTP/1.0 may have named no host.
    const host = frontend.passHostHeader && this.host !== '' ? this.host : server.hostHeader;
    return this.line + host + this.rest;
  }

  get bodyless(): boolean {
    return this.body === REQUEST_NO_BODY;
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
    if (chunk.length > 0) this.queued.push(chunk);
  }

  /** Sends all of it that is there. False: no more until `upstreamWritable`. */
  send(upstream: Upstream, head: string): boolean {
    // Pieces that are queued are sent below, and then the end of the body.
    const complete = this.complete && this.queued.length === 0 && this.body !== REQUEST_CHUNKED;
    upstream.sendHead(head, this.method, this.body, complete, this.latin1);
    if (complete) return true;
    let flowing = true;
    for (const chunk of this.queued) flowing = upstream.write(chunk);
    this.queued = [];
    if (this.complete) upstream.endBody(this.trailers);
    return flowing;
  }

  /** The server has agreed to the upgrade. */
  becomeTunnel(): void {
    this.body = REQUEST_TUNNEL;
    this.complete = false;
  }

  forget(): void {
    if (this.queued.length > 0) this.queued.length = 0;
  }
}
