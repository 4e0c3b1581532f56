/**
 * Collects the fields of a request and writes the head that goes to the server (shared/spec proxying §2–§5).
 * One per worker, reused for every request: a listener fills it and the exchange takes what it needs before the
 * handler returns. Text is decoded UTF-8, but for heads with `latin1`.
 */
import { connectionOptions, isKeepAlive } from './connection-options.ts';
import { asBytes, collectValues, listMembers, withoutFields } from './fields.ts';
import { ForwardedFields } from './forwarded-fields.ts';
import { ALL_FORWARDING, DISGUISED, forwardingOf, MADE_ANEW, NOT_FORWARDING } from './forwarding.ts';
import { grpcKindOf, NO_GRPC } from './grpc.ts';
import { hostProblem } from './host.ts';
import { bitOf, nameBit } from './name-bits.ts';
import type { RepeatedFields } from './repeated-fields.ts';
import { REQUEST_NO_BODY, RequestFraming } from './request-framing.ts';

const LOWER_X = 0x78;

/** Several fields of one name are one list (RFC 9110 §5.3). */
function listed(before: string, value: string): string {
  return before === '' ? value : `${before}, ${value}`;
}

export class RequestHead extends RequestFraming {
  method = '';
  /** As received: path and query, or the absolute form. */
  target = '';
  /** The part of the target before `?`. */
  path = '';
  host = '';
  /** Value of `Upgrade`, '' unless `Connection` lists it. */
  upgrade = '';
  /** A WebSocket is asked for (shared/spec cli-api §6: what counts as one). */
  webSocket = false;
  /** `Accept` names `text/event-stream`. */
  wantsEvents = false;
  /** Value of the client's `Expect`, '' for none, also where options have put another one in its place. */
  expect = '';
  /** The listener leaves it to the server to answer that (RFC 9110 §10.1.1): it is forwarded. */
  passesExpect = false;
  /** Of HTTP/1.0: its client knows neither chunks nor interim responses, and need name no host. */
  old = false;
  /** The client asks for the end of its connection behind the response. */
  close = false;
  /** `Connection: keep-alive`, which one of HTTP/1.0 has to say. */
  keepAlive = false;
  /** The listener hands its connection over when the server agrees to the upgrade. */
  tunnel = false;
  /** Some field has bytes that are no UTF-8, so the text has one character per byte; otherwise it is decoded UTF-8. */
  latin1 = false;
  /** Lower-case names, each between blanks, of fields that its client wants in no table on the way (RFC 7541 §7.1.3). */
  neverIndexed = '';
  /** What its client says of the hops before it, and of itself, is believed. */
  trusted = true;
  /** Its fields are those of a request before. */
  repeated: RepeatedFields | null = null;
  readonly forwarded = new ForwardedFields();
  /** The last host that was found good: nearly always that of the next request as well. */
  private goodHost = '';
  private hosts = 0;
  private upgradeValue = '';
  private connection = '';
  private trailers = false;
  /** `grpcKind`, -1 before it was looked for. */
  private grpc = -1;

  begin(method: string, target: string, path: string): void {
    this.clear();
    this.method = method;
    this.target = target;
    this.path = path;
    this.host = '';
    this.upgrade = '';
    this.webSocket = false;
    this.wantsEvents = false;
    this.expect = '';
    this.passesExpect = false;
    this.old = false;
    this.close = false;
    this.keepAlive = false;
    this.tunnel = false;
    this.latin1 = false;
    this.neverIndexed = '';
    this.trusted = true;
    this.repeated = null;
    this.hosts = 0;
    this.forwarded.clear();
    this.upgradeValue = '';
    this.connection = '';
    this.trailers = false;
    this.grpc = -1;
  }

  /** Nothing but its fields decides what `repeat` would make of the same ones: none has to do with a body or another hop. */
  get isRepeatable(): boolean {
    return (
      this.hosts === 1 &&
      this.body === REQUEST_NO_BODY &&
      !this.forwarded.areGiven &&
      !this.trailers &&
      this.expect === '' &&
      this.upgradeValue === '' &&
      (this.connection === '' || isKeepAlive(this.connection)) &&
      this.problem === ''
    );
  }

