/** The last step of writing a table: its header and sections, one after the other, in shared memory. */
import { TsujiError } from '../kernel/errors.ts';
import { FORMAT_VERSION, HEADER, HEADER_WORDS, MAGIC, SECTION_ALIGNMENT, SECTION_COUNT, WORD_BYTES } from './layout.ts';

/** References are signed words, and an offset in bytes must fit one as well. */
const MAX_TABLE_BYTES = 0x7fffffff;

/** What stands in a header beside the places of the sections; generations as in HEADER. */
export type TableHead = {
  readonly generation: number;
  readonly base: number;
  readonly origin: number;
  readonly writtenAnew: number;
  readonly anyHost: number;
  readonly suffixIndex: number;
};

/** By SECTION; what is left out is empty. Throws TsujiError TABLE_TOO_LARGE beyond 2 GiB. */
export function assemble(
  head: TableHead,
  sections: readonly (Int32Array | Uint8Array | undefined)[],
): SharedArrayBuffer {
  const offsets: number[] = [];
  let end = HEADER_WORDS * WORD_BYTES;
  for (let i = 0; i < SECTION_COUNT; i++) {
    end = Math.ceil(end / SECTION_ALIGNMENT) * SECTION_ALIGNMENT;
    offsets.push(end);
    end += sections[i]?.byteLength ?? 0;
  }
  const totalBytes = Math.ceil(end / SECTION_ALIGNMENT) * SECTION_ALIGNMENT;
  if (totalBytes > MAX_TABLE_BYTES) {
    throw new TsujiError(
      'TABLE_TOO_LARGE',
      `the routing table would need ${totalBytes} bytes; the limit is ${MAX_TABLE_BYTES}`,
    );
  }
  const buffer = new SharedArrayBuffer(totalBytes);
  const header = new Int32Array(buffer, 0, HEADER_WORDS);
  header[HEADER.magic] = MAGIC;
  header[HEADER.formatVersion] = FORMAT_VERSION;
  setGeneration(header, HEADER.generationLow, head.generation);
  setGeneration(header, HEADER.base, head.base);
  setGeneration(header, HEADER.origin, head.origin);
  setGeneration(header, HEADER.writtenAnew, head.writtenAnew);
  header[HEADER.totalBytes] = totalBytes;
  header[HEADER.anyHostCandidates] = head.anyHost;
  header[HEADER.suffixIndex] = head.suffixIndex;
  const bytes = new Uint8Array(buffer);
  for (let i = 0; i < SECTION_COUNT; i++) {
    const section = sections[i];
    header[HEADER.sections + 2 * i] = offsets[i];
    header[HEADER.sections + 2 * i + 1] = section?.byteLength ?? 0;
    if (section === undefined) continue;
    bytes.set(new Uint8Array(section.buffer, section.byteOffset, section.byteLength), offsets[i]);
  }
  return buffer;
}

/** Two words. */
function setGeneration(header: Int32Array, word: number, generation: number): void {
  header[word] = generation | 0;
  header[word + 1] = Math.floor(generation / 2 ** 32);
}
