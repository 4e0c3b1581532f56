/**
 * Routing by the shared tables (layout.ts): what a worker does with them. One reader belongs to one thread, many readers
 * share the memory.
 *
 *     overlay ──▶ its first match ──▶ before which frontend of the base it stands
 *     base ─────▶ its first match before that one, or else that of the overlay
 */
import { TableLayer } from './layer.ts';
import { NO_FIELDS, type RequestFields } from './request-fields.ts';
import { RequestText } from './request-text.ts';
import { TableSections } from './sections.ts';
import { type TriedFrontends, triedFrontends } from './tried.ts';
import { ViewShelf } from './view-shelf.ts';
import type { FrontendView } from './views.ts';

export class RoutingTable {
  readonly generation: number;
  /** Slots of servers that the table before knew, of those that were used, and this one does not. */
  readonly leftServers: readonly number[];
  /** Set by `route()`: the match wants a redirect (301) to the path with its final slash added or removed. */
  redirectSlash = false;
  private readonly text: RequestText;
  private readonly base: TableLayer;
  private readonly baseCount: number;
  private readonly overlay: TableLayer | null;
  private readonly overlayCount: number;
  private readonly shelf: ViewShelf;
  /** Views that were looked at since then are good. */
  private stamp: number;

  /**
   * `before`: the table in force until now, which is of no use from then on: what was made of its objects stays where they
   * are the same. Throws TsujiError TABLE_CORRUPT when a buffer is no table of this format.
   */
  constructor(
    base: SharedArrayBuffer,
    keepTrailingSlash: boolean,
    overlay: SharedArrayBuffer | null = null,
    before: RoutingTable | null = null,
  ) {
    const baseSections = before?.sectionsOf(base) ?? new TableSections(base);
    const overlaySections = overlay === null ? null : new TableSections(overlay);
    this.text = before?.text ?? new RequestText();
    const keepsBase = before !== null && before.base.sections === baseSections;
    const layer = (sections: TableSections, old: TableLayer | null): TableLayer =>
      new TableLayer(sections, this.text, keepTrailingSlash, old);
    this.base = keepsBase ? before.base : layer(baseSections, before?.base ?? null);
    this.overlay = overlaySections === null ? null : layer(overlaySections, before?.overlay ?? null);
    this.base.hidden = overlaySections?.hidden ?? null;
    this.baseCount = baseSections.frontendCount;
    this.overlayCount = overlaySections?.frontendCount ?? 0;
    this.generation = (overlaySections ?? baseSections).generation;
    this.shelf = before?.shelf ?? new ViewShelf();
    this.leftServers = this.shelf.turnTo(baseSections, overlaySections);
    this.stamp = this.shelf.stamp;
  }

  /**
   * The frontend that serves a request, null for none (404). `entryPoint`: its index; `method`: as received; `host`: the
   * Host field as received, '' for none; `path`: as received, still percent-encoded, without the query; `fields`: only
   * used during the call.
   */
  route(
    entryPoint: number,
    method: string,
    host: string,
    path: string,
    fields: RequestFields = NO_FIELDS,
  ): FrontendView | null {
    const { base, overlay, baseCount } = this;
    const bit = 1 << entryPoint;
    this.text.begin(host, path);
    let limit = baseCount;
    let own = this.overlayCount;
    if (overlay !== null) {
      own = overlay.find(own, bit, method, host, fields);
      if (own < this.overlayCount) limit = overlay.sections.places[own];
    }
    const found = base.find(limit, bit, method, host, fields);
    if (found < limit) {
      this.redirectSlash = base.redirects;
      return this.viewOf(base, found);
    }
    if (own === this.overlayCount) {
      this.redirectSlash = false;
      return null;
    }
    this.redirectSlash = overlay!.redirects;
    return this.viewOf(overlay!, own);
  }

  /** Whom the request of the last `route` was compared with; `host`: as it was given there, `most`: of those that are told. */
  tried(host: string, most: { readonly tried: number; readonly others: number }): TriedFrontends {
    return triedFrontends(this.base, this.overlay, host, most);
  }

  /** Every server of the table. */
  forEachServerSlot(visit: (slot: number) => void): void {
    this.shelf.forEachServerSlot(visit);
  }

  /** Something beside the table has changed: all that was made of its objects is made anew. */
  forgetViews(): void {
    this.shelf.forgetViews();
    this.stamp = this.shelf.stamp;
  }

  private viewOf(layer: TableLayer, index: number): FrontendView {
    const view = layer.views[index];
    if (view !== null && view.checked === this.stamp) return view;
    const good = this.shelf.frontend(layer.sections, index, view);
    layer.views[index] = good;
    return good;
  }

  /** Those of its base, when the buffer is the same memory: each message has an object of its own for it. */
  private sectionsOf(buffer: SharedArrayBuffer): TableSections | null {
    const { sections } = this.base;
    return TableSections.generationOf(buffer) === sections.generation ? sections : null;
  }
}
