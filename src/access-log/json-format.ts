/**
 * A line of JSON as Traefik writes it (shared/spec logs §1.2), with our fields (§2.3): keys sorted by their bytes, whole
 * nanoseconds and bytes. It is put together once from the options into one row of steps: what is dropped costs nothing, and
 * what is the same for many lines is copied (line-parts.ts).
 */
import type { AccessLogOptions } from '../kernel/access-log-options.ts';
import type { Entry } from './entry.ts';
import { dropsAll, HeaderFields } from './header-fields.ts';
import { DECIDING } from './json-deciding.ts';
import { fieldsOf, ORIGIN_PREFIX, type PartName, type Piece, REQUEST_PREFIX, SENT_PREFIX } from './json-fields.ts';
import { type HeaderBlocks, VARYING, type Varying, VaryingValues } from './json-varying.ts';
import { type LineBytes, Runs } from './line-bytes.ts';
import { LinePart } from './line-parts.ts';
import { LineTemplate } from './line-template.ts';

/** Text that stands together: constants, and what one part has; and what comes behind it. */
type Run = { part: PartName | null; readonly texts: (string | ((entry: Entry) => string))[]; varying: Varying };

/** As few as may be. */
function runsOf(pieces: readonly Piece[]): Run[] {
  const made: Run[] = [{ part: null, texts: [], varying: VARYING.nothing }];
  for (const piece of pieces) {
    let last = made.at(-1)!;
    if (typeof piece === 'number') {
      if (last.varying !== VARYING.nothing) made.push({ part: null, texts: [], varying: piece });
      else last.varying = piece;
      continue;
    }
    const part = typeof piece === 'string' ? null : piece.part;
    if (last.varying !== VARYING.nothing || (part !== null && last.part !== null && last.part !== part)) {
      last = { part, texts: [], varying: VARYING.nothing };
      made.push(last);
    }
    last.part ??= part;
    last.texts.push(typeof piece === 'string' ? piece : piece.text);
  }
  return made;
}

function blocksOf(options: AccessLogOptions): HeaderBlocks {
  if (dropsAll(options)) return null;
  return {
    sent: new HeaderFields(options, SENT_PREFIX, true),
    origin: new HeaderFields(options, ORIGIN_PREFIX, true),
    request: new HeaderFields(options, REQUEST_PREFIX, false),
  };
}

export class JsonFormat {
  private readonly parts: readonly LinePart[];
  /** Its part 0 is the same in all lines, and then come `parts`. */
  private readonly template: LineTemplate;
  /** Of each piece: what comes behind it. */
  private readonly behind: Uint8Array;
  private readonly values: VaryingValues;

  constructor(options: AccessLogOptions) {
    const parts = new Map<PartName, LinePart>();
    const constants: string[] = [];
    const pieces = fieldsOf(options).flatMap(([, ...pieces]) => pieces);
    const runs = runsOf(['{', ...pieces, '}\n']);
    const partOf = runs.map(({ part: name, texts }) => {
      if (name === null) {
        constants.push(texts.join(''));
        return 0;
      }
      const part = parts.get(name) ?? new LinePart(DECIDING[name]);
      parts.set(name, part);
      part.add((entry) => texts.map((text) => (typeof text === 'string' ? text : text(entry))).join(''));
      return [...parts.keys()].indexOf(name) + 1;
    });
    this.parts = [...parts.values()];
    this.template = new LineTemplate(partOf);
    this.template.put(0, new Runs(constants));
    this.behind = Uint8Array.from(runs, ({ varying }) => varying);
    this.values = new VaryingValues(blocksOf(options));
  }

  /** With its LF. */
  write(entry: Entry, out: LineBytes): void {
    const { parts, template, behind, values } = this;
    for (let i = 0; i < parts.length; i++) if (parts[i].begin(entry)) template.put(i + 1, parts[i].runs);
    values.begin(entry);
    for (let i = 0; i < behind.length; ) {
      i = out.pieces(template, behind, values.numbers, i);
      values.write(behind[i - 1] as Varying, entry, out);
    }
  }
}
