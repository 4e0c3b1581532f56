/**
 * Every key that Traefik 1.x knows (shared/spec kv-schema §3.1, §5.1, §7, §9, §12), one row per key: those of options
 * are in src/middlewares/.
 */

import { type Foreign, KeyTable } from '../kernel/key-table.ts';
import { FOREIGN_IN_BACKENDS, FOREIGN_IN_FRONTENDS, type ForeignName } from '../middlewares/foreign-names.ts';
import type { Kind } from '../middlewares/kind.ts';
import { BACKEND_KINDS, FRONTEND_KINDS } from '../middlewares/kinds.ts';
import type { BalancingText } from './balancing-keys.ts';
import type { HealthText } from './health-keys.ts';
import type { ProtectionText } from './protection-keys.ts';

export type BackendField =
  | 'serverUrl'
  | 'serverWeight'
  | 'serverTags'
  | 'serverDraining'
  | 'pipelining'
  | BalancingText
  | ProtectionText
  | HealthText
  | 'healthHeader'
  /** The kind of middleware that it belongs to. */
  | Kind<object>;

export type FrontendField =
  | 'backend'
  | 'rule'
  | 'priority'
  | 'entryPoints'
  | 'entryPointItem'
  | 'passHostHeader'
  | 'passHostHeaderOld'
  /** The kind of middleware that it belongs to. */
  | Kind<object>;

type Row<Field> = readonly [pattern: string, field: Field];

function optionKeys(kinds: readonly Kind<object>[]): Row<Kind<object>>[] {
  return kinds.flatMap((kind) => kind.keys.map((pattern): Row<Kind<object>> => [pattern, kind]));
}

/** Whose keys have foreign names: those of kinds that protect. */
function foreign(
  names: ReadonlyMap<string, ForeignName>,
  kinds: readonly Kind<object>[],
): ReadonlyMap<string, Foreign<Kind<object>>> {
  return new Map(
    [...names].map(([name, { hint, protects }]) => [
      name,
      { hint, guard: kinds.find((kind) => kind.name === protects) ?? null },
    ]),
  );
}

function guards(kinds: readonly Kind<object>[]): Row<Kind<object>>[] {
  return kinds.flatMap((kind) => (kind.protects ?? []).map((start): Row<Kind<object>> => [start, kind]));
}

export const BACKEND_KEYS = new KeyTable<BackendField>(
  [
    ['servers/*/url', 'serverUrl'],
    ['servers/*/weight', 'serverWeight'],
    ['servers/*/tags', 'serverTags'],
    ['loadbalancer/method', 'method'],
    ['loadbalancer/sticky', 'sticky'],
    ['loadbalancer/stickiness', 'stickiness'],
    ['loadbalancer/stickiness/cookiename', 'cookieName'],
    ['loadbalancer/stickiness/secure', 'cookieSecure'],
    ['loadbalancer/stickiness/httponly', 'cookieHttpOnly'],
    ['loadbalancer/stickiness/samesite', 'cookieSameSite'],
    // Ours: no keys of Traefik.
    ['pipelining', 'pipelining'],
    ['servers/*/draining', 'serverDraining'],
    ['loadbalancer/hash/key', 'hashKey'],
    ['loadbalancer/hash/bound', 'hashBound'],
    ['slowstart', 'slowStart'],
    ['ejection/failures', 'ejectionFailures'],
    ['maxconn/amount', 'maxConnAmount'],
    ['maxconn/extractorfunc', 'maxConnExtractor'],
    ['circuitbreaker/expression', 'breakerExpression'],
    ['healthcheck/path', 'healthPath'],
    ['healthcheck/scheme', 'healthScheme'],
    ['healthcheck/port', 'healthPort'],
    ['healthcheck/interval', 'healthInterval'],
    ['healthcheck/hostname', 'healthHostname'],
    ['healthcheck/headers/*', 'healthHeader'],
    // Ours.
    ['healthcheck/timeout', 'healthTimeout'],
    ['healthcheck/rise', 'healthRise'],
    ['healthcheck/fall', 'healthFall'],
    ['healthcheck/startdown', 'healthStartDown'],
    ...optionKeys(BACKEND_KINDS),
  ],
  guards(BACKEND_KINDS),
  foreign(FOREIGN_IN_BACKENDS, BACKEND_KINDS),
);

export const FRONTEND_KEYS = new KeyTable<FrontendField>(
  [
    ['backend', 'backend'],
    ['routes/*/rule', 'rule'],
    ['priority', 'priority'],
    ['entrypoints', 'entryPoints'],
    ['entrypoints/*', 'entryPointItem'],
    ['passhostheader', 'passHostHeader'],
    ['passHostHeader', 'passHostHeaderOld'],
    ...optionKeys(FRONTEND_KINDS),
  ],
  guards(FRONTEND_KINDS),
  foreign(FOREIGN_IN_FRONTENDS, FRONTEND_KINDS),
);

export const CERTIFICATE_KEYS = new KeyTable<'entryPoints' | 'entryPointItem' | 'cert' | 'key'>([
  ['entrypoints', 'entryPoints'],
  ['entrypoints/*', 'entryPointItem'],
  ['certificate/certfile', 'cert'],
  ['certificate/keyfile', 'key'],
]);

/** First part of a key outside backends, frontends and tls → what to say of it; '' for keys that are no configuration. */
export const OTHER_KEYS: ReadonlyMap<string, string> = new Map([
  // Obeyed where keys are read (control/source/key-trees.ts).
  ['alias', ''],
  // Ours: the keys of session tickets that nodes share (src/control/tls/shared-ticket-keys.ts).
  ['tsuji', ''],
  // Ours: the guard against mass removal (guard-keys.ts).
  ['guard', ''],
  // Written by Traefik itself in cluster mode, and left behind by it.
  ['leader', ''],
]);
