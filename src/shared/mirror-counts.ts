/**
 * What became of the copies that frontends send to other backends, counted by all workers in one table that main reads.
 *
 *     cells    CELLS × 4 words of 64 bits: hash of frontend and backend, 0 for none · answered · failed · skipped
 *
 * A cell is never given back: its counts go on where they stopped when a mirror returns. The last one is for all that find
 * no other.
 */
import { createHash } from 'node:crypto';

const CELLS = 4_096;
const CELL_WORDS = 4;
const OTHERS = CELLS - 1;

/** What can become of a copy, as metrics name it. */
export const MIRROR_RESULTS = ['ok', 'failed', 'skipped'] as const;
export type MirrorResult = (typeof MIRROR_RESULTS)[number];

export function createMirrorCounts(): SharedArrayBuffer {
  return new SharedArrayBuffer(CELLS * CELL_WORDS * BigInt64Array.BYTES_PER_ELEMENT);
}

function hashOf(frontend: string, backend: string): bigint {
  return createHash('sha1').update(`${frontend}/${backend}`).digest().readBigInt64LE() | 1n;
}

export class MirrorCounts {
  private readonly words: BigInt64Array;

  /** `buffer`: made by `createMirrorCounts`. */
  constructor(buffer: SharedArrayBuffer) {
    this.words = new BigInt64Array(buffer);
  }

  /** For `count`. Names have no slash. */
  cellOf(frontend: string, backend: string): number {
    const hash = hashOf(frontend, backend);
    let cell = Number(BigInt.asUintN(32, hash >> 1n)) % OTHERS;
    for (let tries = 0; tries < OTHERS; tries++, cell = (cell + 1) % OTHERS) {
      const found = Atomics.compareExchange(this.words, cell * CELL_WORDS, 0n, hash);
      if (found === 0n || found === hash) return cell;
    }
    return OTHERS;
  }

  count(cell: number, result: MirrorResult): void {
    Atomics.add(this.words, cell * CELL_WORDS + 1 + MIRROR_RESULTS.indexOf(result), 1n);
  }

  /** In the order of MIRROR_RESULTS. */
  totals(frontend: string, backend: string): number[] {
    const at = this.cellOf(frontend, backend) * CELL_WORDS + 1;
    return MIRROR_RESULTS.map((_, i) => Number(Atomics.load(this.words, at + i)));
  }
}
