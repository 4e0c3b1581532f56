/** HTTP/2 as bytes: frames written by hand (RFC 9113 §4, §6) on a raw connection, and those that come back. */
import type { EngineTsuji } from './engines.ts';
import { type RawConnection, type RawServer, rawClient, startRawServer } from './raw.ts';
import { addRoute } from './tsuji.ts';
import { waitFor } from './wait.ts';

export const FRAME = {
  data: 0,
  headers: 1,
  priority: 2,
  rstStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;
export const END_STREAM = 1;
export const END_HEADERS = 4;
export const ACK = 1;

export const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';

export type Frame = {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
};

export function frame(type: number, flags: number, stream: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** An integer of RFC 7541 §5.1. */
function hpackInteger(value: number, prefix: number, first: number): number[] {
  const most = 2 ** prefix - 1;
  if (value < most) return [first | value];
  const bytes = [first | most];
  let rest = value - most;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  bytes.push(rest);
  return bytes;
}

function hpackString(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1');
  return Buffer.concat([Buffer.from(hpackInteger(bytes.length, 7, 0)), bytes]);
}

/** A field as a literal without indexing (RFC 7541 §6.2.2), or one that the table remembers. */
export function hpackField(name: string, value: string, remembered = false): Buffer {
  return Buffer.concat([Buffer.from([remembered ? 0x40 : 0]), hpackString(name), hpackString(value)]);
}

export function hpackIndexed(index: number): Buffer {
  return Buffer.from(hpackInteger(index, 7, 0x80));
}

export function requestBlock(
  host: string,
  fields: readonly (readonly [string, string])[] = [],
  method = 'GET',
): Buffer {
  const all = [[':method', method], [':scheme', 'http'], [':path', '/'], [':authority', host], ...fields] as const;
  return Buffer.concat(all.map(([name, value]) => hpackField(name, value)));
}

export class Http2Raw {
  readonly raw: RawConnection;
  readonly frames: Frame[] = [];
  private at = 0;

  constructor(raw: RawConnection) {
    this.raw = raw;
    raw.socket.on('data', () => this.read());
  }

  private read(): void {
    const bytes = Buffer.from(this.raw.received.slice(this.at), 'latin1');
    let at = 0;
    while (bytes.length - at >= 9) {
      const length = bytes.readUIntBE(at, 3);
      if (bytes.length - at < 9 + length) break;
      const payload = bytes.subarray(at + 9, at + 9 + length);
      const [type, flags, stream] = [bytes[at + 3], bytes[at + 4], bytes.readUInt32BE(at + 5) & 0x7fff_ffff];
      this.frames.push({ type, flags, stream, payload });
      at += 9 + length;
      if (type === FRAME.settings && (flags & ACK) === 0) this.raw.send(frame(FRAME.settings, ACK, 0));
    }
    this.at += at;
  }

  send(...frames: readonly Buffer[]): void {
    if (!this.raw.closed) this.raw.send(Buffer.concat(frames));
  }

  /** A request without a body on a stream. */
  get(stream: number, host: string, fields: readonly (readonly [string, string])[] = []): void {
    this.send(frame(FRAME.headers, END_STREAM | END_HEADERS, stream, requestBlock(host, fields)));
  }

  of(type: number, stream: number): Frame[] {
    return this.frames.filter((each) => each.type === type && each.stream === stream);
  }

  /** The error code of the GOAWAY that ended it, -1 when it ended without. */
  async untilEnded(ms = 15_000): Promise<number> {
    await waitFor(() => this.raw.closed || this.of(FRAME.goaway, 0).length > 0, 'the connection to be given up', ms);
    const [goaway] = this.of(FRAME.goaway, 0);
    return goaway === undefined ? -1 : goaway.payload.readUInt32BE(4);
  }

  /** Until the head of an answer has come; what it says is packed and not read. */
  async answered(stream: number): Promise<void> {
    await waitFor(() => this.of(FRAME.headers, stream).length > 0, `an answer on stream ${stream}`);
  }

  /** The error code of a RST_STREAM. */
  async reset(stream: number): Promise<number> {
    const resets = (): Frame[] => this.of(FRAME.rstStream, stream);
    await waitFor(() => resets().length > 0, `stream ${stream} to be reset`);
    return resets()[0].payload.readUInt32BE(0);
  }
}

/** A route to a server of its own, and a client of `on` that speaks HTTP/2 in the clear to it. */
export async function http2Setting(
  t: { after(fn: () => unknown): unknown },
  on: EngineTsuji,
  serve?: (connection: RawConnection) => void,
): Promise<{ host: string; server: RawServer; client: Http2Raw }> {
  const server = await startRawServer(t, serve);
  const host = await addRoute(on.tsuji, [server.url]);
  return { host, server, client: await http2Raw(t, on.port('tsuji-h2c')) };
}

export async function http2Raw(t: { after(fn: () => unknown): unknown }, port: number): Promise<Http2Raw> {
  const client = new Http2Raw(await rawClient(t, port));
  client.raw.send(PREFACE);
  client.send(frame(FRAME.settings, 0, 0));
  await waitFor(() => client.of(FRAME.settings, 0).length > 0, 'the settings');
  return client;
}
