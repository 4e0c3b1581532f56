/** WebSockets for tests: the library on either side, and frames byte by byte where it hides things (RFC 6455 §5). */
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TlsOptions } from 'node:tls';
import { type ClientOptions, WebSocket, WebSocketServer } from 'ws';
import { OWN_HOST } from './own-host.ts';
import type { RawConnection } from './raw.ts';
import { waitFor } from './wait.ts';

type Scope = { after(fn: () => unknown): unknown };

export const TEXT = 1;
export const BINARY = 2;
export const CLOSE = 8;
export const PING = 9;
export const PONG = 10;

/** The example of RFC 6455 §1.3. */
const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';

/** One frame. `masked`: as a client sends it, with a mask that changes every byte. */
export function frame(opcode: number, payload: string | Buffer, masked: boolean, final = true): Buffer {
  const data = Buffer.from(payload);
  const head = [(final ? 0x80 : 0) | opcode];
  if (data.length < 126) head.push(data.length);
  else if (data.length < 65_536) head.push(126, data.length >> 8, data.length & 255);
  else head.push(127, 0, 0, 0, 0, ...[24, 16, 8, 0].map((bits) => (data.length >> bits) & 255));
  if (!masked) return Buffer.concat([Buffer.from(head), data]);
  head[1] |= 0x80;
  const mask = [0x11, 0x22, 0x33, 0x44];
  for (let i = 0; i < data.length; i++) data[i] ^= mask[i & 3];
  return Buffer.concat([Buffer.from([...head, ...mask]), data]);
}

export function closeFrame(code: number, reason: string, masked: boolean): Buffer {
  return frame(CLOSE, Buffer.concat([Buffer.from([code >> 8, code & 255]), Buffer.from(reason)]), masked);
}

export type Frame = { readonly opcode: number; readonly final: boolean; readonly payload: Buffer };

/** Takes the next whole frame off a raw connection, unmasked. */
export async function nextFrame(connection: RawConnection): Promise<Frame> {
  let taken: { frame: Frame; used: number } | null = null;
  await waitFor(
    () => {
      taken = readFrame(Buffer.from(connection.received, 'latin1'));
      return taken !== null || connection.closed;
    },
    () => `a frame in ${JSON.stringify(connection.received.slice(0, 200))}`,
  );
  const found = taken as { frame: Frame; used: number } | null;
  if (found === null) throw new Error(`closed before a frame: ${JSON.stringify(connection.received.slice(0, 200))}`);
  connection.received = connection.received.slice(found.used);
  return found.frame;
}

/** The frame that begins there, null while it is not whole. */
export function readFrame(bytes: Buffer): { frame: Frame; used: number } | null {
  if (bytes.length < 2) return null;
  const masked = (bytes[1] & 0x80) !== 0;
  let length = bytes[1] & 0x7f;
  let at = 2;
  if (length === 126) {
    if (bytes.length < 4) return null;
    length = bytes.readUInt16BE(2);
    at = 4;
  } else if (length === 127) {
    if (bytes.length < 10) return null;
    length = Number(bytes.readBigUInt64BE(2));
    at = 10;
  }
  const mask = masked ? bytes.subarray(at, at + 4) : null;
  if (masked) at += 4;
  if (bytes.length < at + length) return null;
  const payload = Buffer.from(bytes.subarray(at, at + length));
  if (mask !== null) for (let i = 0; i < length; i++) payload[i] ^= mask[i & 3];
  return { frame: { opcode: bytes[0] & 0x0f, final: (bytes[0] & 0x80) !== 0, payload }, used: at + length };
}

