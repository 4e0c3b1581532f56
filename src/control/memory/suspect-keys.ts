/**
 * Keys whose lease or TTL ran out, and that are in force all the same: those of servers that are suspect, and what of
 * their backends and frontends went along with them.
 *
 *     source ─▶ given: deletions of such keys are kept back ─▶ (written again) or (deleted, let go) ─▶ reconciler, snapshot
 *
 * A server is suspect while its url is kept. Other keys of it are kept as long, other keys of its backend and of the
 * frontends that name it as long as it has a suspect server; since keys that belong together run out one after the
 * other in etcd v2, each is kept for a moment in any case.
 */
import type { Change, SourceName } from '../source/source.ts';

/** etcd v2 looks for what has run out twice a second. */
export const TOGETHER_MS = 1_500;

const IN_OBJECT = /^(backends|frontends)\/([^/]+)\/(.*)$/s;
const SERVER = /^servers\/([^/]+)\/(.+)$/s;

export type SuspectName = { readonly backend: string; readonly server: string };

type Place = {
  readonly kind: 'backends' | 'frontends';
  readonly object: string;
  /** '' for a key of no server. */
  readonly server: string;
  readonly isUrl: boolean;
};

type Kept = Place & { /** performance.now() */ readonly since: number };

/** Deletions that may be in force now, by source. */
export type LetGo = ReadonlyMap<SourceName, readonly Change[]>;

function placeOf(key: string): Place | null {
  const [, kind, object, rest = ''] = IN_OBJECT.exec(key) ?? [];
  if (kind === undefined) return null;
  const [, server = '', field = ''] = kind === 'backends' ? (SERVER.exec(rest) ?? []) : [];
  return { kind: kind as Place['kind'], object, server, isUrl: field === 'url' };
}

/** Of a server, by its names. */
export function suspectId({ backend, server }: SuspectName): string {
  return `${backend}/${server}`;
}

export type SuspectKeysOptions = {
  /** Does another source have that key? */
  readonly isElsewhere: (source: SourceName, key: string) => boolean;
  /** The backend that a frontend names, as its keys in force say. */
  readonly backendOf: (frontend: string) => string;
  readonly onSuspect: (name: SuspectName) => void;
  /** It is registered again, or was deleted after all. */
  readonly onSettled: (name: SuspectName, outcome: 'returned' | 'deleted') => void;
};

export class SuspectKeys {
  private readonly options: SuspectKeysOptions;
  private readonly kept = new Map<SourceName, Map<string, Kept>>();
  /** The url of each suspect server. */
  private readonly urls = new Map<string, Place>();

  constructor(options: SuspectKeysOptions) {
    this.options = options;
  }

  get isEmpty(): boolean {
    for (const keys of this.kept.values()) if (keys.size > 0) return false;
    return true;
  }

  isSuspect(name: SuspectName): boolean {
    return this.urls.has(suspectId(name));
  }

  keeps(source: SourceName, key: string): boolean {
    return this.kept.get(source)?.has(key) === true;
  }

  /** Of a batch what may be in force at once. */
  given(source: SourceName, changes: readonly Change[], now: number): readonly Change[] {
    if (this.isEmpty && !changes.some(({ expired }) => expired === true)) return changes;
    return changes.filter(({ key, value, expired }) => {
      if (value === null && expired === true) return !this.keep(source, key, now);
      this.settle(source, key, value === null ? 'deleted' : 'returned');
      return true;
    });
  }

  /**
   * All keys of a source have been read anew, and `expired` are not among them any more. Returns those that are in force all
   * the same.
   */
  reread(
    source: SourceName,
    entries: { has(key: string): boolean },
    expired: Iterable<string>,
    now: number,
  ): Iterable<string> {
    for (const key of [...this.of(source).keys()]) if (entries.has(key)) this.settle(source, key, 'returned');
    for (const key of expired) this.keep(source, key, now);
    return this.of(source).keys();
  }

  /** The server is suspect no longer, but gone. */
  letGo(name: SuspectName): LetGo {
    return this.take(({ object, server }) => object === name.backend && server === name.server);
  }

  /** What belongs to no suspect server any more. */
  sweep(now: number): LetGo {
    const { isElsewhere, onSettled } = this.options;
    const backends = new Set(Array.from(this.urls.values(), ({ object }) => object));
    return this.take(({ kind, object, server, since, isUrl }, source, key) => {
      if (isElsewhere(source, key)) {
        if (isUrl) onSettled({ backend: object, server }, 'returned');
        return true;
      }
      if (now - since < TOGETHER_MS) return false;
      if (kind === 'frontends') return !backends.has(this.options.backendOf(object));
      return server === '' ? !backends.has(object) : !this.isSuspect({ backend: object, server });
    });
  }

  private of(source: SourceName): Map<string, Kept> {
    let keys = this.kept.get(source);
    if (keys === undefined) {
      keys = new Map();
      this.kept.set(source, keys);
    }
    return keys;
  }

  private keep(source: SourceName, key: string, now: number): boolean {
    const place = placeOf(key);
    if (place === null || this.options.isElsewhere(source, key)) return false;
    this.of(source).set(key, { ...place, since: now });
    if (place.isUrl) {
      const name = { backend: place.object, server: place.server };
      this.urls.set(suspectId(name), place);
      this.options.onSuspect(name);
    }
    return true;
  }

  private settle(source: SourceName, key: string, outcome: 'returned' | 'deleted'): void {
    const kept = this.of(source).get(key);
    if (kept === undefined) return;
    this.forget(source, key, kept);
    if (kept.isUrl) this.options.onSettled({ backend: kept.object, server: kept.server }, outcome);
  }

  private forget(source: SourceName, key: string, { object, server, isUrl }: Kept): void {
    this.of(source).delete(key);
    if (isUrl) this.urls.delete(suspectId({ backend: object, server }));
  }

  private take(isMeant: (kept: Kept, source: SourceName, key: string) => boolean): LetGo {
    const gone = new Map<SourceName, Change[]>();
    for (const [source, keys] of this.kept) {
      const changes: Change[] = [];
      for (const [key, kept] of keys) {
        if (!isMeant(kept, source, key)) continue;
        this.forget(source, key, kept);
        changes.push({ key, value: null });
      }
      if (changes.length > 0) gone.set(source, changes);
    }
    return gone;
  }
}
