/**
 * Lines to a syslog server (RFC 5424): a datagram each (RFC 5426), or in one stream, each with its length before it
 * (RFC 6587 §3.4.1).
 */
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import { connect, type Socket as TcpSocket } from 'node:net';
import { hostname } from 'node:os';
import { NOTABLE } from '../../access-log/line-ring.ts';
import type { SyslogTarget } from '../../kernel/access-log-options.ts';
import type { LineBatch } from './line-batch.ts';
import type { LineOutput } from './line-output.ts';

const INFO = 6;
const WARNING = 4;
const DATAGRAM_BYTES = 8_192;
/** Of a stream whose server reads slowly: then lines wait in their rings. */
const MOST_WAITING = 1_048_576;
const CONNECT_MS = 5_000;
const LF = 1;

/** `<134>1 2026-01-02T03:04:05.678Z host tsuji 123 access - ` and the line without its LF. */
export function syslogMessage(facility: number, tag: number, now: Date, line: Uint8Array): Buffer {
  const priority = facility * 8 + (tag === NOTABLE ? WARNING : INFO);
  const head = `<${priority}>1 ${now.toISOString()} ${hostname() || '-'} tsuji ${process.pid} access - `;
  return Buffer.concat([Buffer.from(head), line]);
}

/** At most so many bytes of UTF-8, and no half of a character. */
export function cutMessage(message: Buffer, most: number): Buffer {
  if (message.length <= most) return message;
  let end = most;
  while (end > 0 && (message[end] & 0xc0) === 0x80) end--;
  return message.subarray(0, end);
}

/** Of the lines that are not written. */
function messagesOf(batch: LineBatch, facility: number): Buffer[] {
  const now = new Date();
  const { ends, tags, bytes, whole } = batch;
  return ends.slice(whole).map((end, i) => {
    const index = whole + i;
    const start = index === 0 ? 0 : ends[index - 1];
    return syslogMessage(facility, tags[index], now, bytes.subarray(start, end - LF));
  });
}

export class UdpSyslog implements LineOutput {
  readonly isStdout = false;
  private readonly target: SyslogTarget;
  private readonly onLost: (lines: number) => void;
  private socket: UdpSocket | null = null;

  /** `onLost`: so many lines were given to the system and did not get out. */
  constructor(target: SyslogTarget, onLost: (lines: number) => void) {
    this.target = target;
    this.onLost = onLost;
  }

  async open(): Promise<void> {
    const { host, port } = this.target;
    const { address, family } = await lookup(host);
    const socket = createSocket(family === 6 ? 'udp6' : 'udp4');
    // What comes back of a datagram (no such port) is told with the next one.
    socket.on('error', () => {});
    socket.connect(port, address);
    await once(socket, 'connect');
    this.close();
    this.socket = socket;
  }

  async write(batch: LineBatch): Promise<void> {
    const socket = this.socket!;
    const messages = messagesOf(batch, this.target.facility);
    await new Promise<void>((resolve) => {
      let left = messages.length;
      for (const message of messages) {
        socket.send(cutMessage(message, DATAGRAM_BYTES), (error) => {
          if (error !== null) this.onLost(1);
          if (--left === 0) resolve();
        });
      }
    });
    batch.written = batch.length;
  }

  close(): void {
    this.socket?.close();
    this.socket = null;
  }
}

export class TcpSyslog implements LineOutput {
  readonly isStdout = false;
  private readonly target: SyslogTarget;
  private readonly onLost: (lines: number) => void;
  private socket: TcpSocket | null = null;

  /** As for UdpSyslog. */
  constructor(target: SyslogTarget, onLost: (lines: number) => void) {
    this.target = target;
    this.onLost = onLost;
  }

  async open(): Promise<void> {
    const { host, port } = this.target;
    const socket = connect({ host, port, noDelay: true, keepAlive: true });
    const timer = setTimeout(() => socket.destroy(new Error('no connection in time')), CONNECT_MS);
    try {
      await once(socket, 'connect');
    } finally {
      clearTimeout(timer);
    }
    socket.on('error', () => {});
    // A server has nothing to say; that it ends is heard only by who reads.
    socket.resume();
    this.close();
    this.socket = socket;
  }

  async write(batch: LineBatch): Promise<void> {
    if (this.socket === null || !this.socket.writable) await this.open();
    const socket = this.socket!;
    const lines = batch.unwritten;
    const frames = messagesOf(batch, this.target.facility).flatMap((message) => [
      Buffer.from(`${message.length} `),
      message,
    ]);
    socket.write(Buffer.concat(frames), (error) => {
      if (error) this.onLost(lines);
    });
    batch.written = batch.length;
    if (socket.writableLength > MOST_WAITING) await Promise.race([once(socket, 'drain'), once(socket, 'close')]);
  }

  close(): void {
    this.socket?.end();
    this.socket = null;
  }
}
