/** Writes frames (RFC 9113 §4, §6) into an output. A header block longer than a frame goes on in CONTINUATIONs. */
import { type ByteOutput, type Bytes, MAX_RESERVED } from '../kernel/byte-output.ts';
import { FLAG, FRAME, FRAME_HEAD, MAX_FRAME } from './codes.ts';

function putHead(piece: Bytes, at: number, length: number, type: number, flags: number, id: number): void {
  piece[at] = length >>> 16;
  piece[at + 1] = length >>> 8;
  piece[at + 2] = length;
  piece[at + 3] = type;
  piece[at + 4] = flags;
  put32(piece, at + 5, id);
}

function put32(piece: Bytes, at: number, value: number): void {
  piece[at] = value >>> 24;
  piece[at + 1] = value >>> 16;
  piece[at + 2] = value >>> 8;
  piece[at + 3] = value;
}

/** A frame whose payload of `length` bytes the caller writes at once, at `out.at`. */
function begin(out: ByteOutput, length: number, type: number, flags: number, id: number): void {
  out.reserve(FRAME_HEAD + length);
  putHead(out.piece, out.at, length, type, flags, id);
  out.at += FRAME_HEAD;
}

function number(out: ByteOutput, value: number): void {
  put32(out.piece, out.at, value);
  out.at += 4;
}

/** `settings`: identifiers and values in turn. */
export function writeSettings(out: ByteOutput, settings: readonly number[]): void {
  begin(out, settings.length * 3, FRAME.settings, 0, 0);
  for (let i = 0; i < settings.length; i += 2) {
    out.piece[out.at] = settings[i] >>> 8;
    out.piece[out.at + 1] = settings[i];
    out.at += 2;
    number(out, settings[i + 1]);
  }
}

export function writeSettingsAck(out: ByteOutput): void {
  begin(out, 0, FRAME.settings, FLAG.ack, 0);
}

/** Its 8 bytes are `bytes[at, at + 8)`. */
export function writePing(out: ByteOutput, ack: boolean, bytes: Uint8Array, at: number): void {
  begin(out, 8, FRAME.ping, ack ? FLAG.ack : 0, 0);
  for (let i = 0; i < 8; i++) out.piece[out.at++] = bytes[at + i];
}

export function writeGoaway(out: ByteOutput, lastId: number, code: number): void {
  begin(out, 8, FRAME.goaway, 0, 0);
  number(out, lastId);
  number(out, code);
}

export function writeReset(out: ByteOutput, id: number, code: number): void {
  begin(out, 4, FRAME.rstStream, 0, id);
  number(out, code);
}

export function writeWindowUpdate(out: ByteOutput, id: number, increment: number): void {
  begin(out, 4, FRAME.windowUpdate, 0, id);
  number(out, increment);
}

/** One DATA frame with `bytes[start, end)`, up to MAX_FRAME of them. */
export function writeData(
  out: ByteOutput,
  id: number,
  bytes: Uint8Array,
  start: number,
  end: number,
  endStream: boolean,
): void {
  const length = end - start;
  begin(out, length, FRAME.data, endStream ? FLAG.endStream : 0, id);
  if (length > 0) out.piece.set(start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end), out.at);
  out.at += length;
}

/** One DATA frame whose content is text of one byte per character, up to MAX_FRAME of them. */
export function writeText(out: ByteOutput, id: number, text: string, endStream: boolean): void {
  begin(out, text.length, FRAME.data, endStream ? FLAG.endStream : 0, id);
  out.piece.latin1Write(text, out.at, text.length);
  out.at += text.length;
}

/**
 * Begins a HEADERS frame whose block is encoded straight into `out`, and must fit into one frame: the caller writes less
 * than MAX_FRAME bytes, then calls `endHeaders` with what this has returned.
 */
export function beginHeaders(out: ByteOutput, id: number, endStream: boolean): number {
  out.reserve(MAX_RESERVED);
  const mark = out.at;
  putHead(out.piece, mark, 0, FRAME.headers, FLAG.endHeaders | (endStream ? FLAG.endStream : 0), id);
  out.at += FRAME_HEAD;
  return mark;
}

/** Nothing but the block may have been written since `beginHeaders`. */
export function endHeaders(out: ByteOutput, mark: number): void {
  const length = out.at - mark - FRAME_HEAD;
  out.piece[mark] = length >>> 16;
  out.piece[mark + 1] = length >>> 8;
  out.piece[mark + 2] = length;
}

/** A header block of any length, encoded elsewhere. */
export function writeBlock(out: ByteOutput, id: number, endStream: boolean, block: Uint8Array): void {
  let at = 0;
  do {
    const end = Math.min(block.length, at + MAX_FRAME);
    const isFirst = at === 0;
    const flags = (end === block.length ? FLAG.endHeaders : 0) | (isFirst && endStream ? FLAG.endStream : 0);
    begin(out, end - at, isFirst ? FRAME.headers : FRAME.continuation, flags, id);
    out.piece.set(block.subarray(at, end), out.at);
    out.at += end - at;
    at = end;
  } while (at < block.length);
}
