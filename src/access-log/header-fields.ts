/**
 * Header fields as they stand in a line of JSON: `"request_User-Agent":"curl/8",` and so on, in the order of their names.
 * Clients and servers send the same fields again and again, so what was made of a block is kept for the next one like it.
 */
import type { AccessLogNames, AccessLogOptions, HeaderMode } from '../kernel/access-log-options.ts';
import { trimBlanks } from '../kernel/characters.ts';
import { owned } from '../kernel/owned-text.ts';
import { jsonField } from './escaping.ts';
import { Known, RECENT_PLACES, recentOf } from './known.ts';
import { Constant } from './line-bytes.ts';
import { type LineComposer, PieceText } from './line-composer.ts';
import { headerMode } from './modes.ts';

/** Longer blocks are gone through each time. */
const MOST_KEPT = 2_048;
const MOST_NAMES = 4_096;
const LINE_END = '\r\n';
const END = new Constant('",');
const NOTHING = new Constant('');
const REDACTED = 'REDACTED';
const REDACTED_BYTES = new Constant(REDACTED);
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

/** The request id among the fields of a request, in none of whose blocks it is. */
export class SentId {
  private readonly composer: LineComposer;
  private readonly name: PieceText;
  private readonly end: PieceText;
  private readonly id: PieceText;
  private readonly mode: HeaderMode;
  private readonly before: Constant;
  private piece = 0;
  private isShown = false;

  /** `id`: its text. */
  constructor(options: AccessLogOptions, prefix: string, composer: LineComposer, id: PieceText) {
    this.composer = composer;
    this.name = new PieceText(composer);
    this.end = new PieceText(composer);
    this.id = id;
    this.mode = headerMode(options, REQUEST_ID);
    const redacted = this.mode === 'redact' ? REDACTED : '';
    this.before = new Constant(`"${prefix}${canonical(REQUEST_ID)}":"${redacted}`);
  }

  addTo(): void {
    this.name.add();
    this.piece = this.composer.add();
    this.end.add();
  }

  /** Is it there? Its text has been put. */
  put(isSent: boolean): void {
    const isShown = isSent && this.mode !== 'drop';
    if (isShown !== this.isShown) {
      this.isShown = isShown;
      this.name.put(isShown ? this.before : NOTHING);
      this.end.put(isShown ? END : NOTHING);
    }
    const { id } = this;
    this.composer.set(this.piece, id.room, isShown && this.mode === 'keep' ? id.length : 0);
  }
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
  private readonly composer: LineComposer;
  private readonly before: PieceText;
  /** Of requests: behind the request id. */
  private readonly after: PieceText;
  /** By their names as they came. */
  private readonly named = new Map<string, Named>();
  private readonly canonical = new Map<string, Named>();
  private readonly known = new Known<Kept[]>();
  /** What was written last and is kept. */
  private last: Kept | null = null;
  /** What lines had last, by their place: servers that take turns have heads of their own. */
  private readonly recent: (Kept | null)[] = new Array<null>(RECENT_PLACES).fill(null);
  private round = 0;
  /** Of those with one key, where there are too many. */
  private oldest = 0;
  /** Of the block that is gone through, in the order of their names; those beyond `count` are of others. */
  private readonly fields: Field[] = [];
  private count = 0;

  constructor(options: AccessLogOptions, prefix: string, isOfHeads: boolean, composer: LineComposer) {
    this.options = options;
    this.names = options.names;
    this.prefix = prefix;
    this.isOfHeads = isOfHeads;
    this.requestId = this.nameOf(REQUEST_ID);
    this.composer = composer;
    this.before = new PieceText(composer);
    this.after = new PieceText(composer);
  }

  /** Its pieces come next in a line; `id`: behind those whose names stand before its own. */
  addTo(id: SentId | null): void {
    this.before.add();
    id?.addTo();
    this.after.add();
  }

  /**
   * Two blocks in a row, or the head of a response; `latin1`: one character per byte. `place`: of the entry, 0 where the blocks have nothing
   * to do with it. What the line before had costs nothing.
   */
  put(block: string, more: string, latin1: boolean, place: number): void {
    const { composer, recent } = this;
    const at = recentOf(place);
    const last = recent[at];
    if (last !== null && isOf(last, block, more, latin1)) {
      if (last !== this.last || composer.round !== this.round) this.show(last);
      return;
    }
    const isKept = block.length + more.length <= MOST_KEPT;
    const key = isKept ? keyOf(block, more) : 0;
    const alike = isKept ? this.known.find(key) : undefined;
    if (alike !== undefined) {
      for (let i = 0; i < alike.length; i++) {
        if (!isOf(alike[i], block, more, latin1)) continue;
        recent[at] = alike[i];
        this.show(alike[i]);
        return;
      }
    }
    this.last = null;
    const text = more === '' ? block : block + more;
    this.read(text);
    const rest = this.writeFields(this.before, text, 0, latin1, this.isOfHeads ? null : this.requestId);
    this.writeFields(this.after, text, rest, latin1, null);
    if (!isKept || this.before.isTooLong || this.after.isTooLong || !this.known.wants()) return;
    const before = this.before.constant();
    // Heads that come again are one text (src/http/response-head.ts), which is no part of another one.
    const kept = {
      block: this.isOfHeads ? block : owned(block),
      more: owned(more),
      latin1,
      before,
      after: this.after.constant(),
    };
    if (alike === undefined) this.known.keep(key, [kept]);
    else alike[alike.length < MOST_ALIKE ? alike.length : this.oldest++ % MOST_ALIKE] = kept;
  }

  private show(kept: Kept): void {
    this.last = kept;
    // Before it is shown: that may begin another one.
    this.round = this.composer.round;
    this.before.show(kept.before);
    this.after.show(kept.after);
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
  private writeFields(to: PieceText, text: string, from: number, latin1: boolean, last: Named | null): number {
    const { fields, count } = this;
    const out = to.begin();
    let at = from;
    while (at < count) {
      const { named, start, end } = fields[at];
      if (last !== null && named.compare(last) > 0) break;
      let value = trimBlanks(text, start, end);
      for (at++; at < count && fields[at].named.name === named.name; at++) {
        if (this.names === '3') value += `,${trimBlanks(text, fields[at].start, fields[at].end)}`;
      }
      out.constant(named.before);
      if (named.mode === 'redact') out.constant(REDACTED_BYTES);
      else out.json(value, latin1);
      out.constant(END);
    }
    to.ended();
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
