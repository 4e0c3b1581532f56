/** Values that are a path if such a file exists, else PEM text (shared/spec kv-schema §7). */
import { type BigIntStats, readFileSync, statSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { TsujiError } from '../../kernel/errors.ts';

/** A path of PEM text would be absurd, and to look it up would show a key to whoever traces system calls. */
export function isPemText(value: string): boolean {
  return value.includes('-----BEGIN ');
}

/** Only what is surely a path is shown: anything else may be a key that somebody pasted without its first line. */
function unreadable(part: string, value: string, error: unknown): TsujiError {
  const shown = value.startsWith('/') && !value.includes('\n') ? `${value}: ` : '';
  const code = (error as NodeJS.ErrnoException).code ?? 'unreadable';
  return new TsujiError('BAD_CERTIFICATE', `${part}: neither a readable file nor PEM text (${shown}${code})`);
}

/**
 * @param part what the text is for, as the operator calls it
 * @throws TsujiError BAD_CERTIFICATE
 */
export async function readPemText(part: string, value: string): Promise<string> {
  if (isPemText(value)) return value;
  try {
    return await readFile(value, 'utf8');
  } catch (error) {
    throw unreadable(part, value, error);
  }
}

/** @throws TsujiError BAD_CERTIFICATE */
export function readPemTextNow(part: string, value: string): string {
  if (isPemText(value)) return value;
  try {
    return readFileSync(value, 'utf8');
  } catch (error) {
    throw unreadable(part, value, error);
  }
}

function stampOf({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return `${dev}:${ino}:${size}:${mtimeNs}:${ctimeNs}`;
}

function stampOfNone(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? 'unreadable';
}

/** Differs when another file is behind the path, through whichever symlinks, or its content was written anew. */
export async function fileStamp(path: string): Promise<string> {
  try {
    return stampOf(await stat(path, { bigint: true }));
  } catch (error) {
    return stampOfNone(error);
  }
}

/** The same at once. */
export function fileStampNow(path: string): string {
  try {
    return stampOf(statSync(path, { bigint: true }));
  } catch (error) {
    return stampOfNone(error);
  }
}
