/** Servers that speak HTTP/2: with node:http2, and frame by frame where a server has to misbehave. */
import { readFileSync } from 'node:fs';
import {
  createSecureServer,
  createServer,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
  type ServerOptions,
} from 'node:http2';
import type { AddressInfo } from 'node:net';
import { ACK, FRAME, type Frame, frame, hpackField } from './http2-frames.ts';
import { OWN_HOST } from './own-host.ts';
import { type RawConnection, startRawServer } from './raw.ts';
import type { Certificate } from './tls.ts';

type Scope = { after(fn: () => unknown): unknown };

export type Http2Request = {
  readonly stream: ServerHttp2Stream;
  readonly headers: IncomingHttpHeaders;
  /** Names and values in turn, as they came. */
  readonly raw: readonly string[];
};

export type Http2Answer = (request: Http2Request) => void;

export class Http2Server {
  readonly url: string;
  readonly sessions: ServerHttp2Session[] = [];
  readonly requests: Http2Request[] = [];
  /** Streams that have been reset, with their codes. */
  readonly resets: number[] = [];

  constructor(url: string) {
    this.url = url;
  }

  get open(): number {
    return this.sessions.filter((session) => !session.destroyed).length;
  }
}

/** `certificate`: for an https:// server, which also takes HTTP/1.1; null for h2c://. */
export async function startHttp2Server(
  t: Scope,
  answer: Http2Answer,
  certificate: Certificate | null = null,
  options: ServerOptions & { port?: number } = {},
): Promise<Http2Server> {
  const server =
    certificate === null
      ? createServer(options)
      : createSecureServer({
          ...options,
          cert: readFileSync(certificate.cert),
          key: readFileSync(certificate.key),
          allowHTTP1: true,
        });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, OWN_HOST, resolve);
  });
  const { port } = server.address() as AddressInfo;
  const started = new Http2Server(certificate === null ? `h2c://${OWN_HOST}:${port}` : `https://${OWN_HOST}:${port}`);
  server.on('session', (session) => {
    started.sessions.push(session);
    session.on('error', () => {});
  });
  server.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, _: number, raw: string[]) => {
    const request = { stream, headers, raw };
    started.requests.push(request);
    stream.on('error', () => {});
    stream.on('close', () => started.resets.push(stream.rstCode));
    answer(request);
  });
  server.on('sessionError', () => {});
  t.after(() => {
    server.close();
    for (const session of started.sessions) session.destroy();
  });
  return started;
}

/** All of the request's body. */
export async function bodyOf(stream: ServerHttp2Stream): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** Fields as HPACK literals without indexing (RFC 7541 §6.2.2), whatever is in them. */
export function literals(fields: readonly (readonly [string, string])[]): Buffer {
  return Buffer.concat(fields.map(([name, value]) => hpackField(name, value)));
}

const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';

/** A server that hands over each frame and answers SETTINGS and PING by itself, unless `mute`. */
export async function startFrameServer(
  t: Scope,
  onFrame: (connection: RawConnection, seen: Frame) => void,
  options: { mute?: boolean } = {},
): Promise<{ url: string; connections: readonly RawConnection[] }> {
  const server = await startRawServer(t, (connection) => {
    connection.socket.setNoDelay(true);
    connection.send(frame(FRAME.settings, 0, 0));
    connection.socket.on('data', () => {
      if (connection.received.startsWith(PREFACE)) connection.received = connection.received.slice(PREFACE.length);
      for (;;) {
        const bytes = Buffer.from(connection.received, 'latin1');
        if (bytes.length < 9 || bytes.length < 9 + bytes.readUIntBE(0, 3)) return;
        const length = bytes.readUIntBE(0, 3);
        connection.received = connection.received.slice(9 + length);
        const seen = {
          type: bytes[3],
          flags: bytes[4],
          stream: bytes.readUInt32BE(5),
          payload: bytes.subarray(9, 9 + length),
        };
        if (options.mute !== true && (seen.flags & ACK) === 0) {
          if (seen.type === FRAME.settings) connection.send(frame(FRAME.settings, ACK, 0));
          if (seen.type === FRAME.ping) connection.send(frame(FRAME.ping, ACK, 0, seen.payload));
        }
        onFrame(connection, seen);
      }
    });
  });
  return { url: server.url.replace('http:', 'h2c:'), connections: server.connections };
}
