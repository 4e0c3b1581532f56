/** What `Connection` of a request names (RFC 9110 §7.6.1): options, and fields that are for the next hop alone. */
import { HOP_BY_HOP, listMembers } from './fields.ts';

export type ConnectionOptions = {
  readonly close: boolean;
  readonly keepAlive: boolean;
  readonly upgrade: boolean;
  /** Lower-case names of fields, but for those that are never forwarded; null for none. */
  readonly fields: ReadonlySet<string> | null;
};

const KEEP_ALIVE: ConnectionOptions = Object.freeze({ close: false, keepAlive: true, upgrade: false, fields: null });
const CLOSE: ConnectionOptions = Object.freeze({ close: true, keepAlive: false, upgrade: false, fields: null });

/** By far the most common values. */
export function isKeepAlive(value: string): boolean {
  return value === 'keep-alive' || value === 'Keep-Alive';
}

/** `value`: of all such fields, as one list. */
export function connectionOptions(value: string): ConnectionOptions {
  // Without making a list of them.
  if (isKeepAlive(value)) return KEEP_ALIVE;
  if (value === 'close') return CLOSE;
  let close = false;
  let keepAlive = false;
  let upgrade = false;
  let fields: Set<string> | null = null;
  for (const member of listMembers(value)) {
    if (member === 'upgrade') upgrade = true;
    else if (member === 'close') close = true;
    else if (member === 'keep-alive') keepAlive = true;
    else if (!HOP_BY_HOP.has(member)) {
      fields ??= new Set();
      fields.add(member);
    }
  }
  return { close, keepAlive, upgrade, fields };
}
