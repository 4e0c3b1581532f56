/**
 * A line of JSON as Traefik writes it (shared/spec logs §1.2), with our fields (§2.3): keys sorted by their bytes, whole
 * nanoseconds and bytes. It is put together once from the options into one row of steps: what is dropped costs nothing, and
 * what is the same for many lines is copied (line-parts.ts).
 */
import type { AccessLogOptions } from '../kernel/access-log-options.ts';
import type { Entry } from './entry.ts';
import { DECIDING } from './json-deciding.ts';
import { fieldsOf, type PartName, type Piece } from './json-fields.ts';
import { isNumber, VARYING, type Varying, VaryingValues } from './json-varying.ts';
import { type LineBytes, Runs } from './line-bytes.ts';
import { LineComposer, NO_NUMBER } from './line-composer.ts';
import { LinePart } from './line-parts.ts';

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

export class JsonFormat {
  private readonly parts: readonly LinePart[];
  /** Of each part: where its texts stand, and the pieces of the line that have them. */
  private readonly rooms: readonly number[];
  private readonly pieces: readonly (readonly number[])[];
  private readonly composer: LineComposer;
  private readonly values: VaryingValues;

  /** `memory`: that in which lines are written. */
  constructor(options: AccessLogOptions, memory: WebAssembly.Memory) {
    const parts = new Map<PartName | null, { part: LinePart | null; texts: string[]; pieces: number[] }>();
    const composer = new LineComposer(memory);
    this.composer = composer;
    this.values = new VaryingValues(options, composer);
    const all = fieldsOf(options).flatMap(([, ...pieces]) => pieces);
    for (const { part: name, texts, varying } of runsOf(['{', ...all, '}\n'])) {
      const made = parts.get(name) ?? {
        part: name === null ? null : new LinePart(DECIDING[name]),
        texts: [],
        pieces: [],
      };
      parts.set(name, made);
      made.pieces.push(composer.add(isNumber(varying) ? varying : NO_NUMBER));
      if (made.part === null) made.texts.push(texts.join(''));
      else made.part.add((entry) => texts.map((text) => (typeof text === 'string' ? text : text(entry))).join(''));
      if (!isNumber(varying)) this.values.addTo(varying);
    }
    const constants = parts.get(null);
    parts.delete(null);
    if (constants !== undefined) composer.putRuns(constants.pieces, composer.room(), new Runs(constants.texts));
    this.parts = [...parts.values()].map(({ part }) => part!);
    this.pieces = [...parts.values()].map(({ pieces }) => pieces);
    this.rooms = this.parts.map(() => composer.room());
  }

  /** With its LF; `out` is of its memory. */
  write(entry: Entry, out: LineBytes): void {
    const { parts, rooms, pieces, composer } = this;
    for (let i = 0; i < parts.length; i++) {
      const part = parts[i];
      if (!part.begin(entry, composer.round)) continue;
      if (part.isKept) composer.showRuns(pieces[i], part.runs);
      else composer.putRuns(pieces[i], rooms[i], part.runs);
    }
    this.values.put(entry);
    composer.writeTo(out);
  }
}
