/** Which lines are written: filters first, then the share of those that tell of nothing (shared/spec logs §1.3, §2.5). */
import type { AccessLogFilters } from '../kernel/access-log-options.ts';

const NS_PER_MS = 1e6;
/** Causes of lines that tell of nothing, unless something else about them does; so does that of nearly all, `ok`. */
const UNEVENTFUL: readonly string[] = ['redirect', 'preflight'];
const WORDS = 2 ** 32;

type Judged = { readonly status: number; readonly tries: number; readonly cause: string };

function isLong(total: number, minDurationMs: number): boolean {
  return minDurationMs > 0 && total > minDurationMs * NS_PER_MS;
}

/** Does one of the filters want it? `total`: nanoseconds. Without any, everything is. */
export function passes(
  { statuses, retryAttempts, minDurationMs }: AccessLogFilters,
  { status, tries }: Judged,
  total: number,
): boolean {
  if (statuses.length === 0 && !retryAttempts && minDurationMs === 0) return true;
  if (retryAttempts && tries > 1) return true;
  if (isLong(total, minDurationMs)) return true;
  return statuses.some(([from, to]) => status >= from && status <= to);
}

/** It is kept whatever the share is. */
export function isNotable(
  { minDurationMs }: AccessLogFilters,
  { cause, status, tries }: Judged,
  total: number,
): boolean {
  return (cause !== 'ok' && !UNEVENTFUL.includes(cause)) || status >= 500 || tries > 1 || isLong(total, minDurationMs);
}

/** Is one of this id among the `share`? All nodes say the same. FNV-1a, with a last step that mixes all bits. */
export function isAmong(id: string, share: number): boolean {
  if (share >= 1) return true;
  let hash = 0x811c9dc5;
  for (let at = 0; at < id.length; at++) hash = Math.imul(hash ^ id.charCodeAt(at), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  hash = (hash ^ (hash >>> 16)) >>> 0;
  return hash < share * WORDS;
}
