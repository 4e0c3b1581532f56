/**
 * A base and its overlay → the next base, from their bytes alone: nobody has to keep or tell again what they were made of.
 *
 *     base, without what is hidden and moved ──┐
 *                                              ├─▶ in global order ─▶ base
 *     overlay, without what is gone ───────────┘
 */
import { TsujiError } from '../kernel/errors.ts';
import type { Tables } from './input.ts';
import { FRONTEND } from './layout.ts';
import { TableSections } from './sections.ts';
import { Written } from './written.ts';

const NONE = -1;

/** Where the backends of both stand in the new base; NONE for those that are not in it. */
class Renumbering {
  readonly ofBase: Int32Array;
  readonly ofOverlay: Int32Array;
  count = 0;

  constructor(base: TableSections, overlay: TableSections) {
    this.ofOverlay = this.numbers(overlay.backendCount, (i) => overlay.isLive(i));
    this.ofBase = this.numbers(base.backendCount, (i) => base.isLive(i) && overlay.movedTo(i) < 0);
    for (let i = 0; i < this.ofBase.length; i++) {
      const moved = overlay.movedTo(i);
      if (moved >= 0) this.ofBase[i] = this.ofOverlay[moved];
    }
  }

  readonly inBase = (ref: number): number => this.ofBase[ref];

  readonly inOverlay = (ref: number): number => (ref < 0 ? this.ofBase[~ref] : this.ofOverlay[ref]);

  private numbers(length: number, isKept: (index: number) => boolean): Int32Array {
    const numbers = new Int32Array(length).fill(NONE);
    for (let i = 0; i < length; i++) if (isKept(i)) numbers[i] = this.count++;
    return numbers;
  }
}

type From = { readonly sections: TableSections; readonly numberOf: (ref: number) => number };

/** Throws TsujiError TABLE_TOO_LARGE, and TABLE_CORRUPT for two that do not belong together. */
export function mergeTables({ base, overlay }: Tables): SharedArrayBuffer {
  if (overlay === null) return base;
  const old = new TableSections(base);
  const step = new TableSections(overlay);
  if (step.base !== old.generation) {
    throw new TsujiError('TABLE_CORRUPT', `an overlay of generation ${step.base} is none of ${old.generation}`);
  }
  const written = new Written(null, old.generation);
  const numbers = new Renumbering(old, step);
  written.reserveBackends(numbers.count);
  const fromBase: From = { sections: old, numberOf: numbers.inBase };
  const fromOverlay: From = { sections: step, numberOf: numbers.inOverlay };
  for (let i = 0; i < old.backendCount; i++) {
    if (old.isLive(i) && step.movedTo(i) < 0) copyBackend(written, fromBase, i, numbers.ofBase[i]);
  }
  for (let i = 0; i < step.backendCount; i++) {
    if (step.isLive(i)) copyBackend(written, fromOverlay, i, numbers.ofOverlay[i]);
  }
  let next = 0;
  for (let i = 0; i <= old.frontendCount; i++) {
    for (; next < step.frontendCount && step.places[next] <= i; next++) copyFrontend(written, fromOverlay, next);
    if (i < old.frontendCount && !step.hides(i)) copyFrontend(written, fromBase, i);
  }
  return written.copied(step.generation);
}

function copyBackend(written: Written, { sections, numberOf }: From, index: number, number: number): void {
  const others = [...sections.othersOfBackend(index)].map(numberOf).filter((other) => other !== NONE);
  written.copyBackend(number, sections, index, others);
}

function copyFrontend(written: Written, { sections, numberOf }: From, index: number): void {
  const backend = numberOf(sections.frontends[index * FRONTEND.words + FRONTEND.backend]);
  if (backend === NONE) {
    throw new TsujiError('TABLE_CORRUPT', `the frontend ${sections.frontendName(index)} has a backend that is gone`);
  }
  const others = [...sections.othersOfFrontend(index)].map(numberOf);
  const kept = others.filter((other) => other !== NONE);
  written.copyFrontend(sections, index, backend, kept);
}
