/**
 * Header fields as they stand in a line of JSON: `"request_User-Agent":"curl/8",` and so on, in the order of their names.
 * Clients and servers send the same fields again and again, so what was made of a block is kept for the next one like it.
 */
import type { AccessLogNames, AccessLogOptions, HeaderMode } from '../kernel/access-log-options.ts';
import { trimBlanks } from '../kernel/characters.ts';
import type { Entry } from './entry.ts';
import { jsonField } from './escaping.ts';
import { Known, owned } from './known.ts';
import { Constant, type LineBytes } from './line-bytes.ts';
import { headerMode } from './modes.ts';
import type { RepeatedText } from './repeated-text.ts';

/** Longer blocks are gone through each time. */
const MOST_KEPT = 2_048;
const MOST_NAMES = 4_096;
const LINE_END = '\r\n';
const END = new Constant('",');
const REDACTED = new Constant('REDACTED');
/** Each request has another one, so it stands apart. */
const REQUEST_ID = 'x-request-id';
const FIRST_CHARACTERS = 6;
/** Characters of a block that its key is made of. */
const SAMPLES = 8;
/** With one key: heads of the servers of one backend may differ in a single character. */
const MOST_ALIKE = 16;
/** More of them are sorted in another way. */
const MOST_INSERTED = 32;

/** All fields with one name. */
class Named {
  readonly name: string;
  readonly mode: HeaderMode;
  /** `"request_User-Agent":"` */
  readonly before: Constant;
  /** As the first characters of the name sort. */
  private readonly order: number;

  constructor(name: string, mode: HeaderMode, prefix: string) {
    this.name = name;
    this.mode = mode;
    this.before = new Constant(`"${prefix}${jsonField(name, true)}":"`);
    let order = 0;
    for (let i = 0; i < FIRST_CHARACTERS; i++) order = order * 256 + (i < name.length ? name.charCodeAt(i) & 0xff : 0);
    this.order = order;
  }

  /** Below 0 where this one stands before the other. */
  compare(other: Named): number {
    if (this.order !== other.order) return this.order - other.order;
    if (this.name === other.name) return 0;
    return this.name < other.name ? -1 : 1;
  }
}

/** One field of a block: where its value is, blanks and all. */
type Field = { named: Named; start: number; end: number };
/** Two blocks in a row, and what was made of them: up to the request id, and behind it. */
type Kept = {
  readonly block: string;
  readonly more: string;
  readonly latin1: boolean;
  readonly before: Constant;
  readonly after: Constant;
};

function isOf(kept: Kept, block: string, more: string, latin1: boolean): boolean {
  return kept.block === block && kept.more === more && kept.latin1 === latin1;
}

/** Are all dropped? */
export function dropsAll({ headers }: AccessLogOptions): boolean {
  return headers.defaultMode === 'drop' && headers.names.every(([, mode]) => mode === 'drop');
}

/** `user-agent` → `User-Agent`, as Go's textproto does it. */
function canonical(name: string): string {
  return name.toLowerCase().replace(/(^|-)[a-z]/g, (start) => start.toUpperCase());
}

/** Of a block, from some of its characters. */
function keyOf(block: string, more: string): number {
  const { length } = block;
  let key = Math.imul(length, 31) + more.length;
  for (let i = 1; i < SAMPLES; i++) key = Math.imul(key, 31) + block.charCodeAt(((length * i) / SAMPLES) | 0);
  return key | 0;
}

function lineEnd(text: string, from: number): number {
  const end = text.indexOf(LINE_END, from);
  return end < 0 ? text.length : end;
}

/** All with one prefix. */
export class HeaderFields {
  /** `request_` */
  readonly prefix: string;
  /** Of responses, each behind a status line. */
  private readonly isOfHeads: boolean;
  private readonly options: AccessLogOptions;
  private readonly names: AccessLogNames;
  private readonly requestId: Named;
  /** By their names as they came. */
  private readonly named = new Map<string, Named>();
  private readonly canonical = new Map<string, Named>();
  private readonly known = new Known<Kept[]>();
  /** What was written last and is kept: blocks that follow each other are often alike. */
  private last: Kept | null = null;
  /** Of those with one key, where there are too many. */
  private oldest = 0;
  /** Of the block that is gone through, in the order of their names; those beyond `count` are of others. */
  private readonly fields: Field[] = [];
  private count = 0;

  constructor(options: AccessLogOptions, prefix: string, isOfHeads: boolean) {
    this.options = options;
    this.names = options.names;
    this.prefix = prefix;
    this.isOfHeads = isOfHeads;
    this.requestId = this.nameOf(REQUEST_ID);
  }

  /** Of the head of a response, whose text has one character per byte. */
  ofHead(head: string, out: LineBytes): void {
    if (head !== '') this.write(head, '', true, null, out);
  }