/** A handshake as bytes; `fields` end with CRLF each. */
export function handshake(host: string, fields = '', target = '/'): string {
  return (
    `GET ${target} HTTP/1.1\r\nHost: ${host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
    `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${KEY}\r\n${fields}\r\n`
  );
}

/** The 101 of a server to the head of a request. */
export function accept(head: string, fields = ''): string {
  const key = /^sec-websocket-key: *(\S+)/im.exec(head)![1];
  const answer = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
  return (
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
    `Sec-WebSocket-Accept: ${answer}\r\n${fields}\r\n`
  );
}

/** One end of a WebSocket that notes everything. */
export class Peer {
  readonly ws: WebSocket;
  readonly messages: { data: Buffer; binary: boolean }[] = [];
  readonly pings: string[] = [];
  readonly pongs: string[] = [];
  closed: { code: number; reason: string } | null = null;
  error = '';

  constructor(ws: WebSocket) {
    this.ws = ws;
    ws.on('message', (data, binary) => this.messages.push({ data: data as Buffer, binary }));
    ws.on('ping', (data) => this.pings.push(data.toString()));
    ws.on('pong', (data) => this.pongs.push(data.toString()));
    ws.on('error', (error) => {
      this.error = error.message;
    });
    ws.on('close', (code, reason) => {
      this.closed = { code, reason: reason.toString() };
    });
  }

  async next(): Promise<{ data: Buffer; binary: boolean }> {
    await waitFor(() => this.messages.length > 0 || this.closed !== null, 'a message');
    const message = this.messages.shift();
    if (message === undefined) throw new Error(`closed before a message: ${JSON.stringify(this.closed)} ${this.error}`);
    return message;
  }

  async untilClosed(): Promise<{ code: number; reason: string }> {
    await waitFor(() => this.closed !== null, 'the WebSocket to close');
    return this.closed!;
  }
}

export class WsServer {
  readonly http: Server;
  readonly peers: Peer[] = [];
  readonly requests: IncomingMessage[] = [];
  private taken = 0;

  constructor(onPeer: (peer: Peer) => void, tls: TlsOptions | null) {
    const answer = (_: IncomingMessage, response: ServerResponse): unknown => response.end('no WebSocket');
    this.http = tls === null ? createServer(answer) : createTlsServer(tls, answer);
    const wss = new WebSocketServer({ server: this.http, perMessageDeflate: true, maxPayload: 256 << 20 });
    wss.on('connection', (ws, request) => {
      const peer = new Peer(ws);
      this.peers.push(peer);
      this.requests.push(request);
      onPeer(peer);
    });
  }

  get port(): number {
    return (this.http.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://${(this.http.address() as AddressInfo).address}:${this.port}`;
  }

  /** The next WebSocket that nobody has asked for yet. */
  async next(): Promise<Peer> {
    await waitFor(() => this.peers.length > this.taken, 'a WebSocket at the server');
    return this.peers[this.taken++];
  }
}

/** `tls`: for a server behind https://, which the name localhost leads to as well. */
export async function startWsServer(
  t: Scope,
  onPeer: (peer: Peer) => void = () => {},
  tls: TlsOptions | null = null,
): Promise<WsServer> {
  const server = new WsServer(onPeer, tls);
  const host = tls === null ? OWN_HOST : '127.0.0.1';
  await new Promise<void>((resolve) => server.http.listen(0, host, resolve));
  t.after(() => {
    server.http.close();
    for (const peer of server.peers) peer.ws.terminate();
  });
  return server;
}

/** Everything that comes goes back. */
export function echoing(peer: Peer): void {
  peer.ws.on('message', (data, binary) => peer.ws.send(data, { binary }));
}

/** A client at tsuji that offers compression, as browsers do. Resolves when it is open. */
export async function wsClient(
  t: Scope,
  port: number,
  host: string,
  options: ClientOptions & { target?: string; protocols?: string[] } = {},
): Promise<Peer> {
  const { target = '/', protocols = [], headers, ...rest } = options;
  const ws = new WebSocket(`ws://${OWN_HOST}:${port}${target}`, protocols, {
    maxPayload: 256 << 20,
    ...rest,
    headers: { ...headers, host },
  });
  t.after(() => ws.terminate());
  const peer = new Peer(ws);
  await waitFor(
    () => ws.readyState === WebSocket.OPEN || peer.error !== '',
    () => `the WebSocket to open ${peer.error}`,
  );
  if (peer.error !== '') throw new Error(peer.error);
  return peer;
}
