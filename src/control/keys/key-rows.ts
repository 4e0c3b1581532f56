/** A key as pages tell of it. */
import { shownValue } from '../history/difference.ts';
import type { MergedKey } from '../routing/kv-merge.ts';
import type { SourceStatus } from '../source/source.ts';

export type KeyRow = {
  /** With the prefix. */
  readonly key: string;
  /** As it may be shown. */
  readonly value: string;
  readonly source: string;
  /** At which it was written last; null: that is not known. */
  readonly revision: number | null;
};

/** The prefix of frontends, backends and certificates: with an alias another one than that of all keys. */
export function treeOf(view: { readonly prefix: string; sources(): readonly Pick<SourceStatus, 'tree'>[] }): string {
  return view.sources().find(({ tree }) => tree !== undefined)?.tree ?? view.prefix;
}

/** `prefix`: of all keys. */
export function keyRow(prefix: string, { key, value, source, revision }: MergedKey): KeyRow {
  return { key: `${prefix}/${key}`, value: shownValue(key, value)!, source, revision };
}
