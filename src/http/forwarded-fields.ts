/**
 * What the client of a request, or a proxy before us, says of the hops before it, and the lines that go on in its place
 * (shared/spec proxying §4). Each field that is not given is ours: of the peer, of the connection and of the Host field.
 */
import { OwnForwardedLines, portOf } from './own-forwarded-lines.ts';

export class ForwardedFields {
  /** X-Forwarded-For, '' for none, as all here; several fields are one list. */
  for = '';
  /** X-Forwarded-Proto. */
  proto = '';
  private host = '';
  private port = '';
  private realIp = '';
  private given = false;
  private readonly ownLines = new OwnForwardedLines();

  /** Nothing is said. */
  clear(): void {
    if (!this.given) return;
    this.given = false;
    this.for = '';
    this.proto = '';
    this.host = '';
    this.port = '';
    this.realIp = '';
  }

  get areGiven(): boolean {
    return this.given;
  }

  /** Keeps a field of that lower-case name. False: it is none of those that are made anew. */
  add(name: string, value: string): boolean {
    switch (name) {
      case 'x-forwarded-for':
        this.for = this.for === '' ? value : `${this.for}, ${value}`;
        break;
      case 'x-forwarded-proto':
        if (this.proto === '') this.proto = value;
        break;
      case 'x-forwarded-host':
        if (this.host === '') this.host = value;
        break;
      case 'x-forwarded-port':
        if (this.port === '') this.port = value;
        break;
      case 'x-real-ip':
        this.realIp = value;
        break;
      case 'x-forwarded-server':
        // That is always ourselves.
        return true;
      default:
        return false;
    }
    this.given = true;
    return true;
  }

  /** As if no such field had come. */
  forget(name: string): void {
    switch (name) {
      case 'x-forwarded-for':
        this.for = '';
        break;
      case 'x-forwarded-proto':
        this.proto = '';
        break;
      case 'x-forwarded-host':
        this.host = '';
        break;
      case 'x-forwarded-port':
        this.port = '';
        break;
      case 'x-real-ip':
        this.realIp = '';
        break;
      default:
    }
  }

  /** `host`: of the request. `serverLine`: who we are, as a line. */
  lines(peer: string, secure: boolean, host: string, serverLine: string): string {
    if (!this.given) return this.ownLines.of(peer, secure, host, serverLine);
    return this.linesFor(this.proto === '' ? (secure ? 'https' : 'http') : this.proto, peer, host, serverLine);
  }

  /** The same for one that opens a WebSocket. */
  webSocketLines(peer: string, secure: boolean, host: string, serverLine: string): string {
    const isSecure = this.proto === '' ? secure : this.proto === 'https';
    return this.linesFor(isSecure ? 'wss' : 'ws', peer, host, serverLine);
  }

  private linesFor(proto: string, peer: string, host: string, serverLine: string): string {
    return (
      `x-forwarded-for: ${this.for === '' ? peer : `${this.for}, ${peer}`}` +
      `\r\nx-forwarded-host: ${this.host === '' ? host : this.host}` +
      `\r\nx-forwarded-port: ${this.port === '' ? portOf(host, proto) : this.port}` +
      `\r\nx-forwarded-proto: ${proto}\r\n${serverLine}x-real-ip: ${this.realIp === '' ? peer : this.realIp}\r\n`
    );
  }
}
