/** Where the events of the board come from: the log of the process, and what a look has found to be different. */
import type { HeardEvent } from '../../kernel/log.ts';
import { type Findings, type Level, type Text, WORSE } from '../admin/ui-api/shapes.ts';
import type { RowChange } from './backend-row.ts';
import { EventLog } from './event-log.ts';
import { happeningOf } from './heard-events.ts';
import { KeyChanges } from './key-changes.ts';
import { countOf, percentOf } from './words.ts';

/** The last word of a check or a connection about a server. */
export type LastWord = { readonly t: number; readonly text: string; readonly isBad: boolean };

const MOST_WORDS = 10_000;
const DAY_MS = 86_400_000;
const MOST_CHANGES = 100_000;
const LEVEL_WORSE: Readonly<Record<Level, number>> = {
  healthy: WORSE.better,
  starting: WORSE.neutral,
  degraded: WORSE.little,
  outage: WORSE.worse,
};

export class BoardEvents {
  readonly log = new EventLog();
  readonly keys = new KeyChanges();
  private readonly now: () => number;
  /** By backend and server. */
  private readonly words = new Map<string, LastWord>();
  /** When generations came into force. */
  private readonly changes: number[] = [];
  private newestChange: { readonly t: number; readonly text: Text } | null = null;
  /** The newest one before the level of now began. */
  private changeBefore: { readonly t: number; readonly text: Text } | null = null;

  constructor(now: () => number) {
    this.now = now;
  }

  /** Of the last 24 h. */
  changeCount(): number {
    const from = this.now() - DAY_MS;
    while (this.changes.length > 0 && this.changes[0] < from) this.changes.shift();
    return this.changes.length;
  }

  /** The last change of keys at or before `t`, as far as it is known. */
  lastChange(t: number): { readonly t: number; readonly text: Text } | null {
    for (const change of [this.newestChange, this.changeBefore]) if (change !== null && change.t <= t) return change;
    return null;
  }

  lastWord(backend: string, server: string): LastWord | null {
    return this.words.get(`${backend}\0${server}`) ?? null;
  }

  /** The log has told it before anybody could hear. */
  started(version: string): void {
    const text: Text = [['b', `tsuji ${version}`], ' starts'];
    this.log.add({ t: this.now(), kind: 'process', worse: WORSE.neutral, of: [], text, by: 'process' });
  }

  /** Of the log. */
  heard(event: HeardEvent): void {
    const t = this.now();
    if (event.name === 'config_applied') this.applied(event, t);
    if (/^server_(?:down|up|ejected|returned)$/.test(event.name)) this.learnWord(event, t);
    const happening = happeningOf(event, t);
    if (happening !== null) this.log.add(happening);
  }

  private applied({ fields }: HeardEvent, t: number): void {
    const { generation, revision = '', merged = 1 } = fields;
    const { count, detail } = this.keys.take();
    const parts = (['added', 'removed', 'changed'] as const).flatMap((name) =>
      Number(fields[name] ?? 0) > 0 ? [`${fields[name]} ${name}`] : [],
    );
    const text: Text = [
      ['b', `generation ${generation}`],
      `: ${count > 0 ? countOf(count, 'key') : 'no key'}${parts.length > 0 ? ` (objects: ${parts.join(', ')})` : ''}`,
    ];
    const by = String(revision).replaceAll('@', ' rev ') || 'keys';
    for (let i = 0; i < Math.min(Number(merged), MOST_CHANGES); i++) this.changes.push(t);
    if (this.changes.length > MOST_CHANGES) this.changes.splice(0, this.changes.length - MOST_CHANGES);
    this.newestChange = { t, text };
    this.log.add({ t, kind: 'keys', worse: WORSE.neutral, of: [], text, detail, by });
  }

  private learnWord({ name, fields }: HeardEvent, t: number): void {
    const key = `${fields.backend}\0${fields.server}`;
    const isBad = name === 'server_down' || name === 'server_ejected';
    const reason = fields.reason === undefined ? '' : String(fields.reason);
    const before = this.words.get(key);
    // Of an ejection the connections have said why.
    const text = reason === '' && isBad ? (before?.isBad ? before.text : 'its connections failed') : reason;
    this.words.delete(key);
    this.words.set(key, { t, text, isBad });
    if (this.words.size > MOST_WORDS) this.words.delete(this.words.keys().next().value!);
  }

  verdictChanged(before: Level, { level, since, title }: Findings, t: number): void {
    this.changeBefore = this.lastChange(since);
    const text: Text = [['b', level], level === 'healthy' ? ` again, was ${before}` : `: ${title}`];
    this.log.add({ t, kind: 'verdict', worse: LEVEL_WORSE[level], of: [], text, by: 'answers' });
  }

  rowChanged({ row, before, failing, recovered, breakerBefore }: RowChange): void {
    const t = this.now();
    for (const { server } of failing) {
      this.add(t, 'health', WORSE.worse, ['server', row.name, server.name], ' failing requests', 'answers', 'servers');
    }
    for (const { server, state } of recovered) {
      if (state !== 'in rotation' && state !== 'slow start') continue;
      this.add(t, 'health', WORSE.better, ['server', row.name, server.name], ' answering again', 'answers', 'servers');
    }
    if (row.breaker !== breakerBefore && row.breaker !== null && breakerBefore !== null) this.breakerChanged(row, t);
    if (before !== null) this.stateChanged(row, before, t);
  }

  private breakerChanged({ name, breaker }: RowChange['row'], t: number): void {
    const words = { standby: ' closed', tripped: ' opened', recovering: ' recovering' }[breaker ?? 'standby'];
    const worse = { standby: WORSE.better, tripped: WORSE.worse, recovering: WORSE.little }[breaker ?? 'standby'];
    this.add(t, 'breaker', worse, ['backend', name], `: breaker${words}`, 'breaker', 'backends');
  }

  private stateChanged({ name, state, why, shares }: RowChange['row'], before: string, t: number): void {
    const of = ['backend', name];
    if (state === 'failing' || state === 'impaired') {
      const worse = state === 'failing' ? WORSE.worse : before === 'failing' ? WORSE.better : WORSE.little;
      const share =
        shares.e5 !== null && shares.e5 > 0 && !why.includes('5xx') ? `, ${percentOf(shares.e5)} get a 5xx` : '';
      this.add(t, 'backend', worse, of, ` ${state}`, 'answers', 'backends', [`${why}${share}`]);
    } else if (before === 'failing' || before === 'impaired') {
      this.add(t, 'backend', WORSE.better, of, ' recovered', 'answers', 'backends', [`was ${before}`]);
    }
  }

  private add(
    t: number,
    kind: 'health' | 'breaker' | 'backend',
    worse: number,
    of: readonly string[],
    words: string,
    by: string,
    things: string,
    detail: Text = [],
  ): void {
    const text: Text = [['b', of.slice(1).join('/')], words];
    const many = (count: number): Text => [['b', `${count} ${things}`], words];
    this.log.add({ t, kind, worse, of, text, detail, by, group: kind + words, many });
  }
}
