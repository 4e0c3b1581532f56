/** What a node tells of itself (node-report.ts): small, and nothing that a reader of etcd may not know. */
import type { SourceName } from '../source/source.ts';

export type NodeState = {
  /** Of the process. */
  readonly id: string;
  /** Of the host. */
  readonly name: string;
  /** From which it reaches etcd, '' when that is not known. */
  readonly address: string;
  /** `host:port` of its admin pages, '' for none. */
  readonly admin: string;
  /** They are asked by TLS, and below this path, which begins and ends with `/`. */
  readonly adminTls: boolean;
  readonly adminPath: string;
  readonly version: string;
  /** Unix milliseconds. */
  readonly startedAt: number;
  /** '' when it is ready for traffic, else why not. */
  readonly notReady: string;
  readonly generation: number;
  /** Of each source, what every worker of it routes by. */
  readonly applied: Readonly<Partial<Record<SourceName, string>>>;
  readonly problems: number;
  /** Serving and wanted; null where its version does not tell it, as of the next two. */
  readonly workers: readonly [serving: number, wanted: number] | null;
  /** Requests per second, and the share of them that get a 5xx, of the last 10 s. */
  readonly rate: number | null;
  readonly e5: number | null;
};

/** Of a text that another version may have written. */
const LONGEST_TEXT = 200;

function textOf(value: unknown): string {
  return typeof value === 'string' ? value.slice(0, LONGEST_TEXT) : '';
}

/** A version that does not say it may have another one. */
function pathOf(value: unknown): string {
  const path = textOf(value);
  return /^\/(?:[\x21-\x22\x24-\x3e\x40-\x7e]*\/)?$/.test(path) ? path : '/';
}

function countOf(value: unknown): number {
  return typeof value === 'number' && Number.isFinite(value) ? value : 0;
}

function numberOf(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}

function pairOf(value: unknown): readonly [number, number] | null {
  return Array.isArray(value) && value.length === 2 ? [countOf(value[0]), countOf(value[1])] : null;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

/** Whatever somebody has written there: fields that are not as they should be are empty. */
export function readNodeState(id: string, value: string): NodeState {
  let read: unknown = null;
  try {
    read = JSON.parse(value);
  } catch {
    // Not of ours; it is listed all the same, because it is counted.
  }
  const fields = isObject(read) ? read : {};
  const applied: Partial<Record<SourceName, string>> = {};
  if (isObject(fields.applied)) {
    for (const name of ['etcdv3', 'etcdv2', 'folder'] as const) {
      if (typeof fields.applied[name] === 'string') applied[name] = textOf(fields.applied[name]);
    }
  }
  return {
    id: textOf(id),
    name: textOf(fields.name),
    address: textOf(fields.address),
    admin: textOf(fields.admin),
    adminTls: fields.adminTls === true,
    adminPath: pathOf(fields.adminPath),
    version: textOf(fields.version),
    startedAt: countOf(fields.startedAt),
    notReady: isObject(read) ? textOf(fields.notReady) : 'it does not say how it is',
    generation: countOf(fields.generation),
    applied,
    problems: countOf(fields.problems),
    workers: pairOf(fields.workers),
    rate: numberOf(fields.rate),
    e5: numberOf(fields.e5),
  };
}
