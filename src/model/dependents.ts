/**
 * Who asked for which names when it was built, so that it is built again when one of them changes. Nearly all of very many
 * frontends name one backend that nobody else names: there a name stands for a set of it.
 */
type Names = string | ReadonlySet<string>;

function eachOf(names: Names | undefined): Iterable<string> {
  return names === undefined ? [] : typeof names === 'string' ? [names] : names;
}

export class Dependents {
  readonly #usersOf = new Map<string, string | Set<string>>();
  readonly #askedBy = new Map<string, Names>();

  /** What `user` has asked for, in the place of what it asked for before. */
  link(user: string, asked: ReadonlySet<string>): void {
    for (const old of eachOf(this.#askedBy.get(user))) if (!asked.has(old)) this.#leave(old, user);
    for (const name of asked) this.#join(name, user);
    if (asked.size === 0) this.#askedBy.delete(user);
    else this.#askedBy.set(user, asked.size === 1 ? [...asked][0]! : asked);
  }

  usersOf(name: string): Iterable<string> {
    return eachOf(this.#usersOf.get(name));
  }

  #join(name: string, user: string): void {
    const users = this.#usersOf.get(name);
    if (users === undefined) this.#usersOf.set(name, user);
    else if (typeof users !== 'string') users.add(user);
    else if (users !== user) this.#usersOf.set(name, new Set([users, user]));
  }

  #leave(name: string, user: string): void {
    const users = this.#usersOf.get(name);
    if (users === user) this.#usersOf.delete(name);
    else if (users instanceof Set && users.delete(user) && users.size === 0) this.#usersOf.delete(name);
  }
}
