/** A table of key patterns, `servers/*\/url` style, that is asked with real keys. `*` stands for one free name. */

type Node<Field> = {
  field: Field | null;
  readonly children: Map<string, Node<Field>>;
  any: Node<Field> | null;
};

export type KeyMatch<Field> =
  | { readonly kind: 'known'; readonly field: Field /** What stood for the `*`, in order. */; readonly names: string[] }
  | {
      readonly kind: 'unknown';
      /** The first part of the key that has no row, '' when the key ends too early. */
      readonly part: string;
      /** What could have stood there. */
      readonly expected: readonly string[];
    };

function emptyNode<Field>(): Node<Field> {
  return { field: null, children: new Map(), any: null };
}

export class KeyTable<Field> {
  readonly #root: Node<Field> = emptyNode();

  constructor(rows: Iterable<readonly [pattern: string, field: Field]>) {
    for (const [pattern, field] of rows) {
      let node = this.#root;
      for (const part of pattern.split('/')) {
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
      node.field = field;
    }
  }

  find(key: string): KeyMatch<Field> {
    const names: string[] = [];
    let node = this.#root;
    for (const part of key.split('/')) {
      const child = node.children.get(part);
      if (child !== undefined) {
        node = child;
      } else if (node.any !== null && part !== '') {
        names.push(part);
        node = node.any;
      } else {
        return { kind: 'unknown', part, expected: [...node.children.keys()] };
      }
    }
    if (node.field === null) return { kind: 'unknown', part: '', expected: [...node.children.keys()] };
    return { kind: 'known', field: node.field, names };
  }
}
