/**
 * What the access log must know of an exchange that is gone by its end: texts of heads, which are kept as they stand, and
 * facts of connections. One per exchange, used again with it; there is none while there is no access log.
 */
import type { RequestHead } from '../../http/request-head.ts';
import type { Downstream } from '../downstream.ts';
import type { TlsFacts } from '../socket/tls-facts.ts';
import type { Upstream } from '../upstream/upstream.ts';

/** What of it is asked for. */
export type RecordNeeds = {
  /** Port of the client and its TLS: a look at the connection. */
  readonly connection: boolean;
  /** Heads of responses. */
  readonly heads: boolean;
};

const ID_NAME = 'x-request-id: ';
const LINE_END = '\r\n';

/**
 * Has a text that was put together laid out in one piece, which whoever looks into it asks for: else that is done twice, for what is
 * sent to the server and for what is written here. A look whose answer nobody wants may be compiled away; this one is a call.
 */
function flatten(text: string): void {
  text.startsWith(ID_NAME);
}

export class ExchangeRecord {
  count = 0;
  peer = '';
  port = 0;
  tls: TlsFacts | null = null;
  protocol = '';
  isSecure = false;
  host = '';
  latin1 = false;
  /** The first such field of a client that is believed. */
  forwardedFor = '';
  clientFields = '';
  /** Without the line of the request id, which stands there too where `isIdSent`. */
  requestFields = '';
  isIdSent = false;
  forwardedFields = '';
  originStatus = 0;
  originHead = '';
  sentHead = '';
  /** Of the body, when it was packed on its way; -1: as it came. */
  packedBytes = -1;
  upstreamProtocol = '';
  upstreamAddress = '';
  private readonly needs: RecordNeeds;
  /** Of the head, when it had its name. */
  private changes = 0;

  constructor(needs: RecordNeeds) {
    this.needs = needs;
  }

  /**
   * A request has come: `count`th of the process. `head` is valid only during the call. `fields`: those that it had before it
   * was given its `requestId`, '' for none.
   */
  begin(count: number, client: Downstream, head: RequestHead, fields: string, requestId: string): void {
    this.count = count;
    this.peer = client.peerAddress();
    this.isSecure = client.secure;
    const asks = this.needs.connection;
    this.port = asks ? (client.peerPort?.() ?? 0) : 0;
    this.tls = asks ? (client.tlsFacts?.() ?? null) : null;
    this.protocol = head.old ? 'HTTP/1.0' : client.httpVersion === '2.0' ? 'HTTP/2.0' : 'HTTP/1.1';
    this.host = head.host;
    this.latin1 = head.latin1;
    this.forwardedFor = head.forwarded.for === '' ? '' : (head.values('x-forwarded-for')[0] ?? '');
    // What is known to come again is in one piece.
    if (head.repeated === null) flatten(fields);
    this.clientFields = fields;
    this.changes = head.changes;
    const named = head.fields;
    if (named.length === fields.length + ID_NAME.length + requestId.length + LINE_END.length) {
      this.requestFields = fields;
      this.isIdSent = true;
    } else {
      this.takeApart(named, requestId);
    }
    this.forwardedFields = '';
    this.originStatus = 0;
    this.originHead = '';
    this.sentHead = '';
    this.packedBytes = -1;
    this.upstreamProtocol = '';
    this.upstreamAddress = '';
  }

  /** As it goes to servers, with that `requestId`. */
  forwards(head: RequestHead, forwarded: string, requestId: string): void {
    if (head.changes !== this.changes) this.takeApart(head.fields, requestId);
    this.forwardedFields = forwarded;
  }

  /** Every request has another id: without it they have the same fields again and again. */
  private takeApart(fields: string, requestId: string): void {
    const line = `${ID_NAME}${requestId}${LINE_END}`;
    const at = requestId === '' ? -1 : fields.lastIndexOf(line);
    this.isIdSent = at === 0 || (at > 0 && fields.startsWith(LINE_END, at - LINE_END.length));
    this.requestFields = this.isIdSent ? fields.slice(0, at) + fields.slice(at + line.length) : fields;
  }

  /** A server has answered on that connection. */
  answered(status: number, head: string, { peer, protocol }: Pick<Upstream, 'peer' | 'protocol'>): void {
    this.originStatus = status;
    if (this.needs.heads) this.originHead = head;
    this.upstreamAddress = peer;
    this.upstreamProtocol = protocol;
  }

  /** The head of the response as it goes out. */
  sends(head: string): void {
    if (this.needs.heads) this.sentHead = head;
  }

  /** The same, of a body that is packed on its way; `bytes` of it have gone out. More may follow, with '' for the head. */
  packs(head: string, bytes: number): void {
    if (head !== '') this.sends(head);
    this.packedBytes = Math.max(this.packedBytes, 0) + bytes;
  }

  /** Texts of a request that is over are nobody's. */
  forget(): void {
    this.clientFields = '';
    this.requestFields = '';
    this.forwardedFields = '';
    this.originHead = '';
    this.sentHead = '';
    this.tls = null;
  }
}
