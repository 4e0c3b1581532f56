/** Files that tsuji keeps something in. */
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';

/** To be read; null: there is none. What its name leads to through a link counts for an error. */
export async function openIfThere(path: string): Promise<FileHandle | null> {
  try {
    return await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}
