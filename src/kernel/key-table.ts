/** A table of key patterns, `servers/*\/url` style, that is asked with real keys. `*` stands for one free name, `**` at the end for any rest that nothing else has. */

type Node<Field> = {
  field: Field | null;
  readonly children: Map<string, Node<Field>>;
  any: Node<Field> | null;
  /** What has everything below that nothing else has. */
  rest: Field | null;
};

export type UnknownKey = {
  readonly kind: 'unknown';
  /** The first part of the key that has no row, '' when the key ends too early. */
  readonly part: string;
  /** What could have stood there. */
  readonly expected: readonly string[];
};

export type KeyMatch<Field> =
  | { readonly kind: 'known'; readonly field: Field /** What stood for the `*`, in order. */; readonly names: string[] }
  | UnknownKey;

function emptyNode<Field>(): Node<Field> {
  return { field: null, children: new Map(), any: null, rest: null };
}

export class KeyTable<Field> {
  /** As they were given. */
  readonly patterns: readonly string[];
  readonly #root: Node<Field> = emptyNode();

  constructor(rows: readonly (readonly [pattern: string, field: Field])[]) {
    this.patterns = rows.map(([pattern]) => pattern);
    for (const [pattern, field] of rows) {
      let node = this.#root;
      const hasRest = pattern.endsWith('/**');
      for (const part of (hasRest ? pattern.slice(0, -3) : pattern).split('/')) {
        if (part === '*') {
          node.any ??= emptyNode();
          node = node.any;
        } else {
          let child = node.children.get(part);
          if (child === undefined) {
            child = emptyNode();
            node.children.set(part, child);
          }
          node = child;
        }
      }
      if (hasRest) node.rest = field;
      else node.field = field;
    }
  }

  find(key: string): KeyMatch<Field> {
    const names: string[] = [];
    let node = this.#root;
    let rest: Field | null = null;
    for (const part of key.split('/')) {
      const child = node.children.get(part);
      if (child !== undefined) {
        node = child;
      } else if (node.any !== null && part !== '') {
        names.push(part);
        node = node.any;
      } else {
        if (rest !== null && part !== '') return { kind: 'known', field: rest, names };
        return { kind: 'unknown', part, expected: [...node.children.keys()] };
      }
      rest = node.rest ?? rest;
    }
    if (node.field === null && rest !== null) return { kind: 'known', field: rest, names };
    if (node.field === null) return { kind: 'unknown', part: '', expected: [...node.children.keys()] };
    return { kind: 'known', field: node.field, names };
  }
}
