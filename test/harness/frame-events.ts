/** What a FrameReader tells its sink, as text: the same whatever pieces the bytes came in. */
import { CutSpace, FrameReader, type FrameSink } from '../../src/http2/frame-reader.ts';

export class FrameEvents implements FrameSink {
  readonly events: string[] = [];
  private content = '';

  private add(...parts: readonly unknown[]): void {
    this.events.push(parts.join(' '));
  }

  dataBegins(id: number, length: number, content: number, endStream: boolean): void {
    this.add('DATA', id, length, content, endStream);
    this.content = '';
  }

  dataPiece(bytes: Buffer, start: number, end: number): void {
    this.content += bytes.toString('latin1', start, end);
  }

  dataEnds(): void {
    this.add('content', JSON.stringify(this.content));
  }

  headerBlock(id: number, endStream: boolean, itself: boolean, bytes: Buffer, start: number, end: number): void {
    this.add('HEADERS', id, endStream, itself, bytes.toString('hex', start, end));
  }

  priority(id: number, code: number): void {
    this.add('PRIORITY', id, code);
  }

  priorityUpdate(id: number, bytes: Buffer, start: number, end: number): void {
    this.add('PRIORITY_UPDATE', id, bytes.toString('latin1', start, end));
  }

  reset(id: number, code: number): void {
    this.add('RST_STREAM', id, code);
  }

  settings(bytes: Buffer, start: number, end: number): void {
    this.add('SETTINGS', bytes.toString('hex', start, end));
  }

  settingsAcknowledged(): void {
    this.add('SETTINGS ACK');
  }

  ping(ack: boolean, bytes: Buffer, at: number): void {
    this.add('PING', ack, bytes.toString('hex', at, at + 8));
  }

  goaway(lastId: number, code: number): void {
    this.add('GOAWAY', lastId, code);
  }

  windowUpdate(id: number, increment: number): void {
    this.add('WINDOW_UPDATE', id, increment);
  }

  unknownFrame(): void {
    this.add('unknown');
  }

  framesFailed(code: number, reason: string): void {
    this.add('failed', code, reason);
  }
}

/** The events of `bytes` when they come in these pieces, and that nothing is kept behind them. */
export function frameEvents(pieces: readonly Uint8Array[]): readonly string[] {
  const sink = new FrameEvents();
  const space = new CutSpace(1_048_576);
  const reader = new FrameReader(sink, space);
  for (const piece of pieces) {
    const bytes = Buffer.from(piece);
    reader.read(bytes, 0, bytes.length);
    // The memory of a read is used again.
    bytes.fill(0xee);
  }
  reader.close();
  if (!space.take(reader, 1_048_576)) sink.events.push('memory was not given back');
  return sink.events;
}
