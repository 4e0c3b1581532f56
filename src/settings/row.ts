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

/** `name` of a flag, in any case, as it is told: of a family it is that of the member. */
export function shownName(row: Row, name: string): string {
  return row.name.endsWith('*') ? name : row.name;
}

const KINDS: ReadonlySet<string> = new Set<RowKind>([
  'section',
  'boolean',
  'string',
  'integer',
  'duration',
  'list',
  'entrypoint',
  'any',
]);

/**
 * The rows of a group, a line each: name, kind, default (`-` for none) and help, with two blanks or more between them.
 * @throws Error for a line that is no row
 */
export function rows(group: string, support: RowSupport, table: string): Row[] {
  return table
    .trim()
    .split('\n')
    .map((line) => {
      const [name, kind, fallback, help, ...more] = line.trim().split(/ {2,}/);
      if (!KINDS.has(kind) || help === undefined || more.length > 0) throw new Error(`no row of settings: ${line}`);
      return { group, support, name, kind: kind as RowKind, fallback: fallback === '-' ? '' : fallback, help };
    });
}
