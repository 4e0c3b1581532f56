/**
 * What a kind of middleware is to everybody but the data plane: which keys it has, what they mean, and what of it may be
 * shown. Its options are frozen plain data; they travel to the workers as JSON, in the table or in a boot record, and
 * nothing between knows them. Its behaviour is in `src/data/middlewares/`, in the file of the same name.
 */
import type { OptionKeys } from './option-keys.ts';

/** The options of one frontend or entrypoint: by the name of their kind. */
export type OptionSet = Readonly<Record<string, object>>;

/** What the options of an object may refer to. */
export type FileText = { readonly text: string; readonly problem: string };

export type Known = {
  /** Names of the entrypoints that exist. */
  readonly entryPoints: ReadonlySet<string>;
  /** Of a frontend: the backend that it names, '' for none; of a backend: its own name. */
  readonly backend: string;
  /** Why no backend of that name can be used, '' when it can. Whoever asks is built again when that changes. */
  readonly backendLack: (name: string) => string;
  /** Value of a key of another backend, '' when it has none. Whoever asks is built again when that backend changes. */
  readonly keyOf: (backend: string, key: string) => string;
  /** The text of a file on this host; `problem`: why it cannot be had, '' when it can. Whoever asks is built again when it changes. */
  readonly readFile: (path: string) => FileText;
};

/** The keys at a URL, which `key`, below the object, names. */
export type NeededKeySet = { readonly key: string; readonly url: string };

/** The object must not be served: it would be open to more than its author meant. A problem says why. */
export const REJECTED = Symbol('rejected');

export interface Kind<Options extends object> {
  /** Its name in the table, in `/api` (Traefik's spelling where Traefik has it) and in the status. */
  readonly name: string;
  /** Patterns of its keys below `frontends/F/`, or `backends/B/` for a kind of theirs; `*` for a free name. */
  readonly keys: readonly string[];
  /**
   * What of its keys keeps somebody out: the first part of all of them, or single keys. There, unknown keys and wrong
   * flags and numbers leave the object out, for it must not be open by mistake. Absent: none.
   */
  readonly protects?: readonly string[];
  /** null: it asks for nothing. Only called when one of its keys is there. */
  parse(keys: OptionKeys, known: Known): Options | null | typeof REJECTED;
  /** What may be shown of it, field by field: never a secret, and never "everything but". */
  show(options: Options): object;
  /** The backend that counts as the frontend's own where that names none. Absent: it has none to offer. */
  backend?(options: Options): string;
  /** Names of the backends that it sends requests to, besides that of its frontend. Absent: none. */
  backends?(options: Options): readonly string[];
  /** The key sets (JWKS) that it needs: they are fetched for as long as it does. Absent: none. */
  keySets?(options: Options): readonly NeededKeySet[];
  /** The key that asks for the number of live nodes, below its object; '' when none does. Absent: none. */
  nodesKey?(options: Options): string;
}
