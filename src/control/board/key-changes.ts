/** Which keys have changed since the last generation that was told of: the first few with their values, all others as a number. */
import type { Text, TextPart } from '../admin/ui-api/shapes.ts';
import { shownValue } from '../history/difference.ts';
import type { MergedChange } from '../routing/kv-merge.ts';
import { countOf } from './words.ts';

const MOST_KEPT = 3;
const LONGEST_VALUE = 80;

export class KeyChanges {
  private first: MergedChange[] = [];
  private count = 0;

  /** Keys are relative to the prefix. */
  took(changes: readonly MergedChange[]): void {
    for (const change of changes) {
      if (change.before === change.value) continue;
      this.count++;
      if (this.first.length < MOST_KEPT) this.first.push(change);
    }
  }

  /** What of them is to be told; they are forgotten. */
  take(): { readonly count: number; readonly detail: Text } {
    const { first, count } = this;
    this.first = [];
    this.count = 0;
    const rest = count - first.length;
    const detail = first.flatMap((change, i): TextPart[] => [i === 0 ? '' : '; ', ...textOf(change)]);
    if (rest > 0) detail.push(`; and ${countOf(rest, 'more key')}`);
    return { count, detail: detail.filter((part) => part !== '') };
  }
}

function cut(text: string | null): string {
  return text === null ? '' : text.length > LONGEST_VALUE ? `${text.slice(0, LONGEST_VALUE)}…` : text;
}

function textOf({ key, before, value: after }: MergedChange): TextPart[] {
  const was = cut(shownValue(key, before));
  const is = cut(shownValue(key, after));
  if (before === null) return ['+ ', ['code', key], ' = ', ['code', is]];
  if (after === null) return ['− ', ['code', key]];
  return [['code', key], ' ', ['code', was], ' → ', ['code', is]];
}
