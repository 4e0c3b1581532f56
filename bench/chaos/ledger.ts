/** Every request of a chaos run, judged when all is known. */
import type { Outcome } from '../soak/ledger.ts';
import { explain, type Facts } from './explain.ts';
import type { Node } from './node.ts';

export type Entry = { readonly outcome: Outcome; readonly node: Node };

export type Judgement = {
  readonly good: number;
  /** By the words of their explanation. */
  readonly explained: ReadonlyMap<string, number>;
  readonly unexplained: readonly Entry[];
};

export class ChaosLedger {
  readonly entries: Entry[] = [];

  add(outcome: Outcome, node: Node): void {
    this.entries.push({ outcome, node });
  }

  judge(facts: Facts): Judgement {
    const explained = new Map<string, number>();
    const unexplained: Entry[] = [];
    let good = 0;
    for (const entry of this.entries) {
      const why = explain(entry.outcome, entry.node, facts);
      if (why === '') good++;
      else if (why === null) unexplained.push(entry);
      else explained.set(why, (explained.get(why) ?? 0) + 1);
    }
    return { good, explained, unexplained };
  }
}