  /** After `begin`, instead of its fields one by one: those that were read before. */
  repeat(fields: RepeatedFields): void {
    this.repeated = fields;
    this.host = fields.host;
    this.hosts = 1;
    this.lines = fields.lines;
    this.withheld = fields.withheld;
    this.names = fields.names;
    this.connection = fields.connection;
    this.wantsEvents = fields.wantsEvents;
  }

  get connectionField(): string {
    return this.connection;
  }

  /** One of its own, for a request that has to wait: this one is filled anew with the next. */
  detached(): RequestHead {
    const head = new RequestHead();
    const { forwarded } = head;
    Object.assign(forwarded, this.forwarded);
    return Object.assign(head, this, { forwarded });
  }

  /** `name` is lower case. */
  add(name: string, value: string): void {
    if (!this.keeps(name, value)) return;
    this.changes++;
    this.lines += `${name}: ${value}\r\n`;
  }

  /** As `add`, for a field that whoever calls it gives to `addLines` when it is to stay there: true. */
  keeps(name: string, value: string): boolean {
    const first = name.charCodeAt(0);
    this.names |= nameBit(name.length, first);
    const forwards = this.forwards(name, first, value);
    if (!forwards && name !== 'host') this.withheld += `${name}: ${value}\r\n`;
    return forwards;
  }

  /** Streams of gRPC may be quiet for as long as they like, and are compressed by themselves. */
  get isGrpc(): boolean {
    return this.grpcKind !== NO_GRPC;
  }

  /** By its type: NO_GRPC, GRPC or GRPC_WEB. */
  get grpcKind(): number {
    if (this.grpc < 0)
      this.grpc = this.values('content-type').reduce((kind, type) => Math.max(kind, grpcKindOf(type)), 0);
    return this.grpc;
  }

  /** As received, without the `?`; '' for none. */
  get query(): string {
    return this.target.slice(this.path.length + 1);
  }

  /**
   * Keeps what we need of a field; `first`: code of the first character of its name. Most fall through the first switch by
   * their length alone.
   */
  private forwards(name: string, first: number, value: string): boolean {
    if (first === LOWER_X) {
      const kind = forwardingOf(name);
      if (kind === NOT_FORWARDING) return true;
      // Beside ours it would be another answer to what a server asks for, from whomever it comes.
      return kind !== DISGUISED && !this.forwarded.add(name, value);
    }
    switch (name.length) {
      case 2:
        if (name === 'te') {
          this.trailers = this.trailers || listMembers(value).includes('trailers');
          return false;
        }
        break;
      case 4:
        if (name === 'host') {
          this.host = value;
          this.hosts++;
          return false;
        }
        break;
      case 6:
        if (name === 'expect') {
          this.expect = listed(this.expect, value);
          return false;
        }
        if (name === 'accept' && value.includes('text/event-stream')) this.wantsEvents = true;
        break;
      case 7:
        if (name === 'upgrade') {
          this.upgradeValue = listed(this.upgradeValue, value);
          return false;
        }
        if (name === 'trailer') return false;
        break;
      case 10:
        if (name === 'connection') {
          this.connection = listed(this.connection, value);
          return false;
        }
        if (name === 'keep-alive') return false;
        break;
      case 14:
        if (name === 'content-length') {
          this.addContentLength(value);
          return false;
        }
        // Of the upgrade to HTTP/2 that nobody takes any more (RFC 9113 §3.1).
        if (name === 'http2-settings') return false;
        break;
      case 16:
        return name !== 'proxy-connection';
      case 17:
        if (name === 'transfer-encoding') {
          this.addTransferEncoding(value);
          return false;
        }
        break;
      case 18:
        return name !== 'proxy-authenticate';
      case 19:
        return name !== 'proxy-authorization';
      default:
    }
    return true;
  }

