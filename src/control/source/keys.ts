/** Which keys of a store are keys of ours, and how they are called inside (shared/spec kv-schema §1.2). */

/** Traefik marks its locks with this; they are not configuration. */
const LOCK_MARK = '___lock';

/**
 * The key relative to the prefix, without a leading slash; null when it is outside the prefix, the prefix itself or a
 * lock. `prefix` has a leading and no trailing slash; '' stands for the root.
 */
export function relativeKey(prefix: string, key: string): string | null {
  if (!key.startsWith(prefix) || key[prefix.length] !== '/') return null;
  const relative = key.slice(prefix.length + 1);
  return isName(relative) ? relative : null;
}

/** Of a relative key: it is no lock, and not the prefix itself. */
export function isName(relative: string): boolean {
  return relative !== '' && !relative.includes(LOCK_MARK);
}
