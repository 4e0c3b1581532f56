/** Keys that belong to no frontend, backend or certificate: what there is to say of them. */
import { escapedName } from '../kernel/key-text.ts';
import { isMarker, slashesReason, unknownReason } from '../kernel/problems.ts';
import { guardKeyProblem } from './guard-keys.ts';
import { OTHER_KEYS } from './schema.ts';

/** Settings of tsuji itself as keys (kv-schema §12). They are read at the start, and here only talked about. */
export type StoredKeys = {
  /** First parts of such keys, in lower case. */
  readonly sections: ReadonlySet<string>;
  /** Why this key with this value is not in force, '' when it is. */
  problemOf(key: string, value: string): string;
};

export const NO_STORED_KEYS: StoredKeys = { sections: new Set(), problemOf: () => '' };

function firstPart(key: string): string {
  return key.split('/', 1)[0];
}

/** Does it mean anything to tsuji, or to Traefik? */
export function isKnownOther(key: string, stored: StoredKeys): boolean {
  // Traefik reads the names of its own settings in any case.
  const first = firstPart(key).toLowerCase();
  return stored.sections.has(first) || OTHER_KEYS.has(first);
}

/** Why it does not do what it was written for, '' when it does. */
export function describeOther(key: string, value: string, stored: StoredKeys): string {
  if (escapedName(key) !== null) return 'its name is not UTF-8, and could not be told from others: it is left out';
  const slashes = slashesReason(key);
  if (slashes !== '') return slashes;
  const first = firstPart(key);
  if (stored.sections.has(first.toLowerCase())) return stored.problemOf(key, value);
  if (first === 'guard') return guardKeyProblem(key, value);
  const known = OTHER_KEYS.get(first.toLowerCase());
  if (known !== undefined) return known;
  if (isMarker(key)) return '';
  if (first === 'backends' || first === 'frontends') {
    return `no key of a ${first.slice(0, -1)}: it must be ${first}/NAME/…`;
  }
  if (first === 'tls') return 'no key of a certificate: it must be tls/NAME/…';
  return unknownReason(first, ['backends', 'frontends', 'tls', ...OTHER_KEYS.keys(), ...stored.sections]);
}
