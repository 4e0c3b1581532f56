/** One look at a folder of keys: which keys there are, with which values. */
import type { BigIntStats } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { reasonOf } from '../../kernel/errors.ts';
import { decodedKeyText } from '../../kernel/key-text.ts';
import { relativeKey } from './keys.ts';

export type FolderEntry = {
  readonly value: string;
  /** Equal stamps mean an unchanged file; '' for a file too young to tell. */
  readonly stamp: string;
};

export type FolderScan = {
  readonly entries: ReadonlyMap<string, FolderEntry>;
  /** What could not be read, with the reason; its keys are those of the scan before. */
  readonly troubles: readonly string[];
};

/** Timestamps of files advance in steps; within one of them a second write leaves no trace. */
const YOUNG_NS = 50_000_000n;

/** Editors' and writers' intermediate files. */
function ignored(name: string): boolean {
  return name.startsWith('.') || name.endsWith('~') || name.endsWith('.tmp');
}

function isGone(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' || code === 'ENOTDIR';
}

function stampOf(stats: BigIntStats): string {
  if (BigInt(Date.now()) * 1_000_000n - stats.ctimeNs < YOUNG_NS) return '';
  return `${stats.dev}:${stats.ino}:${stats.size}:${stats.ctimeNs}`;
}

/** The value in a file: its text without the one newline that editors and `echo` put at the end. */
export function valueIn(content: string): string {
  return content.replace(/\r?\n$/, '');
}

class Scanner {
  readonly entries = new Map<string, FolderEntry>();
  readonly troubles: string[] = [];
  readonly #root: string;
  readonly #before: ReadonlyMap<string, FolderEntry>;
  readonly #visit: (directory: string) => void;

  constructor(root: string, before: ReadonlyMap<string, FolderEntry>, visit: (directory: string) => void) {
    this.#root = root;
    this.#before = before;
    this.#visit = visit;
  }

  async directory(path: string): Promise<void> {
    const absolute = join(this.#root, path);
    // Visited, that is watched, before it is listed: a file made in between is seen by one or the other.
    this.#visit(absolute);
    for (const item of await readdir(absolute, { withFileTypes: true })) {
      if (ignored(item.name)) continue;
      const below = `${path}/${item.name}`;
      if (decodedKeyText(below, '') !== below) {
        // Its name cannot even be opened by this text.
        this.entries.set(decodedKeyText(below, '').slice(1), { value: '', stamp: '' });
        continue;
      }
      try {
        if (item.isDirectory()) await this.directory(below);
        else await this.#file(below);
      } catch (error) {
        if (!isGone(error)) this.#keep(below, error);
      }
    }
  }

  async #file(path: string): Promise<void> {
    const key = relativeKey('', path);
    if (key === null) return;
    const absolute = join(this.#root, path);
    const stats = await stat(absolute, { bigint: true });
    if (!stats.isFile()) return;
    const stamp = stampOf(stats);
    const before = this.#before.get(key);
    const unchanged = before !== undefined && stamp !== '' && before.stamp === stamp;
    this.entries.set(key, unchanged ? before : { value: valueIn(await readFile(absolute, 'utf8')), stamp });
  }

  /** What cannot be read keeps the keys it had. */
  #keep(path: string, error: unknown): void {
    this.troubles.push(reasonOf(error));
    const top = path.slice(1);
    for (const [key, entry] of this.#before) {
      if (key === top || key.startsWith(`${top}/`)) this.entries.set(key, entry);
    }
  }
}

/**
 * Reads the folder; files that have not changed since the scan `before` are not read again. `visit` is called with each
 * directory before it is listed. Rejects when the folder itself cannot be read. Links to files are followed, links to
 * directories are not.
 */
export async function scanFolder(
  root: string,
  before: ReadonlyMap<string, FolderEntry>,
  visit: (directory: string) => void,
): Promise<FolderScan> {
  const scanner = new Scanner(root, before, visit);
  await scanner.directory('');
  return scanner;
}
