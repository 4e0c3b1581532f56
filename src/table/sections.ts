/** Typed views of the sections of a table, and its texts. */
import { TsujiError } from '../kernel/errors.ts';
import {
  BACKEND,
  BACKEND_GONE,
  FILING,
  FORMAT_VERSION,
  FRONTEND,
  HEADER,
  HEADER_WORDS,
  MAGIC,
  MOVED,
  OPTIONS,
  OTHERS,
  SECTION,
  WORD_BYTES,
} from './layout.ts';
import { weigh } from './weight.ts';

/** Throws TsujiError TABLE_CORRUPT when the buffer is no table of this format. */
export class TableSections {
  readonly buffer: SharedArrayBuffer;
  readonly generation: number;
  /** As in HEADER.base. */
  readonly base: number;
  /** As in HEADER.origin. */
  readonly origin: number;
  /** As in HEADER.writtenAnew. */
  readonly writtenAnew: number;
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
  readonly filings: Int32Array;
  readonly ranks: Float64Array;
  readonly frontendNames: Int32Array;
  readonly backendNames: Int32Array;
  readonly hidden: Int32Array;
  readonly places: Int32Array;
  readonly moved: Int32Array;
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
    this.buffer = buffer;
    this.generation = generationIn(header, HEADER.generationLow);
    this.base = generationIn(header, HEADER.base);
    this.origin = generationIn(header, HEADER.origin);
    this.writtenAnew = generationIn(header, HEADER.writtenAnew);
    this.anyHostCandidates = header[HEADER.anyHostCandidates];
    this.suffixIndex = header[HEADER.suffixIndex];
    this.backends = wordsOf(buffer, header, SECTION.backends);
    this.servers = wordsOf(buffer, header, SECTION.servers);
    this.schedules = wordsOf(buffer, header, SECTION.schedules);
    this.frontends = wordsOf(buffer, header, SECTION.frontends);
    this.programs = wordsOf(buffer, header, SECTION.programs);
    this.hostIndex = wordsOf(buffer, header, SECTION.hostIndex);
    this.candidates = wordsOf(buffer, header, SECTION.candidates);
    this.filings = wordsOf(buffer, header, SECTION.filings);
    const { byteOffset, length: words } = this.filings;
    if (byteOffset % 8 !== 0 || words % FILING.words !== 0) {
      throw new TsujiError('TABLE_CORRUPT', 'the filings of the routing table are out of line');
    }
    this.ranks = new Float64Array(buffer, byteOffset, words / 2);
    this.frontendNames = wordsOf(buffer, header, SECTION.frontendNames);
    this.backendNames = wordsOf(buffer, header, SECTION.backendNames);
    this.hidden = wordsOf(buffer, header, SECTION.hidden);
    this.places = wordsOf(buffer, header, SECTION.places);
    this.moved = wordsOf(buffer, header, SECTION.moved);
    const { offset, length } = placeOf(buffer, header, SECTION.strings);
    this.strings = new Uint8Array(buffer, offset, length);
    this.text = Buffer.from(buffer, offset, length);
  }

  /** That of the table in a buffer; 0 where there is none. */
  static generationOf(buffer: SharedArrayBuffer): number {
    if (buffer.byteLength < HEADER_WORDS * WORD_BYTES) return 0;
    return generationIn(new Int32Array(buffer, 0, HEADER_WORDS), HEADER.generationLow);
  }

  get frontendCount(): number {
    return this.frontends.length / FRONTEND.words;
  }

  get backendCount(): number {
    return this.backends.length / BACKEND.words;
  }

  rankOf(frontend: number): number {
    return this.ranks[(frontend * FILING.words + FILING.rank) / 2];
  }

  frontendName(frontend: number): string {
    return this.stringAt(this.frontends, frontend * FRONTEND.words + FRONTEND.name);
  }

  backendName(backend: number): string {
    return this.stringAt(this.backends, backend * BACKEND.words + BACKEND.name);
  }

  /** It is not one that has been there. */
  isLive(backend: number): boolean {
    return (this.backends[backend * BACKEND.words + BACKEND.flags] & BACKEND_GONE) === 0;
  }

  /** The backends that the options of a backend name, as in FRONTEND.backend. */
  othersOfBackend(backend: number): Int32Array {
    const { programs } = this;
    const others = this.backends[backend * BACKEND.words + BACKEND.others];
    const first = others + OTHERS.backends;
    return programs.subarray(first, others === 0 ? first : first + programs[others + OTHERS.count]);
  }

  /** The same of a frontend. */
  othersOfFrontend(frontend: number): Int32Array {
    const { programs } = this;
    const options = this.frontends[frontend * FRONTEND.words + FRONTEND.options];
    const first = options + OPTIONS.backends;
    return programs.subarray(first, options === 0 ? first : first + programs[options + OPTIONS.backendCount]);
  }

  /** The backend of this overlay that stands for one of its base; -1: it is as it was. */
  movedTo(backend: number): number {
    const { moved } = this;
    let low = 0;
    let high = moved.length / MOVED.words;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (moved[middle * MOVED.words + MOVED.from] < backend) low = middle + 1;
      else high = middle;
    }
    const word = low * MOVED.words;
    return word < moved.length && moved[word + MOVED.from] === backend ? moved[word + MOVED.to] : -1;
  }

  hides(frontend: number): boolean {
    return (this.hidden[frontend >> 5] & (1 << (frontend & 31))) !== 0;
  }

  /** The string whose two words begin at that word. */
  stringAt(words: Int32Array, word: number): string {
    return this.text.toString('utf8', words[word], words[word] + words[word + 1]);
  }
}

function generationIn(header: Int32Array, word: number): number {
  return header[word + 1] * 2 ** 32 + (header[word] >>> 0);
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
