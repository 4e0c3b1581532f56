/**
 * Which frontends a request was compared with, and what each had against it: told by the same programs that route
 * (program.ts), for whoever asks why.
 */
import type { TableLayer } from './layer.ts';
import { OPCODE, OPERANDS } from './layout.ts';
import type { TableSections } from './sections.ts';

export type MatcherName = 'host' | Exclude<keyof typeof OPCODE, 'end'>;

/** What a frontend has against a request. */
export type Refusal = {
  readonly matcher: MatcherName;
  /** What it would take, in groups as in OPCODE: one of these. Of a host: none are told. */
  readonly wants: readonly string[];
};

export type Tried = {
  readonly frontend: string;
  /** null: nothing, it matches. */
  readonly refusal: Refusal | null;
};

/** Operands of one instruction that are told. */
const MOST_WANTS = 8;

const NAMES = new Map(Object.entries(OPCODE).map(([name, opcode]) => [opcode as number, name as MatcherName]));

function refusalAt(sections: TableSections, word: number): Refusal {
  const { programs } = sections;
  const opcode = programs[word];
  const size = OPERANDS[opcode];
  const wants: string[] = [];
  for (let i = 0; i < programs[word + 1] && wants.length < MOST_WANTS; i += size) {
    const texts: string[] = [];
    for (let j = 0; j < size; j++) texts.push(sections.stringAt(programs, word + 2 + 2 * (i + j)));
    // A template is told by its pattern, a field or parameter with its value.
    wants.push(size === 3 ? texts[1] : texts.join('='));
  }
  return { matcher: NAMES.get(opcode)!, wants };
}

type Placed = Tried & { readonly place: number; readonly own: number };

/** Of one table, those of the host of its last `find`. `placeOf`: in the order of all. */
function placed(layer: TableLayer, host: string, placeOf: (index: number) => number): Placed[] {
  const { sections } = layer;
  const found: Placed[] = [];
  layer.tried(host, (own, refusedAt) => {
    const refusal = refusedAt === 0 ? null : refusalAt(sections, refusedAt);
    found.push({ frontend: sections.frontendName(own), refusal, place: placeOf(own), own });
  });
  return found;
}

/** In the order in which they are tried, after `find` of both for the same request. */
export function triedFrontends(base: TableLayer, overlay: TableLayer | null, host: string): Tried[] {
  const all = placed(base, host, (index) => index);
  // One of the overlay stands right before one of the base.
  if (overlay !== null) all.push(...placed(overlay, host, (index) => overlay.sections.places[index] - 0.5));
  all.sort((a, b) => a.place - b.place || a.own - b.own);
  return all.map(({ frontend, refusal }) => ({ frontend, refusal }));
}

/** Of those that serve other hosts, the first in their table, at most `most`. */
export function ofOtherHosts(layers: readonly (TableLayer | null)[], tried: readonly Tried[], most: number): string[] {
  const known = new Set(tried.map(({ frontend }) => frontend));
  const names: string[] = [];
  for (const layer of layers) {
    const count = layer === null ? 0 : layer.sections.frontendCount;
    for (let index = 0; index < count && names.length < most; index++) {
      if (!layer!.isServed(index)) continue;
      const name = layer!.sections.frontendName(index);
      if (!known.has(name)) names.push(name);
    }
  }
  return names;
}
