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

/** What is made of all fields with one name. */
type Named = { readonly name: string; readonly mode: HeaderMode };
/** What was made of two blocks in a row; `more` may be ''. */
type Kept = { readonly block: string; readonly more: string; readonly made: string };
/** A value of the table below: canonical name, value. */
type Field = { readonly name: string; readonly mode: HeaderMode; value: string };

/** `user-agent` → `User-Agent`, as Go's textproto does it. */
function canonical(name: string): string {
  return name.toLowerCase().replace(/(^|-)[a-z]/g, (start) => start.toUpperCase());
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

  find(block: string, more: string): string | null {
    const kept = this.kept[this.placeOf(block)];
    return kept !== undefined && kept.block === block && kept.more === more ? kept.made : null;
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
    return head === '' ? '' : this.of(known, head, '', true);
  }

  ofRequest(known: KnownBlocks, { requestFields, forwardedFields, latin1 }: Entry): string {
    return this.of(known, requestFields, forwardedFields, latin1);
  }

  private of(known: KnownBlocks, block: string, more: string, latin1: boolean): string {
    const found = latin1 === known.isOfHeads ? known.find(block, more) : null;
    if (found !== null) return found;
    // The status line of a response is none of its fields.
    const start = known.isOfHeads ? block.indexOf(LINE_END) + 2 : 0;
    const made = start === 1 ? '' : this.make(known.prefix, block + more, start, latin1);
    // The same text means something else in a head of the other kind.
    if (latin1 === known.isOfHeads) known.keep({ block, more, made });
    return made;
  }

  private make(prefix: string, block: string, start: number, latin1: boolean): string {
    const fields = new Map<string, Field>();
    for (let at = start; at < block.length; ) {
      const found = block.indexOf(LINE_END, at);
      const end = found < 0 ? block.length : found;
      this.add(fields, block, at, end);
      at = end + 2;
    }
    let made = '';
    for (const { name, mode, value } of [...fields.values()].sort(byName)) {
      const shown = mode === 'redact' ? 'REDACTED' : jsonField(value, latin1);
      made += `"${prefix}${jsonField(name, latin1)}":"${shown}",`;
    }
    return made;
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
