/** Who asked for which names when it was built, so that it is built again when one of them changes. */
export class Dependents {
  readonly #usersOf = new Map<string, Set<string>>();
  readonly #askedBy = new Map<string, ReadonlySet<string>>();

  /** What `user` has asked for, in the place of what it asked for before. */
  link(user: string, asked: ReadonlySet<string>): void {
    for (const old of this.#askedBy.get(user) ?? []) {
      if (asked.has(old)) continue;
      const users = this.#usersOf.get(old)!;
      users.delete(user);
      if (users.size === 0) this.#usersOf.delete(old);
    }
    for (const name of asked) {
      const users = this.#usersOf.get(name);
      if (users === undefined) this.#usersOf.set(name, new Set([user]));
      else users.add(user);
    }
    if (asked.size === 0) this.#askedBy.delete(user);
    else this.#askedBy.set(user, asked);
  }

  usersOf(name: string): Iterable<string> {
    return this.#usersOf.get(name) ?? [];
  }
}
