/**
 * The text of a line as it stands around its values, in pieces that some parts have in turn. A part has its own room here, and
 * what it has is copied into it when it changes: so a line is written from one piece of memory, whichever parts it has.
 */
import { Runs, WORDS_AT_ONCE } from './line-bytes.ts';

const NONE = new Runs([]);

export class LineTemplate {
  /** Runs begin with a word, and behind each are some that may be read with its last. */
  words = new Float64Array(0);
  /** Of each piece: index of its first word, and bytes. */
  readonly starts: Int32Array;
  readonly lengths: Int32Array;
  /** Of each part: its pieces in order, what it has, its first word and how many it may have. */
  private readonly pieces: readonly Uint8Array[];
  private readonly runs: Runs[];
  private readonly roomAt: number[];
  private readonly rooms: number[];

  /** `partOf`: of each piece, from 0. */
  constructor(partOf: readonly number[]) {
    const parts = Math.max(...partOf) + 1;
    this.starts = new Int32Array(partOf.length);
    this.lengths = new Int32Array(partOf.length);
    this.pieces = Array.from({ length: parts }, (_, part) =>
      Uint8Array.from([...partOf.keys()].filter((piece) => partOf[piece] === part)),
    );
    this.runs = Array.from({ length: parts }, () => NONE);
    this.roomAt = Array.from({ length: parts }, () => 0);
    this.rooms = Array.from({ length: parts }, () => 0);
  }

  /** A part has those runs now, one for each of its pieces. */
  put(part: number, runs: Runs): void {
    this.runs[part] = runs;
    if (runs.words.length > this.rooms[part]) this.grow(part, 2 * runs.words.length);
    else this.copy(part);
  }

  private grow(part: number, room: number): void {
    const { rooms, roomAt } = this;
    rooms[part] = room;
    let at = 0;
    for (let i = 0; i < rooms.length; i++) {
      roomAt[i] = at;
      at += rooms[i];
    }
    this.words = new Float64Array(at + WORDS_AT_ONCE);
    for (let i = 0; i < rooms.length; i++) this.copy(i);
  }

  private copy(part: number): void {
    const { starts, lengths } = this;
    const { words: from, starts: startOf, lengths: lengthOf } = this.runs[part];
    const { words } = this;
    const at = this.roomAt[part];
    for (let i = 0; i < from.length; i++) words[at + i] = from[i];
    const pieces = this.pieces[part];
    for (let i = 0; i < lengthOf.length; i++) {
      const piece = pieces[i];
      starts[piece] = at + startOf[i];
      lengths[piece] = lengthOf[i];
    }
  }
}
