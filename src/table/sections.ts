/** Typed views of the sections of a table, and its texts. */
import { TsujiError } from '../kernel/errors.ts';
import { FORMAT_VERSION, HEADER, HEADER_WORDS, MAGIC, SECTION, WORD_BYTES } from './layout.ts';
import { weigh } from './weight.ts';

/** Throws TsujiError TABLE_CORRUPT when the buffer is no table of this format. */
export class TableSections {
  readonly generation: number;
  /** As in HOST_CELL.candidates. */
  readonly anyHostCandidates: number;
  /** As in HEADER.suffixIndex. */
  readonly suffixIndex: number;
  readonly backends: Int32Array;
  readonly servers: Int32Array;
  readonly schedules: Int32Array;
  readonly frontends: Int32Array;
  readonly programs: Int32Array;
  readonly hostIndex: Int32Array;
  readonly candidates: Int32Array;
  readonly strings: Uint8Array;
  private readonly text: Buffer;

  constructor(buffer: SharedArrayBuffer) {
    if (buffer.byteLength < HEADER_WORDS * WORD_BYTES) {
      throw new TsujiError('TABLE_CORRUPT', `a routing table of ${buffer.byteLength} bytes has no room for its header`);
    }
    const header = new Int32Array(buffer, 0, HEADER_WORDS);
    if (header[HEADER.magic] !== MAGIC) throw new TsujiError('TABLE_CORRUPT', 'this memory holds no routing table');
    if (header[HEADER.formatVersion] !== FORMAT_VERSION) {
      throw new TsujiError(
        'TABLE_CORRUPT',
        `the routing table has format ${header[HEADER.formatVersion]}, this build reads format ${FORMAT_VERSION}`,
      );
    }
    if (header[HEADER.totalBytes] !== buffer.byteLength) {
      throw new TsujiError(
        'TABLE_CORRUPT',
        `the routing table says it has ${header[HEADER.totalBytes]} bytes, but there are ${buffer.byteLength}`,
      );
    }
    weigh(buffer);
    this.generation = header[HEADER.generationHigh] * 2 ** 32 + (header[HEADER.generationLow] >>> 0);
    this.anyHostCandidates = header[HEADER.anyHostCandidates];
    this.suffixIndex = header[HEADER.suffixIndex];
    this.backends = wordsOf(buffer, header, SECTION.backends);
    this.servers = wordsOf(buffer, header, SECTION.servers);
    this.schedules = wordsOf(buffer, header, SECTION.schedules);
    this.frontends = wordsOf(buffer, header, SECTION.frontends);
    this.programs = wordsOf(buffer, header, SECTION.programs);
    this.hostIndex = wordsOf(buffer, header, SECTION.hostIndex);
    this.candidates = wordsOf(buffer, header, SECTION.candidates);
    const { offset, length } = placeOf(buffer, header, SECTION.strings);
    this.strings = new Uint8Array(buffer, offset, length);
    this.text = Buffer.from(buffer, offset, length);
  }

  /** The string whose two words begin at that word. */
  stringAt(words: Int32Array, word: number): string {
    return this.text.toString('utf8', words[word], words[word] + words[word + 1]);
  }
}

function placeOf(buffer: SharedArrayBuffer, header: Int32Array, section: number): { offset: number; length: number } {
  const offset = header[HEADER.sections + 2 * section];
  const length = header[HEADER.sections + 2 * section + 1];
  if (offset < HEADER_WORDS * WORD_BYTES || length < 0 || offset + length > buffer.byteLength) {
    throw new TsujiError('TABLE_CORRUPT', `section ${section} of the routing table lies outside of it`);
  }
  return { offset, length };
}

function wordsOf(buffer: SharedArrayBuffer, header: Int32Array, section: number): Int32Array {
  const { offset, length } = placeOf(buffer, header, section);
  if (offset % WORD_BYTES !== 0 || length % WORD_BYTES !== 0) {
    throw new TsujiError('TABLE_CORRUPT', `section ${section} of the routing table is not made of whole words`);
  }
  return new Int32Array(buffer, offset, length / WORD_BYTES);
}
