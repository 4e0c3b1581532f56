/**
 * Puts lines together from pieces, each a text with or without a number behind it, in the memory in which the ring is
 * (shared/access-log.ts): texts stand in rooms there, so that a line is made by one call of WebAssembly (compose.wat), and what is the same
 * as in the line before costs nothing but its copy.
 */
import { MOST_LINE_BYTES, ROOM_BYTES, ROOMS, roomsAt } from '../shared/access-log.ts';
import { COMPOSE_CODE } from './compose-code.ts';
import { Constant, LineBytes, type Runs } from './line-bytes.ts';
import { copyWords, Shelf } from './shelf.ts';

/** at · end · pieces · count · numbers · powers → where the line ends, 0: it is too long. All are addresses but `count`. */
type Compose = (at: number, end: number, pieces: number, count: number, numbers: number, powers: number) => number;

const WORD_BYTES = 8;
const MOST_PIECES = 256;
/** Words of four bytes: address · bytes · where its number stands, in bytes. */
const PIECE_WORDS = 3;
/** A text so long makes each line too long. */
const TOO_LONG = MOST_LINE_BYTES + 1;
/** The number that is none. */
export const NO_NUMBER = 0;
const MOST_NUMBERS = 32;
/** Of ten; the number of one digit is at least 0. */
const POWERS = [0, 10, 100, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8];

let code: WebAssembly.Module | null = null;

export class LineComposer {
  /** Whole, from 0 on; below 0 or NaN: there is none. Each stands behind the pieces that name its index. */
  readonly numbers: Float64Array;
  private readonly memory: WebAssembly.Memory;
  private readonly shelf: Shelf;
  private readonly text: LineBytes;
  private readonly words: Float64Array;
  private readonly pieces: Int32Array;
  private readonly compose: Compose;
  private readonly powersAt: number;
  private count = 0;
  private nextRoom: number;

  constructor(memory: WebAssembly.Memory) {
    const { buffer } = memory;
    this.memory = memory;
    this.text = new LineBytes(Buffer.from(buffer));
    this.words = new Float64Array(buffer);
    this.nextRoom = roomsAt(memory);
    this.shelf = new Shelf(this.words, this.nextRoom + ROOMS * ROOM_BYTES);
    const at = this.room();
    this.numbers = new Float64Array(buffer, at, MOST_NUMBERS).fill(Number.NaN);
    this.powersAt = at + this.numbers.byteLength;
    new Int32Array(buffer, this.powersAt, POWERS.length).set(POWERS);
    this.pieces = new Int32Array(buffer, this.powersAt + 64, MOST_PIECES * PIECE_WORDS);
    code ??= new WebAssembly.Module(Buffer.from(COMPOSE_CODE, 'base64'));
    this.compose = new WebAssembly.Instance(code, { log: { memory } }).exports.compose as Compose;
  }

  /** The address of one more room, for a text of up to MOST_LINE_BYTES and of up to a word more for each of its parts. */
  room(): number {
    const at = this.nextRoom;
    this.nextRoom += ROOM_BYTES;
    if (this.nextRoom > roomsAt(this.memory) + ROOMS * ROOM_BYTES) throw new RangeError(`more than ${ROOMS} rooms`);
    return at;
  }

  /** One more piece, with the number that has that index; returns its own. */
  add(number: number = NO_NUMBER): number {
    if (this.count === MOST_PIECES) throw new RangeError(`more than ${MOST_PIECES} pieces`);
    this.pieces[this.count * PIECE_WORDS + 2] = number * WORD_BYTES;
    return this.count++;
  }

  /** A piece has that text. */
  set(piece: number, address: number, length: number): void {
    const { pieces } = this;
    pieces[piece * PIECE_WORDS] = address;
    pieces[piece * PIECE_WORDS + 1] = length;
  }

  /** Where it differs what was shown is shown again with the next line (shelf.ts). */
  get round(): number {
    return this.shelf.round;
  }

  /** Pieces have those texts, in order, which come in many lines. */
  showRuns(of: readonly number[], runs: Runs): void {
    const { starts, lengths } = runs;
    const at = this.shelf.place(runs);
    for (let i = 0; i < of.length; i++) this.set(of[i], at + starts[i] * WORD_BYTES, lengths[i]);
  }

  /** The address of a text that comes in many lines. */
  shown(text: Constant): number {
    return this.shelf.place(text);
  }

  /** Pieces have those texts, in order, which are copied to a room of theirs. */
  putRuns(of: readonly number[], room: number, { words: from, starts, lengths }: Runs): void {
    const fits = from.length * WORD_BYTES <= MOST_LINE_BYTES;
    if (fits) copyWords(from, this.words, room / WORD_BYTES);
    for (let i = 0; i < of.length; i++) this.set(of[i], room + starts[i] * WORD_BYTES, fits ? lengths[i] : TOO_LONG);
  }

  /** Copies a text to a room; returns its bytes. */
  putConstant(room: number, { length, words: from }: Constant): number {
    if (length > MOST_LINE_BYTES) return TOO_LONG;
    copyWords(from, this.words, room / WORD_BYTES);
    return length;
  }

  /** For a text that is written to a room, up to `ended`. */
  begin(room: number): LineBytes {
    this.text.begin(room, MOST_LINE_BYTES);
    return this.text;
  }

  /** Bytes of the text that has been written to that room. */
  ended(room: number): number {
    const { text } = this;
    return text.isTooLong ? TOO_LONG : text.at - room;
  }

  constantOf(room: number, length: number): Constant {
    return new Constant(this.text.bytes.subarray(room, room + length));
  }

  /** All pieces in order, as a line of `out`, which is of the same memory. */
  writeTo(out: LineBytes): void {
    const { compose, pieces, count, numbers, powersAt } = this;
    const start = out.bytes.byteOffset;
    const end = compose(start + out.at, start + out.end, pieces.byteOffset, count, numbers.byteOffset, powersAt);
    out.endsAt(end === 0 ? -1 : end - start);
  }
}

/** The text of one piece, or of several that have the same, in a room of its own. */
export class PieceText {
  private readonly composer: LineComposer;
  readonly room: number;
  private readonly pieces: number[] = [];
  length = 0;

  constructor(composer: LineComposer) {
    this.composer = composer;
    this.room = composer.room();
  }

  /** One more piece has it. */
  add(): void {
    this.pieces.push(this.composer.add());
    this.setLength(this.length);
  }

  /** Of what stands in its room. */
  setLength(length: number): void {
    this.set(this.room, length);
  }

  private set(address: number, length: number): void {
    const { composer, pieces } = this;
    this.length = length;
    for (let i = 0; i < pieces.length; i++) composer.set(pieces[i], address, length);
  }

  /** Has a text that comes in many lines, until the round is another one. */
  show(text: Constant): void {
    this.set(this.composer.shown(text), text.length);
  }

  put(text: Constant): void {
    this.setLength(this.composer.putConstant(this.room, text));
  }

  /** For what is written up to `ended`. */
  begin(): LineBytes {
    return this.composer.begin(this.room);
  }

  ended(): void {
    this.setLength(this.composer.ended(this.room));
  }

  get isTooLong(): boolean {
    return this.length > MOST_LINE_BYTES;
  }

  /** What it is now. */
  constant(): Constant {
    return this.composer.constantOf(this.room, this.length);
  }
}
