/** What one row of the settings table says. */

/**
 * What may stand after the `=`. A `section` is a boolean that any of its sub-flags switches on too. A `list` is split
 * at commas, and repeating it appends. `entrypoint` is repeated, one entrypoint each. `any` is not looked at.
 */
export type RowKind = 'section' | 'boolean' | 'string' | 'integer' | 'duration' | 'list' | 'entrypoint' | 'any';

/**
 * `now`: it works. `silent`: accepted, and there is nothing to do for it. `later`: accepted with a warning, unless
 * it asks for its default.
 */
export type RowSupport = 'now' | 'silent' | 'later';

export type Row = {
  readonly group: string;
  readonly support: RowSupport;
  /** Without dashes, in the field's spelling. A row `tracing.*` stands for `tracing` and everything below it. */
  readonly name: string;
  readonly kind: RowKind;
  /** The default as it would be written; '' for none. */
  readonly fallback: string;
  readonly help: string;
};

/** Name, kind, default, help. */
export type RowText = readonly [string, RowKind, string, string];
/** Group, support, rows. */
export type RowGroup = readonly [string, RowSupport, readonly RowText[]];
