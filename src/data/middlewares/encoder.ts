/**
 * Node's zlib for one body: at once in this thread, or piece by piece in its thread pool. Windows and tables are so small
 * that what an encoder takes is known (measured with Node 24: zstd of level 19 would take 80 MB without that, brotli of
 * quality 9 17 MB), and a client needs no more than 256 KiB to read it.
 */

import type { Transform } from 'node:stream';
import {
  brotliCompressSync,
  constants,
  createBrotliCompress,
  createGzip,
  createZstdCompress,
  gzipSync,
  type Zlib,
  zstdCompressSync,
} from 'node:zlib';
import type { Coding } from '../../kernel/codings.ts';

export type Encoder = Transform & Zlib;

const KIB = 1_024;

function brotliOptions(level: number): { params: Record<number, number> } {
  return { params: { [constants.BROTLI_PARAM_QUALITY]: level, [constants.BROTLI_PARAM_LGWIN]: 16 } };
}

function zstdOptions(level: number): { params: Record<number, number> } {
  return {
    params: {
      [constants.ZSTD_c_compressionLevel]: level,
      [constants.ZSTD_c_windowLog]: 18,
      [constants.ZSTD_c_hashLog]: 17,
      [constants.ZSTD_c_chainLog]: 17,
    },
  };
}

/** For all of a short body. */
export function encodeAtOnce(coding: Coding, level: number, body: Uint8Array | string): Buffer {
  if (coding === 'gzip') return gzipSync(body, { level });
  if (coding === 'br') return brotliCompressSync(body, brotliOptions(level));
  return zstdCompressSync(body, zstdOptions(level));
}

export function createEncoder(coding: Coding, level: number): Encoder {
  if (coding === 'gzip') return createGzip({ level });
  if (coding === 'br') return createBrotliCompress(brotliOptions(level));
  return createZstdCompress(zstdOptions(level));
}

/** All that was written comes out, so that a client can read it. */
export function flushEncoder(encoder: Encoder, coding: Coding): void {
  if (coding === 'gzip') encoder.flush(constants.Z_SYNC_FLUSH);
  else if (coding === 'br') encoder.flush(constants.BROTLI_OPERATION_FLUSH);
  else encoder.flush(constants.ZSTD_e_flush);
}

/** The longest body that is encoded within half a millisecond or so, bytes; 0: none is. */
export function atOnceBytes(coding: Coding, level: number): number {
  if (coding === 'gzip') return level <= 6 ? 16 * KIB : 8 * KIB;
  if (coding === 'br') return level <= 4 ? 16 * KIB : level <= 6 ? 8 * KIB : 0;
  return level <= 3 ? 16 * KIB : level <= 9 ? 4 * KIB : 0;
}

/** What an encoder takes, with what waits in it for its thread and its client, bytes. */
export function encoderBytes(coding: Coding, level: number): number {
  if (coding === 'gzip') return 640 * KIB;
  if (coding === 'br') return level <= 9 ? 1_536 * KIB : 4_096 * KIB;
  return 2_048 * KIB;
}
