/**
 * When a table cannot be made, somebody is to blame for it: an object that trips over a mistake of ours. It is found and
 * left out, so that all others are served.
 *
 *     each suspect in a table of its own ─▶ the rest together ─▶ the shortest beginning of the rest that fails, if any does
 */
import { reasonOf, TsujiError } from '../kernel/errors.ts';
import { TableBuilder } from './builder.ts';
import type { NamedFrontend, TableBackend, TableChange, Tables } from './input.ts';
import { validateTables } from './validate.ts';

/** An object that no table can be made with. */
export type Refused = { readonly kind: 'backends' | 'frontends'; readonly name: string; readonly reason: string };

export type BuiltTables = {
  readonly tables: Tables;
  /** Left out of them, with what needs them. */
  readonly refused: readonly Refused[];
};

/** Up to so many are left out whatever their share of all is. */
const FEW = 10;
/** Searches for one that fails only together with others: each costs a table per doubling of their number. */
const MOST_SEARCHES = 4;

/** A set of objects from which the guilty are taken. */
class Remaining {
  readonly refused: Refused[] = [];
  readonly backends: Map<string, TableBackend>;
  readonly frontends: Map<string, NamedFrontend>;
  private readonly all: TableChange;
  private readonly base: SharedArrayBuffer | null;
  private readonly size: number;

  constructor(all: TableChange, base: SharedArrayBuffer | null) {
    const { backends, frontends } = all;
    this.all = all;
    this.base = base;
    this.backends = new Map(backends.map((backend) => [backend.name, backend]));
    this.frontends = new Map(frontends.map((frontend) => [frontend.name, frontend]));
    this.size = backends.length + frontends.length;
  }

  /** So many that the fault is not theirs. */
  get isHopeless(): boolean {
    return this.refused.length > FEW && this.refused.length > this.size / 2;
  }

  change(frontends: Iterable<NamedFrontend> = this.frontends.values()): TableChange {
    return { ...this.all, backends: [...this.backends.values()], frontends: [...frontends] };
  }

  /** Tries one after the other, alone with the backends that it needs. */
  trySingly(backends: Iterable<string>, frontends: Iterable<string>): void {
    for (const name of backends) {
      const backend = this.backends.get(name);
      if (backend !== undefined)
        this.judge('backends', name, this.failure({ ...this.change([]), backends: [backend] }));
    }
    this.dropDependents();
    for (const name of frontends) {
      const frontend = this.frontends.get(name);
      if (frontend === undefined) continue;
      const needed = backendNames(frontend).flatMap((backend) => this.backends.get(backend) ?? []);
      this.judge('frontends', name, this.failure({ ...this.change([frontend]), backends: needed }));
    }
  }

  /** The last of the fewest frontends that fail together; false when all of them do not. */
  findTogether(): boolean {
    const frontends = [...this.frontends.values()];
    const failing = (count: number): string => this.failure(this.change(frontends.slice(0, count)));
    if (failing(frontends.length) === '') return false;
    let good = 0;
    let bad = frontends.length;
    while (bad - good > 1) {
      const middle = (good + bad) >> 1;
      if (failing(middle) === '') good = middle;
      else bad = middle;
    }
    if (bad > 0) this.judge('frontends', frontends[bad - 1].name, failing(bad));
    return bad > 0;
  }

  /** Why no table can be made of it, '' when one can. */
  failure(change: TableChange): string {
    try {
      validateTables(new TableBuilder(this.base).apply(change));
      return '';
    } catch (error) {
      return reasonOf(error);
    }
  }

  private judge(kind: Refused['kind'], name: string, reason: string): void {
    if (reason === '') return;
    this[kind].delete(name);
    this.refused.push({ kind, name, reason });
  }

  /** Whoever needs a backend that is refused goes with it; the model says so. */
  private dropDependents(): void {
    const gone = new Set(this.refused.flatMap(({ kind, name }) => (kind === 'backends' ? [name] : [])));
    for (const [name, frontend] of this.frontends) {
      if (backendNames(frontend).some((backend) => gone.has(backend))) this.frontends.delete(name);
    }
  }
}

function backendNames({ backend, otherBackends = [] }: NamedFrontend): string[] {
  return [backend, ...otherBackends];
}

/**
 * What is left of `all` without those to blame, and who they are. `suspects`: what is new in it since the last table that was
 * made; `base`: what `all` changes, null for nothing. Throws `error`, with which that failed, when nobody can be blamed for it.
 */
export function withoutGuilty(
  all: TableChange,
  suspects: Pick<TableChange, 'backends' | 'frontends'>,
  error: unknown,
  base: SharedArrayBuffer | null = null,
): { readonly change: TableChange; readonly refused: readonly Refused[] } {
  // That is the fault of all of them.
  if (error instanceof TsujiError && error.code === 'TABLE_TOO_LARGE') throw error;
  const rest = new Remaining(all, base);
  const names = (objects: readonly { readonly name: string }[]): string[] => objects.map(({ name }) => name);
  rest.trySingly(names(suspects.backends), names(suspects.frontends));
  if (rest.failure(rest.change()) !== '') rest.trySingly([...rest.backends.keys()], [...rest.frontends.keys()]);
  for (let searches = 0; searches < MOST_SEARCHES && !rest.isHopeless; searches++) if (!rest.findTogether()) break;
  if (rest.refused.length === 0 || rest.isHopeless) throw error;
  return { change: rest.change(), refused: rest.refused };
}

/** The tables after a step, without the objects that none can be made with. Throws as `TableBuilder.apply` does. */
export function builtTables(builder: TableBuilder, change: TableChange): BuiltTables {
  try {
    return { tables: validated(builder, builder.apply(change)), refused: [] };
  } catch (error) {
    const rest = withoutGuilty(builder.all(change.generation), change, error, builder.baseBuffer);
    builder.keepOnly(rest.change);
    return { tables: validated(builder, builder.tables(change.generation)), refused: rest.refused };
  }
}

/** What is not as it should be is not built on. */
function validated(builder: TableBuilder, tables: Tables): Tables {
  try {
    validateTables(tables);
    return tables;
  } catch (error) {
    builder.discard();
    throw error;
  }
}
