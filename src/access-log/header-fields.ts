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
const PLACES = 1_024;
/** Longer ones are made anew each time. */
const MOST_KEPT = 4_096;
const MOST_NAMES = 4_096;
const LINE_END = '\r\n';

/** What is made of all fields with one name. */
type Named = { readonly name: string; readonly mode: HeaderMode };
type Kept = { block: string; made: string };
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
class KnownBlocks {
  private readonly kept: (Kept | undefined)[] = new Array(PLACES).fill(undefined);

  private placeOf(block: string): number {
    const { length } = block;
    return (length * 31 + block.charCodeAt(length >> 1) * 7 + block.charCodeAt(length - 3)) & (PLACES - 1);
  }

  find(block: string): string | null {
    const kept = this.kept[this.placeOf(block)];
    return kept !== undefined && kept.block === block ? kept.made : null;
  }

  keep(block: string, made: string): void {
    if (block.length > MOST_KEPT) return;
    this.kept[this.placeOf(block)] = { block, made };
  }
}

export class HeaderFields {
  /** All are dropped. */
  readonly isEmpty: boolean;
  private readonly options: AccessLogOptions;
  private readonly names: AccessLogNames;
  private readonly named = new Map<string, Named>();
  private readonly blocks = new Map<string, KnownBlocks>();

  constructor(options: AccessLogOptions) {
    this.options = options;
    this.names = options.names;
    const { defaultMode, names } = options.headers;
    this.isEmpty = defaultMode === 'drop' && names.every(([, mode]) => mode === 'drop');
  }

  /** Of the head of a response, whose text has one character per byte. */
  ofHead(prefix: string, head: string): string {
    const start = head.indexOf(LINE_END);
    if (start < 0) return '';
    return this.of(prefix, head, start + 2, true);
  }

  ofRequest({ requestFields, forwardedFields, latin1 }: Entry): string {
    if (forwardedFields === '') return this.of('request_', requestFields, 0, latin1);
    return this.of('request_', requestFields + forwardedFields, 0, latin1);
  }

  private of(prefix: string, block: string, start: number, latin1: boolean): string {
    if (block.length <= start) return '';
    let known = this.blocks.get(prefix);
    if (known === undefined) {
      known = new KnownBlocks();
      this.blocks.set(prefix, known);
    }
    const found = known.find(block);
    if (found !== null) return found;
    const made = this.make(prefix, block, start, latin1);
    known.keep(block, made);
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
