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

/**
 * Has a text that was put together laid out in one piece, which its first character asks for: else that is done twice, for what
 * is sent to the server and for what is written here.
 */
function flatten(text: string): void {
  text.charCodeAt(0);
}

export class ExchangeRecord {
  count = 0;
  peer = '';
  port = 0;
  tls: TlsFacts | null = null;
  protocol = '';
  isSecure = false;
  host = '';
  target = '';
  latin1 = false;
  /** The first such field of a client that is believed. */
  forwardedFor = '';
  clientFields = '';
  requestFields = '';
  forwardedFields = '';
  originStatus = 0;
  originHead = '';
  sentHead = '';
  /** Of the body, when it was packed on its way; -1: as it came. */
  packedBytes = -1;
  upstreamProtocol = '';
  upstreamAddress = '';
  private readonly needs: RecordNeeds;

  constructor(needs: RecordNeeds) {
    this.needs = needs;
  }

  /** A request has come: `count`th of the process. `head` is valid only during the call. */
  begin(count: number, client: Downstream, head: RequestHead): void {
    this.count = count;
    this.peer = client.peerAddress();
    this.isSecure = client.secure;
    const asks = this.needs.connection;
    this.port = asks ? (client.peerPort?.() ?? 0) : 0;
    this.tls = asks ? (client.tlsFacts?.() ?? null) : null;
    this.protocol = head.old ? 'HTTP/1.0' : client.httpVersion === '2.0' ? 'HTTP/2.0' : 'HTTP/1.1';
    this.host = head.host;
    this.target = head.target;
    this.latin1 = head.latin1;
    this.forwardedFor = head.forwarded.for === '' ? '' : (head.values('x-forwarded-for')[0] ?? '');
    const { fields } = head;
    flatten(fields);
    this.clientFields = fields;
    this.requestFields = fields;
    this.forwardedFields = '';
    this.originStatus = 0;
    this.originHead = '';
    this.sentHead = '';
    this.packedBytes = -1;
    this.upstreamProtocol = '';
    this.upstreamAddress = '';
  }

  /** As it goes to servers. */
  forwards(fields: string, forwarded: string): void {
    this.requestFields = fields;
    this.forwardedFields = forwarded;
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
    this.target = '';
    this.tls = null;
  }
}
