/** The ways in which a client can reach tsuji, and one client for them all. */
import { once } from 'node:events';
import { type IncomingHttpHeaders, request as requestHttp1 } from 'node:http';
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
import { request as requestTls } from 'node:https';
import { connect, type Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import { atOnce } from './exchanges.ts';
import { OWN_HOST } from './own-host.ts';
import { RawConnection } from './raw.ts';
import { makeAuthority } from './tls.ts';
import { temporaryFolder } from './tools.ts';
import { startTsuji, type Tsuji, type TsujiOptions } from './tsuji.ts';

export type Engine = 'uws' | 'uws-tls' | 'tsuji' | 'tsuji-tls' | 'tsuji-h2' | 'tsuji-h2c';
/** HTTP/2 with prior knowledge is what `tsuji-h2` is, without TLS: test/integration/http2.test.ts has it. */
export const ENGINES: readonly Engine[] = ['uws', 'uws-tls', 'tsuji', 'tsuji-tls', 'tsuji-h2'];

type Scope = { after(fn: () => unknown): unknown };

export const isSecure = (engine: Engine): boolean => ['uws-tls', 'tsuji-tls', 'tsuji-h2'].includes(engine);
export const isHttp2 = (engine: Engine): boolean => engine === 'tsuji-h2' || engine === 'tsuji-h2c';

export const isUws = (engine: Engine): boolean => engine.startsWith('uws');
export const HTTP1_ENGINES: readonly Engine[] = ENGINES.filter((engine) => !isHttp2(engine));
export const UWS_ENGINES: readonly Engine[] = ENGINES.filter(isUws);
/** HTTP/1.1 on the other engine, which shows its clients byte by byte. */
export const OTHER_HTTP1_ENGINES: readonly Engine[] = HTTP1_ENGINES.filter((engine) => !isUws(engine));

/** `body` for several engines at once, for what waits longer than it computes. */
export function onEach(engines: readonly Engine[], body: (engine: Engine) => Promise<void>): Promise<void> {
  return atOnce(Object.fromEntries(engines.map((engine) => [engine, () => body(engine)])));
}

export type Answer = {
  readonly status: number;
  /** Lower-case names; repeated ones as node joins them. */
  readonly fields: IncomingHttpHeaders;
  readonly raw: readonly string[];
};

export type Asked = {
  /** The request's body; ended at once when there is none. */
  readonly upload: Writable;
  /** The interim responses so far. */
  readonly interim: readonly Answer[];
  /** Rejects when the connection or the stream ends before it. */
  readonly head: Promise<Answer>;
  /** Of the response. */
  readonly body: Promise<Readable>;
  /** As a client that goes away. */
  leave(): void;
};

export type Ask = {
  method?: string;
  path?: string;
  host: string;
  /** Names and values; a list of values is several fields. */
  fields?: Record<string, string | string[]>;
  /** Left open: written by the caller. Otherwise a whole body with a length, or none. */
  body?: Buffer | 'open' | undefined;
};

/** A tsuji with an entrypoint for each engine, and how to reach it. */
export class EngineTsuji {
  readonly tsuji: Tsuji;
  private readonly ports: ReadonlyMap<string, number>;

  constructor(tsuji: Tsuji, ports: ReadonlyMap<string, number>) {
    this.tsuji = tsuji;
    this.ports = ports;
  }

  port(engine: Engine): number {
    return this.ports.get(entryPointOf(engine))!;
  }

  /** A client with connections of its own. */
  client(t: Scope, engine: Engine): EngineClient {
    const client = this.open(engine);
    t.after(() => client.close());
    return client;
  }

  /** One exchange, by a client of its own that is gone behind it. */
  async ask(engine: Engine, request: Ask): Promise<Answer & { body: Buffer }> {
    const client = this.open(engine);
    try {
      return await whole(client.ask(request));
    } finally {
      client.close();
    }
  }

  private open(engine: Engine): EngineClient {
    return isHttp2(engine) ? new Http2Client(this, engine) : new Http1Client(this, engine);
  }
}

/** The entrypoint, as metrics name it. */
export function entryPointOf(engine: Engine): string {
  if (engine === 'uws' || engine === 'uws-tls') return engine;
  return isSecure(engine) ? 'tls' : 'tsuji';
}

export interface EngineClient {
  ask(request: Ask): Asked;
  /**
   * Hears of an end that has come. Node's client of HTTP/2 reads nothing while a write is under way, and over TLS it does not
   * hear of one that fails within its call, as the first behind a reset does: it would wait for ever.
   */
  readOn(): void;
  close(): void;
}

class Http1Client implements EngineClient {
  private readonly tsuji: EngineTsuji;
  private readonly engine: Engine;

  constructor(tsuji: EngineTsuji, engine: Engine) {
    this.tsuji = tsuji;
    this.engine = engine;
  }

  ask({ method = 'GET', path = '/', host, fields = {}, body }: Ask): Asked {
    const options = { port: this.tsuji.port(this.engine), host: OWN_HOST, method, path, agent: false as const };
    const headers: Record<string, string | string[]> = { host, ...fields };
    if (Buffer.isBuffer(body)) headers['content-length'] = String(body.length);
    const sent = isSecure(this.engine)
      ? requestTls({ ...options, headers, rejectUnauthorized: false })
      : requestHttp1({ ...options, headers });
    const interim: Answer[] = [];
    sent.on('information', (got) => {
      interim.push({ status: got.statusCode, fields: got.headers, raw: got.rawHeaders });
    });
    const response = new Promise<import('node:http').IncomingMessage>((resolve, reject) => {
      sent.on('response', resolve);
      sent.on('error', reject);
      sent.on('close', () => reject(new Error('closed without a response')));
    });
    const head = response.then((got) => ({ status: got.statusCode!, fields: got.headers, raw: got.rawHeaders }));
    head.catch(() => {});
    response.catch(() => {});
    if (body !== 'open') sent.end(body);
    else sent.flushHeaders();
    return {
      upload: sent,
      interim,
      head,
      body: response,
      leave: () => sent.destroy(),
    };
  }

  readOn(): void {}

  close(): void {}
}

class Http2Client implements EngineClient {
  readonly session: ClientHttp2Session;
  private readonly scheme: string;

  constructor(tsuji: EngineTsuji, engine: Engine) {
    this.scheme = isSecure(engine) ? 'https' : 'http';
    this.session = connectHttp2(`${this.scheme}://${OWN_HOST}:${tsuji.port(engine)}`, { rejectUnauthorized: false });
    this.session.on('error', () => {});
  }

  ask({ method = 'GET', path = '/', host, fields = {}, body }: Ask): Asked {
    const headers: Record<string, string | string[]> = {
      ':method': method,
      ':path': path,
      ':scheme': this.scheme,
      ':authority': host,
      ...fields,
    };
    if (Buffer.isBuffer(body)) headers['content-length'] = String(body.length);
    const stream = this.session.request(headers, { endStream: body === undefined });
    const interim: Answer[] = [];
    stream.on('headers', (got, _flags, raw?: string[]) => {
      interim.push({ status: Number(got[':status']), fields: got as IncomingHttpHeaders, raw: raw ?? [] });
    });
    const head = new Promise<Answer>((resolve, reject) => {
      stream.on('response', (got, _flags, raw?: string[]) => {
        resolve({ status: Number(got[':status']), fields: got as IncomingHttpHeaders, raw: raw ?? [] });
      });
      stream.on('error', reject);
      stream.on('close', () => reject(new Error(`stream ended with ${stream.rstCode}`)));
    });
    const opened = head.then(() => stream);
    opened.catch(() => {});
    if (Buffer.isBuffer(body)) stream.end(body);
    return { upload: stream, interim, head, body: opened, leave: () => stream.close(8) };
  }

  readOn(): void {
    const { _handle: handle } = this.session.socket as Socket & { _handle?: { readStart(): number } | null };
    handle?.readStart();
  }

  close(): void {
    this.session.destroy();
  }
}

/** A connection of HTTP/1.1 by bytes. `allowHalfOpen`: it is not ended because the other side has ended. */
export async function http1Client(
  t: Scope,
  on: EngineTsuji,
  engine: Engine,
  allowHalfOpen = false,
): Promise<RawConnection> {
  const at = { port: on.port(engine), host: OWN_HOST, noDelay: true, allowHalfOpen };
  const secure = { ...at, rejectUnauthorized: false, ALPNProtocols: ['http/1.1'] };
  const socket = isSecure(engine) ? connectTls(secure) : connect(at);
  const connection = new RawConnection(socket);
  t.after(() => connection.destroy());
  await once(socket, isSecure(engine) ? 'secureConnect' : 'connect');
  return connection;
}

/** All of a body; rejects when it is broken off. */
export async function bytesOf(body: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of body) chunks.push(chunk as Buffer);
  const { aborted, complete, rstCode } = body as Readable & { aborted?: boolean; complete?: boolean; rstCode?: number };
  // Node calls a stream aborted as well that was reset without an error, behind a whole answer to half a request.
  const isBroken = rstCode === undefined ? aborted || complete === false : rstCode !== 0;
  if (isBroken) throw new Error('the body was broken off');
  return Buffer.concat(chunks);
}

