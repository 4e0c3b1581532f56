/**
 * A map of texts for objects of which there are very many with a few keys each. A `Map` takes 180 bytes before it has anything in it;
 * this is a list of keys and values as long as they are, and from some keys on a `Map` after all.
 */

/** Up to so many keys are looked for one by one. */
const FEW = 12;

const NONE: readonly string[] = [];

export class SmallMap {
  /** key, value, key, value; in the order in which they came. */
  #content: readonly string[] | Map<string, string> = NONE;

  get size(): number {
    const content = this.#content;
    return content instanceof Map ? content.size : content.length / 2;
  }

  get(key: string): string | undefined {
    const content = this.#content;
    if (content instanceof Map) return content.get(key);
    const at = placeIn(content, key);
    return at < 0 ? undefined : content[at + 1];
  }

  set(key: string, value: string): void {
    const content = this.#content;
    if (content instanceof Map) {
      content.set(key, value);
      return;
    }
    const at = placeIn(content, key);
    if (at >= 0) this.#content = content.with(at + 1, value);
    else if (content.length < 2 * FEW) this.#content = content.concat(key, value);
    else this.#content = new Map(this).set(key, value);
  }

  delete(key: string): void {
    const content = this.#content;
    if (content instanceof Map) {
      content.delete(key);
      return;
    }
    const at = placeIn(content, key);
    if (at >= 0) this.#content = content.toSpliced(at, 2);
  }

  *keys(): Generator<string> {
    for (const [key] of this) yield key;
  }

  *[Symbol.iterator](): Generator<[string, string]> {
    const content = this.#content;
    if (content instanceof Map) yield* content;
    else for (let at = 0; at < content.length; at += 2) yield [content[at], content[at + 1]];
  }
}

function placeIn(content: readonly string[], key: string): number {
  for (let at = 0; at < content.length; at += 2) if (content[at] === key) return at;
  return -1;
}
