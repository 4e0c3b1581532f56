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

export type TriedFrontends = {
  /** In the order in which they come; of very many those that match, and the first ones. */
  readonly tried: readonly Tried[];
  /** About, where there are thousands. */
  readonly triedInAll: number;
  /** Some of those that serve other hosts. */
  readonly others: readonly string[];
};

/** Frontends whose programs are run: a host with more is not looked at to its end. */
const MOST_RUN = 4_000;

type Placed = { readonly layer: TableLayer; readonly own: number; readonly refusedAt: number; readonly place: number };

/** One of the overlay stands right before one of the base. */
function placeIn(layer: TableLayer, isOverlay: boolean, own: number): number {
  return isOverlay ? layer.sections.places[own] - 0.5 : own;
}

function inOrder(one: Placed, other: Placed): number {
  return one.place - other.place || one.own - other.own;
}

/** Those that match count most, then those that come first. */
function chosen(all: readonly Placed[], most: number): readonly Placed[] {
  if (all.length <= most) return all;
  const matching = all.filter(({ refusedAt }) => refusedAt === 0).slice(0, Math.ceil(most / 2));
  const others = all.filter(({ refusedAt }) => refusedAt !== 0).slice(0, most - matching.length);
  return [...matching, ...others].sort(inOrder);
}

/**
 * After `find` of both for the same request. `most`: so many of the host, and so many of others, are told. Looks at no more than
 * a bounded number, since requests wait meanwhile.
 */
export function triedFrontends(
  base: TableLayer,
  overlay: TableLayer | null,
  host: string,
  most: { readonly tried: number; readonly others: number },
): TriedFrontends {
  const all: Placed[] = [];
  const others: string[] = [];
  let triedInAll = 0;
  for (const layer of overlay === null ? [base] : [overlay, base]) {
    const { seen, more } = layer.tried(host, MOST_RUN, (own, refusedAt) => {
      all.push({ layer, own, refusedAt, place: placeIn(layer, layer === overlay, own) });
    });
    triedInAll += seen.size + more;
    const { sections } = layer;
    // Where there are so many, some of them would be taken for others.
    const count = more > 0 ? 0 : sections.frontendCount;
    for (let index = 0; index < count && others.length < most.others; index++) {
      if (!seen.has(index) && layer.isServed(index)) others.push(sections.frontendName(index));
    }
  }
  const tried = chosen(all.sort(inOrder), most.tried).map(({ layer: { sections }, own, refusedAt }) => ({
    frontend: sections.frontendName(own),
    refusal: refusedAt === 0 ? null : refusalAt(sections, refusedAt),
  }));
  return { tried, triedInAll, others };
}
