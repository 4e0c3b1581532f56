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
import { type HeaderBlocks, VARYING, type Varying, writeVarying } from './json-varying.ts';
import { Constant, type LineBytes } from './line-bytes.ts';
import { LinePart } from './line-parts.ts';

const NOTHING = new Constant('');

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

/** The text of a run, and what follows it. */
class Step {
  private readonly part: LinePart | null;
  private readonly index: number;
  private readonly text: Constant;
  readonly varying: Varying;

  constructor({ texts, varying }: Run, part: LinePart | null) {
    this.part = part;
    this.index =
      part === null
        ? 0
        : part.add((entry) => texts.map((text) => (typeof text === 'string' ? text : text(entry))).join(''));
    this.text = part === null ? new Constant(texts.join('')) : NOTHING;
    this.varying = varying;
  }

  get constant(): Constant {
    return this.part === null ? this.text : this.part.runs[this.index];
  }
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
  private readonly steps: readonly Step[];
  private readonly blocks: HeaderBlocks;

  constructor(options: AccessLogOptions) {
    const parts = new Map<PartName, LinePart>();
    const partOf = (name: PartName): LinePart => {
      const part = parts.get(name) ?? new LinePart(DECIDING[name]);
      parts.set(name, part);
      return part;
    };
    const pieces = fieldsOf(options).flatMap(([, ...pieces]) => pieces);
    this.blocks = blocksOf(options);
    this.steps = runsOf(['{', ...pieces, '}\n']).map(
      (run) => new Step(run, run.part === null ? null : partOf(run.part)),
    );
    this.parts = [...parts.values()];
  }

  /** With its LF. */
  write(entry: Entry, out: LineBytes): void {
    const { parts, steps, blocks } = this;
    for (let i = 0; i < parts.length; i++) parts[i].begin(entry);
    for (let i = 0; i < steps.length; i++) {
      const step = steps[i];
      out.constant(step.constant);
      writeVarying(step.varying, entry, out, blocks);
    }
  }
}
