/** Every kind of middleware that a frontend or a backend may have, in the order in which `/api` shows them. */
import { KeyTable } from '../kernel/key-table.ts';
import type { ProblemList } from '../kernel/problems.ts';
import { ALLOW_LIST } from './allow-list.ts';
import { AUTH } from './auth.ts';
import { BACKEND_TLS } from './backend-tls.ts';
import { BUFFERING } from './buffering.ts';
import { CLIENT_CERTIFICATE } from './client-certificate.ts';
import { COMPRESS } from './compress.ts';
import { CORS } from './cors.ts';
import { DENY_LIST } from './deny-list.ts';
import { ERRORS } from './errors.ts';
import { FAILOVER } from './failover.ts';
import { FOREIGN_IN_FRONTENDS } from './foreign-names.ts';
import { HEADERS } from './headers.ts';
import { IP_STRATEGY } from './ip-strategy.ts';
import { JWT } from './jwt.ts';
import { type Kind, type Known, type NeededKeySet, type OptionSet, REJECTED } from './kind.ts';
import { LIMITS } from './limits.ts';
import { MIRRORING } from './mirroring.ts';
import { OBSERVABILITY } from './observability.ts';
import { OptionKeys } from './option-keys.ts';
import { PASS_TLS_CERT } from './pass-tls-cert.ts';
import { QUEUE } from './queue.ts';
import { RATE_LIMIT } from './rate-limit.ts';
import { REDIRECT } from './redirect.ts';
import { REQUEST_ID } from './request-id.ts';
import { RESPONSE_FORWARDING } from './response-forwarding.ts';
import { RETRY } from './retry.ts';
import { SPLIT } from './split.ts';
import { BACKEND_TIMEOUTS, REQUEST_TIMEOUTS } from './timeouts.ts';

// biome-ignore lint/suspicious/noExplicitAny: each knows its own options, and nobody else does
type AnyKind = Kind<any>;

export const FRONTEND_KINDS: readonly AnyKind[] = [
  PASS_TLS_CERT,
  CLIENT_CERTIFICATE,
  ALLOW_LIST,
  HEADERS,
  ERRORS,
  RATE_LIMIT,
  REDIRECT,
  LIMITS,
  CORS,
  COMPRESS,
  JWT,
  AUTH,
  DENY_LIST,
  IP_STRATEGY,
  SPLIT,
  MIRRORING,
  REQUEST_ID,
  OBSERVABILITY,
  REQUEST_TIMEOUTS,
];

export const BACKEND_KINDS: readonly AnyKind[] = [
  BACKEND_TLS,
  BUFFERING,
  BACKEND_TIMEOUTS,
  QUEUE,
  RETRY,
  FAILOVER,
  RESPONSE_FORWARDING,
];

const KINDS = [...FRONTEND_KINDS, ...BACKEND_KINDS];

const NO_NAMES: readonly string[] = [];
const NO_KEY_SETS: readonly NeededKeySet[] = [];

/** What may be shown of the options of an object, by the name of their kind. */
export function shownOptions(options: OptionSet): Record<string, object> {
  const shown: Record<string, object> = {};
  for (const kind of KINDS) {
    const own = options[kind.name];
    if (own !== undefined) shown[kind.name] = kind.show(own);
  }
  return shown;
}

/** Of nearly all of very many objects: then no kind has to be asked. */
function hasNone(options: OptionSet): boolean {
  for (const _name in options) return false;
  return true;
}

/** Names of the backends that the options of an object send requests to. */
export function backendsOf(options: OptionSet): readonly string[] {
  if (hasNone(options)) return NO_NAMES;
  return KINDS.flatMap((kind) => {
    const own = options[kind.name];
    return own === undefined ? [] : (kind.backends?.(own) ?? []);
  });
}

/** The key sets that the options of an object need. */
export function keySetsOf(options: OptionSet): readonly NeededKeySet[] {
  if (hasNone(options)) return NO_KEY_SETS;
  return KINDS.flatMap((kind) => {
    const own = options[kind.name];
    return own === undefined ? [] : (kind.keySets?.(own) ?? []);
  });
}

/** The key of an object whose options ask for the number of live nodes, '' for none. */
export function nodesKeyOf(options: OptionSet): string {
  if (hasNone(options)) return '';
  for (const kind of KINDS) {
    const own = options[kind.name];
    const key = own === undefined ? '' : (kind.nodesKey?.(own) ?? '');
    if (key !== '') return key;
  }
  return '';
}

/** The backend of a frontend that names none itself, '' when nothing offers one. */
export function offeredBackend(options: OptionSet): string {
  if (hasNone(options)) return '';
  for (const kind of KINDS) {
    const own = options[kind.name];
    if (own !== undefined && kind.backend !== undefined) return kind.backend(own);
  }
  return '';
}

/** Whose they are is settled when they come to a kind: there they only have a reason. */
const FOREIGN = new Map([...FOREIGN_IN_FRONTENDS].map(([name, { hint }]) => [name, { hint, guard: null }]));

/** Of the kinds that protect. */
const OWN_KEYS: ReadonlyMap<AnyKind, KeyTable<string>> = new Map(
  KINDS.filter(({ protects }) => protects !== undefined).map((kind) => [
    kind,
    new KeyTable(
      kind.keys.map((key) => [key, key]),
      [],
      FOREIGN,
    ),
  ]),
);

/** What the keys of one kind in one object ask for. */
export function parseKind<Options extends object>(
  kind: Kind<Options>,
  values: ReadonlyMap<string, string>,
  known: Known,
  problems: ProblemList,
): Options | null | typeof REJECTED {
  const keys = new OptionKeys(values, problems, kind.protects);
  const own = OWN_KEYS.get(kind);
  if (own !== undefined) keys.rejectOthers(own);
  const parsed = kind.parse(keys, known);
  return keys.isRejected ? REJECTED : parsed;
}

/** Of nearly all of very many frontends. */
const NO_OPTIONS: OptionSet = Object.freeze({});

/**
 * What the keys of one object ask for, by kind. null: one of them is bad, and the object must not be served without it. All
 * of them are read, so that all that is wrong is told at once.
 */
export function parseOptions(
  kinds: readonly AnyKind[],
  keysOf: ReadonlyMap<AnyKind, ReadonlyMap<string, string>>,
  known: Known,
  problems: ProblemList,
): OptionSet | null {
  if (keysOf.size === 0) return NO_OPTIONS;
  const options: Record<string, object> = {};
  let rejected = false;
  for (const kind of kinds) {
    const own = keysOf.get(kind);
    if (own === undefined) continue;
    const parsed = parseKind(kind, own, known, problems);
    if (parsed === REJECTED) rejected = true;
    else if (parsed !== null) options[kind.name] = parsed;
  }
  return rejected ? null : options;
}
