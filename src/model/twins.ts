/**
 * Frontends that are never reached, because another one on the same entrypoint has the same rules and rank and comes first
 * by name. A change costs what it touches: each frontend is told of the one right before it, not of the first of many.
 */
import { hash } from 'node:crypto';
import { quoted } from '../kernel/quote.ts';
import { placeOf } from '../kernel/sorted.ts';
import type { MatchTerm } from '../rule/terms.ts';
import type { Frontend } from './model.ts';

/** Terms must all hold and alternatives are alternatives, so that the order of neither matters. */
function textOf(terms: readonly MatchTerm[]): string {
  const texts = terms.map((term) =>
    JSON.stringify(Object.values(term).map((value) => (Array.isArray(value) ? value.map(jsonText).sort() : value))),
  );
  return texts.sort().join('\n');
}

function jsonText(value: unknown): string {
  return JSON.stringify(value);
}

/** Of nearly all of very many frontends there is one: then it stands for a list of it, which would take 60 bytes. */
type OneOrMore = string | readonly string[];

function listOf(texts: OneOrMore | undefined): readonly string[] {
  return texts === undefined ? [] : typeof texts === 'string' ? [texts] : texts;
}

function oneOrMore(texts: readonly string[]): OneOrMore {
  return texts.length === 1 ? texts[0]! : texts;
}

/** So many characters of the hash: nobody meets another one's by chance, and V8 keeps more as a view of all of it. */
const HASH_CHARACTERS = 12;

/** By which twins are found: one per entrypoint. */
function groupsOf({ terms, rank, entryPoints }: Frontend): string[] {
  const rules = textOf(terms);
  return entryPoints.map((entryPoint) =>
    hash('sha1', `${rank} ${entryPoint} ${rules}`, 'base64').slice(0, HASH_CHARACTERS),
  );
}

export class Twins {
  /** Group → names in order. */
  readonly #names = new Map<string, string | string[]>();
  /** Name → its groups, in the order of its entrypoints. */
  readonly #groups = new Map<string, OneOrMore>();

  /** A frontend is new, different or, with null, gone. `touched` gets the names of those of which something else is true now. */
  put(name: string, frontend: Frontend | null, touched: Set<string>): void {
    const before = listOf(this.#groups.get(name));
    const groups = frontend === null ? [] : groupsOf(frontend);
    if (before.length > 0) touched.add(name);
    for (const group of before) if (!groups.includes(group)) this.#leave(group, name, touched);
    for (const group of groups) if (!before.includes(group)) this.#join(group, name, touched);
    if (groups.length === 0) this.#groups.delete(name);
    else this.#groups.set(name, oneOrMore(groups));
  }

  /** Why it is not reached, '' when it is. */
  reasonOf({ name, entryPoints }: Frontend): string {
    const groups = listOf(this.#groups.get(name));
    const hidden = entryPoints.flatMap((entryPoint, i) => {
      const names = listOf(this.#names.get(groups[i]));
      const place = placeOf(names, name);
      return place === 0 ? [] : [{ entryPoint, by: names[place - 1] }];
    });
    if (hidden.length === 0) return '';
    const where =
      hidden.length === entryPoints.length ? '' : ` on ${hidden.map(({ entryPoint }) => entryPoint).join(', ')}`;
    const others = [...new Set(hidden.map(({ by }) => quoted(by)))].sort().join(', ');
    return `never reached${where}: frontend ${others} has the same rules and priority, and comes first by name`;
  }

  #join(group: string, name: string, touched: Set<string>): void {
    const names = this.#names.get(group);
    if (names === undefined) {
      this.#names.set(group, name);
      return;
    }
    const all = typeof names === 'string' ? [names] : names;
    const place = placeOf(all, name);
    all.splice(place, 0, name);
    this.#names.set(group, all);
    touched.add(name);
    if (place + 1 < all.length) touched.add(all[place + 1]);
  }

  #leave(group: string, name: string, touched: Set<string>): void {
    const names = this.#names.get(group)!;
    if (typeof names === 'string') {
      this.#names.delete(group);
      return;
    }
    const place = placeOf(names, name);
    names.splice(place, 1);
    if (names.length === 1) this.#names.set(group, names[0]!);
    if (place < names.length) touched.add(names[place]);
  }
}