  /** `id`: that of `entry`. */
  ofRequest({ requestFields, forwardedFields, latin1, isIdSent }: Entry, id: RepeatedText, out: LineBytes): void {
    this.write(requestFields, forwardedFields, latin1, isIdSent && this.requestId.mode !== 'drop' ? id : null, out);
  }

  /** `id`: the request id, which stands in neither; null for none. */
  private write(block: string, more: string, latin1: boolean, id: RepeatedText | null, out: LineBytes): void {
    const { last } = this;
    if (last !== null && isOf(last, block, more, latin1)) {
      this.writeKept(last, id, out);
      return;
    }
    const isKept = block.length + more.length <= MOST_KEPT;
    const key = isKept ? keyOf(block, more) : 0;
    const alike = isKept ? this.known.find(key) : undefined;
    if (alike !== undefined) {
      for (let i = 0; i < alike.length; i++) {
        if (!isOf(alike[i], block, more, latin1)) continue;
        this.last = alike[i];
        this.writeKept(alike[i], id, out);
        return;
      }
    }
    const text = more === '' ? block : block + more;
    this.read(text);
    const start = out.at;
    const rest = this.writeFields(text, 0, latin1, this.requestId, out);
    const idStart = out.at;
    if (id !== null) this.writeId(id, out);
    const idEnd = out.at;
    this.writeFields(text, rest, latin1, null, out);
    if (!isKept || out.isTooLong || !this.known.wants()) return;
    const before = new Constant(out.bytes.subarray(start, idStart));
    const after = new Constant(out.bytes.subarray(idEnd, out.at));
    const kept = { block: owned(block), more: owned(more), latin1, before, after };
    if (alike === undefined) this.known.keep(key, [kept]);
    else alike[alike.length < MOST_ALIKE ? alike.length : this.oldest++ % MOST_ALIKE] = kept;
  }

  private writeKept({ before, after }: Kept, id: RepeatedText | null, out: LineBytes): void {
    out.constant(before);
    if (id !== null) this.writeId(id, out);
    out.constant(after);
  }

  private writeId(id: RepeatedText, out: LineBytes): void {
    out.constant(this.requestId.before);
    if (this.requestId.mode === 'redact') out.constant(REDACTED);
    else id.write(out);
    out.constant(END);
  }

  /** The fields of a block, in their order, into `fields`. */
  private read(text: string): void {
    this.count = 0;
    // The status line of a response is none of its fields.
    for (let at = this.isOfHeads ? lineEnd(text, 0) + 2 : 0; at < text.length; ) {
      const end = lineEnd(text, at);
      const colon = text.indexOf(':', at);
      if (colon < 0) break;
      if (colon < end) this.add(this.nameOf(text.slice(at, colon)), colon + 1, end);
      at = end + 2;
    }
    this.sort();
  }

  private add(named: Named, start: number, end: number): void {
    if (named.mode === 'drop') return;
    const { fields } = this;
    let field = fields[this.count];
    if (field === undefined) {
      field = { named, start, end };
      fields.push(field);
    } else {
      field.named = named;
      field.start = start;
      field.end = end;
    }
    this.count++;
  }

  /** By their names; those with one name stay as they came. */
  private sort(): void {
    const { fields, count } = this;
    if (count > MOST_INSERTED) {
      const sorted = fields.slice(0, count).sort((one, other) => one.named.compare(other.named));
      for (let i = 0; i < count; i++) fields[i] = sorted[i];
      return;
    }
    for (let i = 1; i < count; i++) {
      const field = fields[i];
      let at = i;
      for (; at > 0 && fields[at - 1].named.compare(field.named) > 0; at--) fields[at] = fields[at - 1];
      fields[at] = field;
    }
  }

  /** Those from index `from` on, up to those with the name `last`; returns the index of the first one behind. */
  private writeFields(text: string, from: number, latin1: boolean, last: Named | null, out: LineBytes): number {
    const { fields, count } = this;
    let at = from;
    while (at < count) {
      const { named, start, end } = fields[at];
      if (last !== null && named.compare(last) > 0) break;
      let value = trimBlanks(text, start, end);
      for (at++; at < count && fields[at].named.name === named.name; at++) {
        if (this.names === '3') value += `,${trimBlanks(text, fields[at].start, fields[at].end)}`;
      }
      out.constant(named.before);
      if (named.mode === 'redact') out.constant(REDACTED);
      else out.json(value, latin1);
      out.constant(END);
    }
    return at;
  }

  private nameOf(raw: string): Named {
    const known = this.named.get(raw);
    if (known !== undefined) return known;
    if (this.named.size >= MOST_NAMES) {
      this.named.clear();
      this.canonical.clear();
    }
    const name = canonical(owned(raw));
    let named = this.canonical.get(name);
    if (named === undefined) {
      named = new Named(name, headerMode(this.options, name.toLowerCase()), this.prefix);
      this.canonical.set(name, named);
    }
    this.named.set(owned(raw), named);
    return named;
  }
}
