/**
 * Header fields as they stand in a line of JSON: `"request_User-Agent":"curl/8",` and so on, in the order of their names.
 * Clients and servers send the same fields again and again, so what was made of a block is kept for the next one like it.
 */
import type { AccessLogNames, AccessLogOptions, HeaderMode } from '../kernel/access-log-options.ts';
import { trimBlanks } from '../kernel/characters.ts';
import type { Entry } from './entry.ts';
import { jsonField } from './escaping.ts';
import { headerMode } from './modes.ts';

/** Blocks that are kept, each in the place that its length and its ends give it. */
const PLACES = 256;
/** Longer ones are made anew each time. */
const MOST_KEPT = 2_048;
const MOST_NAMES = 4_096;
const LINE_END = '\r\n';
/** Each request has another one, so it stands apart. */
const REQUEST_ID = 'x-request-id';

/** What is made of all fields with one name. */
type Named = { readonly name: string; readonly mode: HeaderMode };
/** What is made of some fields: those before the request id, and those behind it. */
type Made = { readonly before: string; readonly after: string };
/** The same of two blocks in a row; `more` may be ''. */
type Kept = Made & { readonly block: string; readonly more: string };
/** A value of the table below: canonical name, value. */
type Field = { readonly name: string; readonly mode: HeaderMode; value: string };

/** `user-agent` → `User-Agent`, as Go's textproto does it. */
function canonical(name: string): string {
  return name.toLowerCase().replace(/(^|-)[a-z]/g, (start) => start.toUpperCase());
}

const NOTHING: Made = Object.freeze({ before: '', after: '' });
const REDACTED = 'REDACTED';

/** What is put together of pieces would be gone through piece by piece each time that it is written. */
function inOnePiece(text: string): string {
  return Buffer.from(text).toString();
}

function byName(one: Field, other: Field): number {
  return one.name < other.name ? -1 : 1;
}

/** What was made of blocks with one prefix. */
export class KnownBlocks {
  readonly prefix: string;
  /** Of responses, each behind a status line. */
  readonly isOfHeads: boolean;
  private readonly kept: (Kept | undefined)[] = new Array(PLACES).fill(undefined);

  constructor(prefix: string, isOfHeads: boolean) {
    this.prefix = prefix;
    this.isOfHeads = isOfHeads;
  }

  private placeOf(block: string): number {
    const { length } = block;
    return (length * 31 + block.charCodeAt(length >> 1) * 7 + block.charCodeAt(length - 3)) & (PLACES - 1);
  }

  find(block: string, more: string): Made | null {
    const kept = this.kept[this.placeOf(block)];
    return kept !== undefined && kept.block === block && kept.more === more ? kept : null;
  }

  keep(kept: Kept): void {
    if (kept.block.length <= MOST_KEPT) this.kept[this.placeOf(kept.block)] = kept;
  }
}

export class HeaderFields {
  /** All are dropped. */
  readonly isEmpty: boolean;
  private readonly options: AccessLogOptions;
  private readonly names: AccessLogNames;
  private readonly named = new Map<string, Named>();

  constructor(options: AccessLogOptions) {
    this.options = options;
    this.names = options.names;
    const { defaultMode, names } = options.headers;
    this.isEmpty = defaultMode === 'drop' && names.every(([, mode]) => mode === 'drop');
  }

  /** Of the head of a response, whose text has one character per byte. */
  ofHead(known: KnownBlocks, head: string): string {
    if (head === '') return '';
    const { before, after } = this.of(known, head, '', true);
    return before + after;
  }

  ofRequest(known: KnownBlocks, { requestFields, forwardedFields, requestId, latin1 }: Entry): string {
    const line = `${REQUEST_ID}: ${requestId}\r\n`;
    const isOurs = requestId !== '' && requestFields.endsWith(line);
    const block = isOurs ? requestFields.slice(0, -line.length) : requestFields;
    const { before, after } = this.of(known, block, forwardedFields, latin1);
    if (!isOurs) return before + after;
    const { name, mode } = this.nameOf(REQUEST_ID);
    if (mode === 'drop') return before + after;
    return `${before}"${known.prefix}${name}":"${mode === 'redact' ? REDACTED : jsonField(requestId, false)}",${after}`;
  }

  private of(known: KnownBlocks, block: string, more: string, latin1: boolean): Made {
    // The same text means something else in a head of the other kind.
    const isUsual = latin1 === known.isOfHeads;
    const found = isUsual ? known.find(block, more) : null;
    if (found !== null) return found;
    // The status line of a response is none of its fields.
    const start = known.isOfHeads ? block.indexOf(LINE_END) + 2 : 0;
    const made = start === 1 ? NOTHING : this.make(known.prefix, block + more, start, latin1);
    if (isUsual) known.keep({ block, more, before: inOnePiece(made.before), after: inOnePiece(made.after) });
    return made;
  }

  private make(prefix: string, block: string, start: number, latin1: boolean): Made {
    const fields = new Map<string, Field>();
    for (let at = start; at < block.length; ) {
      const found = block.indexOf(LINE_END, at);
      const end = found < 0 ? block.length : found;
      this.add(fields, block, at, end);
      at = end + 2;
    }
    const id = canonical(REQUEST_ID);
    let before = '';
    let after = '';
    for (const { name, mode, value } of [...fields.values()].sort(byName)) {
      const shown = mode === 'redact' ? REDACTED : jsonField(value, latin1);
      const field = `"${prefix}${jsonField(name, latin1)}":"${shown}",`;
      if (name <= id) before += field;
      else after += field;
    }
    return { before, after };
  }

  private add(fields: Map<string, Field>, block: string, start: number, end: number): void {
    const colon = block.indexOf(':', start);
    if (colon < 0 || colon >= end) return;
    const { name, mode } = this.nameOf(block.slice(start, colon));
    if (mode === 'drop') return;
    const value = trimBlanks(block, colon + 1, end);
    const before = fields.get(name);
    if (before === undefined) fields.set(name, { name, mode, value });
    else if (this.names === '3') before.value += `,${value}`;
  }

  private nameOf(raw: string): Named {
    let named = this.named.get(raw);
    if (named === undefined) {
      named = { name: canonical(raw), mode: headerMode(this.options, raw.toLowerCase()) };
      if (this.named.size >= MOST_NAMES) this.named.clear();
      this.named.set(raw, named);
    }
    return named;
  }
}
