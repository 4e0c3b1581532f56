/**
 * The views of one worker, kept from table to table: one that stands for an object which has not changed, and none of whose
 * backends has, is used on, with all that the worker has made of it. A change so costs what it touches.
 *
 * A backend is the same as long as its slot and its version are; a frontend as long as its name and its version are, and
 * its backends. What a change of backends does to frontends nobody looks for: each is looked at when it is used next.
 */
import { BACKEND, FILING, FRONTEND, SERVER } from './layout.ts';
import { backendNamed } from './names.ts';
import type { TableSections } from './sections.ts';
import { BackendView, FrontendView } from './views.ts';

/** So many frontends that are gone may have a view. */
const MOST_GONE = 1_000;

/** A backend in one of the two tables. */
type Place = { readonly sections: TableSections; readonly index: number };

export class ViewShelf {
  /** Changes when a view has become stale: what was good before is looked at again. */
  stamp = 0;
  private base: TableSections | null = null;
  private overlay: TableSections | null = null;
  /** By slot. */
  private readonly backends = new Map<number, BackendView>();
  /** By name. Nobody tells which are gone: when those must be many, all begin anew, and what is not used meanwhile goes. */
  private frontends = new Map<string, FrontendView>();
  private oldFrontends = new Map<string, FrontendView>();

  /** The tables in force from now on. Returns the slots of servers that have left backends which are on the shelf. */
  turnTo(base: TableSections, overlay: TableSections | null): number[] {
    const left: number[] = [];
    const before = this.base;
    const known = this.overlay?.generation ?? before?.generation ?? 0;
    const isMerged = before !== null && base.origin === before.generation && base.generation <= known;
    this.base = base;
    this.overlay = overlay;
    if (before === base || isMerged) {
      // What is in the base was seen when it was in an overlay.
      if (overlay !== null) this.compareOverlay(overlay, left);
    } else {
      this.compareAll(left);
    }
    if (this.frontends.size > base.frontendCount + (overlay?.frontendCount ?? 0) + MOST_GONE) {
      this.oldFrontends = this.frontends;
      this.frontends = new Map();
    }
    return left;
  }

  /** `known`: the last view of it, null for none. */
  frontend(sections: TableSections, index: number, known: FrontendView | null): FrontendView {
    const version = sections.filings[index * FILING.words + FILING.version];
    let view = known;
    if (view === null) {
      const name = sections.frontendName(index);
      view = this.frontends.get(name) ?? this.oldFrontends.get(name) ?? null;
    }
    if (view === null || view.version !== version || view.usesStale) view = this.makeFrontend(sections, index, version);
    this.frontends.set(view.name, view);
    view.checked = this.stamp;
    return view;
  }

  /** All are made anew when they are used next. */
  forgetViews(): void {
    for (const view of this.backends.values()) this.makeStale(view);
  }

  forEachServerSlot(visit: (slot: number) => void): void {
    const { base, overlay } = this;
    if (base === null) return;
    for (let i = 0; i < base.backendCount; i++)
      if (overlay === null || overlay.movedTo(i) < 0) eachServer(base, i, visit);
    if (overlay !== null) for (let i = 0; i < overlay.backendCount; i++) eachServer(overlay, i, visit);
  }

  private makeFrontend(sections: TableSections, index: number, version: number): FrontendView {
    const backend = this.backend(sections, sections.frontends[index * FRONTEND.words + FRONTEND.backend]);
    const others = this.othersAt(sections, sections.othersOfFrontend(index));
    return new FrontendView(sections, index, version, backend, others);
  }

  private othersAt(sections: TableSections, refs: Int32Array): BackendView[] {
    const views: BackendView[] = [];
    for (const ref of refs) views.push(this.backend(sections, ref));
    return views;
  }

  /** `ref`: as the table says it in which it stands. */
  private backend(sections: TableSections, ref: number): BackendView {
    const place = this.placeOf(sections, ref);
    const word = place.index * BACKEND.words;
    const slot = place.sections.backends[word + BACKEND.slot];
    const known = this.backends.get(slot);
    if (known !== undefined && !known.isStale && known.version === place.sections.backends[word + BACKEND.version]) {
      return known;
    }
    const view = new BackendView(place.sections, place.index);
    // On the shelf before it has its others: they may name it.
    this.backends.set(slot, view);
    view.setOthers(this.othersAt(place.sections, place.sections.othersOfBackend(place.index)));
    return view;
  }

  private placeOf(sections: TableSections, ref: number): Place {
    const { overlay } = this;
    if (sections === overlay && ref >= 0) return { sections, index: ref };
    const index = ref < 0 ? ~ref : ref;
    const moved = overlay === null ? -1 : overlay.movedTo(index);
    return moved >= 0 ? { sections: overlay!, index: moved } : { sections: this.base!, index };
  }

  private compareOverlay(overlay: TableSections, left: number[]): void {
    const { backends } = overlay;
    for (let index = 0; index < overlay.backendCount; index++) {
      const word = index * BACKEND.words;
      const view = this.backends.get(backends[word + BACKEND.slot]);
      if (view === undefined) continue;
      // One that is older than the view is of somebody who had the slot before.
      if (((backends[word + BACKEND.version] - view.version) | 0) > 0) this.replace(view, overlay, index, left);
    }
  }

  /** Nothing is known of how the tables came from those before. */
  private compareAll(left: number[]): void {
    const { base, overlay } = this;
    const inOverlay = new Map<number, number>();
    if (overlay !== null) {
      for (let i = 0; i < overlay.backendCount; i++) {
        if (overlay.isLive(i)) inOverlay.set(overlay.backends[i * BACKEND.words + BACKEND.slot], i);
      }
    }
    for (const [slot, view] of this.backends) {
      const own = inOverlay.get(slot) ?? -1;
      const index = own >= 0 ? own : backendNamed(base!, view.name);
      const sections = own >= 0 ? overlay! : base!;
      const isThere =
        index >= 0 &&
        sections.backends[index * BACKEND.words + BACKEND.slot] === slot &&
        (own >= 0 || overlay === null || overlay.movedTo(index) < 0);
      if (!isThere) this.replace(view, null, -1, left);
      else if (sections.backends[index * BACKEND.words + BACKEND.version] !== view.version) {
        this.replace(view, sections, index, left);
      }
    }
  }

  /** By the record with that index; `sections` null: it is gone. */
  private replace(view: BackendView, sections: TableSections | null, index: number, left: number[]): void {
    const isGone = sections === null || !sections.isLive(index);
    const slots = new Set<number>();
    if (!isGone) eachServer(sections, index, (slot) => slots.add(slot));
    for (const server of view.servers) {
      if (slots.has(server.slot)) continue;
      server.isGone = true;
      left.push(server.slot);
    }
    if (isGone) this.backends.delete(view.slot);
    this.makeStale(view);
  }

  /** With all that know it; they may know each other. */
  private makeStale(view: BackendView): void {
    if (view.isStale) return;
    this.stamp++;
    const waiting = [view];
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      if (next.isStale) continue;
      next.isStale = true;
      waiting.push(...next.letGo());
    }
  }
}

function eachServer({ backends, servers }: TableSections, backend: number, visit: (slot: number) => void): void {
  const word = backend * BACKEND.words;
  // The section may hold servers of earlier tables as well.
  const first = backends[word + BACKEND.firstServer];
  const end = first + backends[word + BACKEND.serverCount];
  for (let server = first; server < end; server++) visit(servers[server * SERVER.words + SERVER.slot]);
}