/** Head and whole body of an answer. */
export async function whole(asked: Asked): Promise<Answer & { body: Buffer }> {
  const head = await asked.head;
  return { ...head, body: await bytesOf(await asked.body) };
}

/** `keys` and `flags` as for `startTsuji`; the entrypoints are `uws`, `uws-tls`, `tsuji` and `tls`. */
export async function startEngines(t: Scope, options: TsujiOptions = {}): Promise<EngineTsuji> {
  const folder = temporaryFolder();
  t.after(() => folder.remove());
  const pair = await makeAuthority(folder.path, 'localhost');
  const tsuji = await startTsuji(t, {
    ...options,
    flags: [
      `--entryPoints=Name:uws Address:${OWN_HOST}:0`,
      `--entryPoints=Name:uws-tls Address:${OWN_HOST}:0 Engine:uws TLS:${pair.cert},${pair.key}`,
      `--entryPoints=Name:tsuji Address:${OWN_HOST}:0 Engine:tsuji`,
      `--entryPoints=Name:tls Address:${OWN_HOST}:0 TLS:${pair.cert},${pair.key}`,
      '--defaultEntryPoints=uws,uws-tls,tsuji,tls',
      ...(options.flags ?? []),
    ],
  });
  const ports = new Map<string, number>();
  for (const name of ['uws', 'uws-tls', 'tsuji', 'tls']) ports.set(name, tsuji.portOf(name));
  return new EngineTsuji(tsuji, ports);
}
