/**
 * What happened, the newest 10 000, in memory. What happens to many at once is one event that says how many: 87 servers that
 * go down within some seconds are a line with ×87, which knows whom it stands for.
 */
import type { BoardEvent, EventKind, Text } from '../admin/ui-api/shapes.ts';
import { kindOf } from '../kind-of-reason.ts';
import { plain } from './findings.ts';

export type Happening = {
  readonly t: number;
  readonly kind: EventKind;
  /** One of WORSE. */
  readonly worse: number;
  readonly of: readonly string[];
  readonly text: Text;
  readonly detail?: Text;
  readonly by: string;
  /** Those of one name that come soon after each other are one, whatever their details; '' for none. */
  readonly group?: string;
  /** The text for `count` of them. Absent: it stays that of the first. */
  readonly many?: (count: number) => Text;
  /** How many at once. */
  readonly times?: number;
};

export const MOST_EVENTS = 10_000;
const MOST_MEMBERS = 100;
/** Between two of a group, and from the first to the last, milliseconds. */
const GAP_MS = 10_000;
const LONGEST_MS = 60_000;
const NOTHING: Text = [];

type Group = {
  event: BoardEvent;
  readonly began: number;
  last: number;
  readonly members: Map<string, readonly string[]>;
  /** Of what kind all their details are; null: of several. */
  reason: string | null;
};

/** The one object that all are, or are in. */
function common(members: ReadonlyMap<string, readonly string[]>): readonly string[] {
  const [first, ...rest] = members.values();
  if (first === undefined || rest.length === 0) return first ?? [];
  const isServer = first[0] === 'server' && rest.every((other) => other[0] === 'server' && other[1] === first[1]);
  return isServer ? ['backend', first[1]] : [];
}

export class EventLog {
  /** By id modulo MOST_EVENTS. */
  private readonly ring: (BoardEvent | undefined)[] = [];
  private readonly groups = new Map<string, Group>();
  private next = 1;
  /** Moves with each event, also with one that joins another. */
  revision = 0;
  /** Hears of each event, and again of one that another has joined. */
  onEvent: (event: BoardEvent) => void = () => {};

  add(happening: Happening): void {
    this.revision++;
    const { group = '', t } = happening;
    const open = group === '' ? undefined : this.groups.get(group);
    if (open !== undefined && t - open.last <= GAP_MS && t - open.began <= LONGEST_MS) this.join(open, happening);
    else this.begin(happening, group);
  }

  private begin({ t, kind, worse, of, text, detail = NOTHING, by, times = 1 }: Happening, group: string): void {
    const event: BoardEvent = { id: this.next++, t, kind, worse, of, text, detail, n: times, by };
    this.put(event);
    if (group !== '') {
      for (const [name, { last }] of this.groups) if (t - last > GAP_MS) this.groups.delete(name);
      const members = new Map([[of.join('\0'), of]]);
      this.groups.set(group, { event, began: t, last: t, members, reason: kindOf(plain(detail)) });
    }
    this.onEvent(event);
  }

  private join(group: Group, { t, of, detail = NOTHING, many, times = 1 }: Happening): void {
    const { event, members } = group;
    group.last = t;
    if (members.size < MOST_MEMBERS) members.set(of.join('\0'), of);
    const n = event.n + times;
    const isOne = members.size === 1;
    const text = isOne || many === undefined ? event.text : many(n);
    const all = isOne ? {} : { members: [...members.values()] };
    let said = event.detail;
    if (group.reason !== null && kindOf(plain(detail)) !== group.reason) {
      group.reason = null;
      said = said.length === 0 ? detail : [...said, ', and others'];
    }
    group.event = { ...event, n, text, detail: said, of: common(members), ...all };
    this.put(group.event);
    this.onEvent(group.event);
  }

  private put(event: BoardEvent): void {
    this.ring[event.id % MOST_EVENTS] = event;
  }

  /** The newest id, 0 for none. */
  get newest(): number {
    return this.next - 1;
  }

  /** The newest first, from those before `id` on. */
  *before(id: number = this.next): Generator<BoardEvent> {
    const oldest = Math.max(1, this.next - MOST_EVENTS);
    for (let at = Math.min(id, this.next) - 1; at >= oldest; at--) {
      const event = this.ring[at % MOST_EVENTS];
      if (event !== undefined && event.id === at) yield event;
    }
  }
}

/** Is the event of that object, or of one in it? `of`: as in events; [] for all. */
export function concerns(event: BoardEvent, of: readonly string[]): boolean {
  return of.length === 0 || isOf(event.of, of) || (event.members?.some((member) => isOf(member, of)) ?? false);
}

function isOf(what: readonly string[], of: readonly string[]): boolean {
  if (what[0] === of[0]) return what[1] === of[1] && (of.length < 3 || what[2] === of[2]);
  return of[0] === 'backend' && what[0] === 'server' && what[1] === of[1];
}
