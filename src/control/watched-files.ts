/**
 * Files on this host that keys of frontends and backends name: users, certificates. Read when such an object is built, and it
 * is built again when one of them changes.
 */
import { readFileSync, statSync } from 'node:fs';
import type { FileText } from '../middlewares/kind.ts';
import { FileWatch } from './tls/file-watch.ts';
import { fileStampNow } from './tls/pem-text.ts';

const MAX_BYTES = 1_048_576;

function textOf(path: string): FileText {
  try {
    const { size } = statSync(path);
    if (size > MAX_BYTES) return { text: '', problem: `it has ${size} bytes; ${MAX_BYTES} are the most` };
    return { text: readFileSync(path, 'utf8'), problem: '' };
  } catch (error) {
    return { text: '', problem: `it cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unreadable'})` };
  }
}

export class WatchedFiles {
  private readonly watch: FileWatch<string>;
  private readonly pathsOf = new Map<string, Set<string>>();

  /** `onChange`: a file of that object, `frontends/F` or `backends/B`, has changed. */
  constructor(onChange: (object: string) => void) {
    this.watch = new FileWatch(onChange);
  }

  /** `object` is built anew: what it read before counts no more. */
  forget(object: string): void {
    for (const path of this.pathsOf.get(object) ?? []) this.watch.remove(path, object);
    this.pathsOf.delete(object);
  }

  read(path: string, object: string): FileText {
    const paths = this.pathsOf.get(object) ?? new Set();
    this.pathsOf.set(object, paths.add(path));
    this.watch.add(path, fileStampNow(path), object);
    return textOf(path);
  }

  /** Resolves when whoever reads a file that has changed was told. */
  lookNow(): Promise<void> {
    return this.watch.lookNow();
  }

  stop(): void {
    this.watch.stop();
  }
}
