/**
 * Fields of a request as uWebSockets tells them, one after the other, for `RequestHead`. Most clients send the same fields with each
 * request: as long as they are those of one before, nothing is made of them (src/http/repeated-fields.ts).
 */
import { RepeatedFields } from '../../http/repeated-fields.ts';
import type { RequestHead } from '../../http/request-head.ts';

/** U+FFFD: uWS decodes fields as UTF-8, and puts this in the place of what is none. Who sends it on purpose is rare. */
const UNDECODED = '\ufffd';

/** Requests whose fields are known, each other ones. */
const MOST_KNOWN = 8;
/** Characters of such fields. */
const MOST_KEPT = 2_048;
/** Of requests with other ones so many are kept: those that come often are soon among them. */
const ONE_IN = 8;

type Known = { readonly names: readonly string[]; readonly values: readonly string[]; readonly fields: RepeatedFields };

export class UwsFields {
  /** A value holds a character that stands for what uWS could not decode. */
  isLossy = false;
  private readonly head: RequestHead;
  private readonly known: Known[] = [];
  private nextKnown = 0;
  /** Whose fields all so far are; null: they are nobody's, and have gone to the head. */
  private like: Known | null = null;
  private count = 0;
  private others = 0;
  /** null: they will not be kept. */
  private names: string[] | null = null;
  private values: string[] = [];

  constructor(head: RequestHead) {
    this.head = head;
  }

  /** After `begin` of the head. */
  begin(): void {
    this.isLossy = false;
    this.count = 0;
    this.like ??= this.known[0] ?? null;
    if (this.like === null) this.isOther();
  }

  readonly add = (name: string, value: string): void => {
    const { like, count } = this;
    if (like === null) this.take(name, value);
    else if (count < like.names.length && like.values[count] === value && like.names[count] === name) this.count++;
    else this.differs(name, value);
  };

  /** All have come, before `finish` of the head. True: they were known. */
  end(): boolean {
    const { like, count, head } = this;
    if (like === null) return false;
    if (count === like.names.length) {
      head.repeat(like.fields);
      // They are of many clients, each with forwarded lines of its own: what was sent last is seldom what is sent now.
      head.repeated = null;
      return true;
    }
    this.giveBack(like);
    return false;
  }

  /** The head is settled: its fields may come again. */
  keep(): void {
    const { names, values, head } = this;
    this.names = null;
    if (names === null || this.isLossy || !head.isRepeatable) return;
    const length = head.fields.length + head.withheldFields.length;
    if (length > MOST_KEPT) return;
    this.known[this.nextKnown] = { names, values, fields: new RepeatedFields(head, length) };
    this.nextKnown = (this.nextKnown + 1) % MOST_KNOWN;
  }

  /** This field is not that of the request that they were compared with. */
  private differs(name: string, value: string): void {
    const { count, known } = this;
    const like = this.like!;
    for (let i = 0; i < known.length; i++) {
      const { names, values } = known[i];
      if (count >= names.length || values[count] !== value || names[count] !== name) continue;
      if (!startsAlike(known[i], like, count)) continue;
      this.like = known[i];
      this.count++;
      return;
    }
    this.giveBack(like);
    this.take(name, value);
  }

  private giveBack({ names, values }: Known): void {
    const { count } = this;
    this.like = null;
    this.isOther();
    for (let i = 0; i < count; i++) this.take(names[i], values[i]);
  }

  private isOther(): void {
    const keeps = this.others++ % ONE_IN === 0;
    this.names = keeps ? [] : null;
    if (keeps) this.values = [];
  }

  private take(name: string, value: string): void {
    if (value.includes(UNDECODED)) this.isLossy = true;
    if (this.names !== null) {
      this.names.push(name);
      this.values.push(value);
    }
    this.head.add(name, value);
  }
}

/** Their first `count` fields are the same. */
function startsAlike(one: Known, other: Known, count: number): boolean {
  if (one === other) return false;
  for (let i = count - 1; i >= 0; i--) {
    if (one.values[i] !== other.values[i] || one.names[i] !== other.names[i]) return false;
  }
  return true;
}