  /** Its client waits for an interim response before it sends its body. */
  get expectsContinue(): boolean {
    if (this.expect === '') return false;
    const members = listMembers(this.expect);
    return members.length > 0 && members.every((member) => member === '100-continue');
  }

  /** The target names the host: that counts, whatever the field says. There must be one all the same. */
  replaceHost(host: string): void {
    this.host = host;
  }

  /** All fields were added: settles what depends on several of them. False: see `problem`. */
  finish(): boolean {
    if (this.hosts > 1) this.problem = 'several Host fields';
    else if (this.hosts === 0 && !this.old) this.problem = 'no Host field';
    else if (this.host !== this.goodHost) {
      const problem = hostProblem(this.host);
      if (problem === '') this.goodHost = this.host;
      else this.problem = problem;
    }
    if (this.connection !== '') this.settleConnection();
    // Named in `Connection`, since it holds for one hop (RFC 9110 §10.1.4); HTTP/2 takes it without. An upgrade has another.
    if (this.trailers && this.upgrade === '') this.addLines('connection: te\r\nte: trailers\r\n');
    this.changes = 0;
    return this.problem === '';
  }

  /** The forwarded fields (proxying §4). `serverLine`: who we are, as a line. */
  forwardedLines(peer: string, secure: boolean, serverLine: string): string {
    const { forwarded, host } = this;
    return this.tunnel && this.webSocket
      ? forwarded.webSocketLines(peer, secure, host, serverLine)
      : forwarded.lines(peer, secure, host, serverLine);
  }

  /** Forgets what the client says of the hops before it (proxying §4): it is not trusted to. */
  distrustForwarded(): void {
    this.trusted = false;
    this.forwarded.clear();
    this.takeOff(ALL_FORWARDING);
  }

  /** Decoded text as it is to stand among the lines of this head: whatever is no part of them already. */
  asWritten(text: string): string {
    return this.latin1 ? asBytes(text) : text;
  }

  /**
   * In the place of all fields of that lower-case name, as if the client had sent it; '' takes it off. So are names that
   * some servers take for it (forwarding.ts). What is forwarded in a way of its own (Host, X-Forwarded-For and their like)
   * is as well. Not for framing or hop-by-hop fields.
   */
  override setField(name: string, value: string): void {
    if (MADE_ANEW.has(name)) {
      this.forget(name);
      if (value !== '') this.add(name, value);
      return;
    }
    // That of the client, which is no line of it.
    if (name === 'expect') this.expect = '';
    super.setField(name, value);
  }

  /** The same with any number of `name: value\r\n` lines of that name. */
  setLines(name: string, lines: string): void {
    this.setField(name, '');
    if (!MADE_ANEW.has(name)) {
      this.addLines(lines, bitOf(name));
      return;
    }
    const values: string[] = [];
    collectValues(lines, name, values);
    for (const value of values) this.add(name, value);
  }

  private forget(name: string): void {
    if (name === 'host') {
      this.host = '';
      return;
    }
    this.forwarded.forget(name);
    this.withheld = withoutFields(this.withheld, new Set([name]));
  }

  /** `connection: upgrade\r\nupgrade: …\r\n` where a tunnel is asked for, else ''. */
  get upgradeLines(): string {
    return this.tunnel ? `connection: upgrade\r\nupgrade: ${this.upgrade}\r\n` : '';
  }

  /** RFC 9110 §7.6.1: fields named in `Connection` end here; done before ours are written, so it cannot suppress them. */
  private settleConnection(): void {
    const { close, keepAlive, upgrade, fields } = connectionOptions(this.connection);
    this.close = close;
    this.keepAlive = keepAlive;
    if (upgrade) {
      this.upgrade = this.upgradeValue;
      this.webSocket = this.upgrade.toLowerCase().includes('websocket');
    }
    if (fields === null) return;
    this.withheld += withoutFields(this.lines, { has: (name) => !fields.has(name) });
    this.lines = withoutFields(this.lines, fields);
  }
}
