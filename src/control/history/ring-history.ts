/** What this node has kept of the keys (memory/snapshot-ring.ts): their state at a revision, and what happened to one key. */
import { reasonOf, TsujiError } from '../../kernel/errors.ts';
import { readOwn } from '../memory/snapshot-file.ts';
import { type KeysThen, prefixOf, readSnapshot, type SnapshotVisitor } from '../memory/snapshot-format.ts';
import { ringFiles } from '../memory/snapshot-ring.ts';
import type { SourceName } from '../source/source.ts';
import type { KeyEvent, State, StoredKey } from './etcd-history.ts';

export type RingEvent = KeyEvent & { /** Then or before: nobody looked. */ readonly isLate: boolean };

/** Revisions of which all is known, both of them too. */
export type Extent = { readonly from: number; readonly to: number };

function storedKeys({ entries, leased }: KeysThen): Map<string, StoredKey> {
  return new Map(
    Array.from(entries, ([key, value]) => [key, { value, modRevision: 0, isLeased: leased.has(key) }] as const),
  );
}

export class RingHistory {
  private readonly path: string;
  private readonly prefix: string;

  /** `path`: of the newest snapshot, '' for none. `prefix`: of the keys; what is kept of another one is passed over. */
  constructor(path: string, prefix: string) {
    this.path = path;
    this.prefix = prefix;
  }

  /**
   * All keys at a revision, 0 for the newest.
   * @throws TsujiError NOT_KEPT with what there is
   */
  async at(source: SourceName, revision: number): Promise<State> {
    for (const file of (await this.files()).reverse()) {
      let first = 0;
      let last = 0;
      let keys: KeysThen | null = null;
      let isEnough = false;
      await this.visit(file, {
        before: ({ name, revision: next }) => {
          isEnough = name === source && revision > 0 && Number(next) > revision;
          return !isEnough;
        },
        at: (mark, then) => {
          if (mark.name !== source) return;
          last = Number(mark.revision);
          if (keys === null) first = last;
          keys = then;
        },
      });
      if (keys === null || (revision > 0 && first > revision)) continue;
      if (revision === 0 || isEnough || last === revision) {
        return { revision: revision === 0 ? last : revision, keys: storedKeys(keys) };
      }
      break;
    }
    const known = (await this.extents(source)).map(({ from, to }) => `${from} to ${to}`);
    const what = known.length === 0 ? 'nothing' : `revisions ${known.join(', ')}`;
    throw new TsujiError('NOT_KEPT', `revision ${revision} is not among what this node has kept of ${source}: ${what}`);
  }

  /** What happened to one key, the oldest first, as far back as there is anything. */
  async of(source: SourceName, key: string): Promise<RingEvent[]> {
    const events: RingEvent[] = [];
    for (const file of await this.files()) {
      let isFirst = true;
      await this.visit(file, {
        before: () => true,
        at: ({ name, revision }, { entries, leased }) => {
          if (name !== source) return;
          const value = entries.get(key) ?? null;
          const before = events.at(-1)?.value ?? null;
          const isLate = isFirst;
          isFirst = false;
          if (value === before) return;
          events.push({ revision: Number(revision), value, isLeased: leased.has(key), isLate });
        },
      });
    }
    return events;
  }

  async extents(source: SourceName): Promise<Extent[]> {
    const extents: Extent[] = [];
    for (const file of await this.files()) {
      let from = 0;
      let to = 0;
      await this.visit(file, {
        before: () => true,
        at: ({ name, revision }) => {
          if (name !== source) return;
          to = Number(revision);
          if (from === 0) from = to;
        },
      });
      const last = extents.at(-1);
      if (last !== undefined && last.to === from) extents[extents.length - 1] = { from: last.from, to };
      else if (to > 0) extents.push({ from, to });
    }
    return extents;
  }

  private async files(): Promise<string[]> {
    return this.path === '' ? [] : await ringFiles(this.path);
  }

  /** A file that has gone meanwhile, is damaged or of another prefix has nothing to tell. */
  private async visit(file: string, visitor: SnapshotVisitor): Promise<void> {
    const bytes = await readOwn(file, true).catch((error: unknown) => {
      throw new TsujiError('NOT_READABLE', `${file}: ${reasonOf(error)}`, { cause: error });
    });
    if (bytes === null || prefixOf(bytes) !== this.prefix) return;
    try {
      readSnapshot(bytes, visitor);
    } catch (error) {
      if (!(error instanceof TsujiError)) throw error;
    }
  }
}
