/** The keys below `backends/<name>/` → one backend. Source: shared/spec kv-schema §3. */

import { type Constraint, unmetConstraint } from '../kernel/constraints.ts';
import { ProblemList } from '../kernel/problems.ts';
import { quoted } from '../kernel/quote.ts';
import { unescapeValue } from '../kernel/unescape.ts';
import { readBool, readInt, readList } from '../kernel/values.ts';
import type { Kind, Known } from '../middlewares/kind.ts';
import { BACKEND_KINDS, parseOptions } from '../middlewares/kinds.ts';
import { type BalancingKeys, readBalancing } from './balancing-keys.ts';
import type { Built } from './built.ts';
import { DEFAULT_INTERVAL_MS, type HealthKeys, isHealth, readHealthCheck } from './health-keys.ts';
import type { ObjectKeys } from './kv-tree.ts';
import type { Backend, LeftOutServer, Server } from './model.ts';
import { isProtection, type ProtectionKeys, readProtection } from './protection-keys.ts';
import { BACKEND_KEYS } from './schema.ts';
import { parseServerUrl } from './server-url.ts';

export type BackendOptions = {
  /** The prefix of all keys, without a slash at its end. */
  readonly prefix: string;
  readonly allowMinWeightZero: boolean;
  /** Of `--healthCheck.interval`, for backends that name none; absent: 30 s. */
  readonly healthCheckIntervalMs?: number;
  /** A server whose tags do not meet all of them is left out. */
  readonly constraints: readonly Constraint[];
  /** Is that server in force only until it is known what became of it? Absent: none is. */
  readonly isSuspect?: (backend: string, server: string) => boolean;
};

/** Ours: far above any use, and small enough that sums of weights stay exact in 32 bits. */
const MAX_WEIGHT = 1_000_000;
const MAX_PIPELINING = 64;

const NO_NAMES: ReadonlySet<string> = new Set();

type ServerKeys = { url: string; weight: string; tags: string; draining: string };
type Servers = { readonly used: Server[]; readonly leftOut: LeftOutServer[] };

/** null when the weight rejects its server. */
function readWeight(text: string, key: string, options: BackendOptions, problems: ProblemList): number | null {
  const { value, problem } = readInt(text, 1);
  if (problem !== '') {
    problems.add(key, 'defaulted', problem);
    return value;
  }
  if (value < 0 || value > MAX_WEIGHT) {
    problems.add(key, 'rejected', `a weight must be from 0 to ${MAX_WEIGHT}, not ${text}; the server is left out`);
    return null;
  }
  if (value > 0 || options.allowMinWeightZero) return value;
  problems.add(key, 'defaulted', '0 counts as 1, unless tsuji runs with --allowMinWeightZero');
  return 1;
}

function readDraining(text: string, key: string, problems: ProblemList): boolean {
  const { value, problem } = readBool(text, false);
  if (problem !== '') problems.add(key, 'defaulted', problem);
  return value;
}

function buildServers(
  backend: string,
  named: Map<string, ServerKeys>,
  options: BackendOptions,
  problems: ProblemList,
): Servers {
  const leftOut: LeftOutServer[] = [];
  const byIdentity = new Map<string, Server>();
  for (const name of [...named.keys()].sort()) {
    const keys = named.get(name)!;
    // Half-registered or half-expired: url and weight come and go one after the other.
    if (keys.url === '') continue;
    const weight = readWeight(keys.weight, `servers/${name}/weight`, options, problems);
    const parsed = parseServerUrl(unescapeValue(keys.url));
    if (typeof parsed === 'string') {
      problems.add(`servers/${name}/url`, 'rejected', parsed);
      continue;
    }
    if (weight === null) continue;
    const { identity, hasUser, url, scheme, host, port, hostHeader } = parsed;
    if (hasUser) {
      const reason = 'the user in the URL is not sent to the server, and left out wherever the URL is shown';
      problems.add(`servers/${name}/url`, 'warned', reason);
    }
    const tags = readList(unescapeValue(keys.tags), new Map());
    const unmet = unmetConstraint(options.constraints, tags);
    if (unmet !== null) {
      leftOut.push({ name, url, tags, constraint: unmet.text });
      continue;
    }
    const twin = byIdentity.get(identity);
    const suspect = options.isSuspect?.(backend, name) === true;
    // It has registered anew under another name.
    if (suspect && twin !== undefined && twin.suspect !== true) continue;
    if (twin !== undefined) {
      const reason = `the same server as ${quoted(name)}, which is used`;
      if (twin.suspect !== true) problems.add(`servers/${twin.name}/url`, 'ignored', reason);
      // The order is that of the names that are used.
      byIdentity.delete(identity);
    }
    const draining = readDraining(keys.draining, `servers/${name}/draining`, problems);
    byIdentity.set(identity, {
      // One by one: what is spread out has a list of its own for its properties.
      name,
      url,
      scheme,
      host,
      port,
      hostHeader,
      weight,
      ...(draining ? { draining: true } : {}),
      ...(suspect ? { suspect: true } : {}),
    });
  }
  return { used: [...byIdentity.values()], leftOut };
}

function readPipelining(text: string, problems: ProblemList): number {
  const depth = readInt(text, 0);
  if (depth.problem !== '') problems.add('pipelining', 'defaulted', depth.problem);
  if (text === '' || depth.problem !== '') return 0;
  if (depth.value >= 1 && depth.value <= MAX_PIPELINING) return depth.value;
  problems.add(
    'pipelining',
    'defaulted',
    `${depth.value} is not between 1 and ${MAX_PIPELINING}; the flag's value is used`,
  );
  return 0;
}

/** What a backend may look at beside its own keys; it is built again when what it has seen there changes. */
export type Surroundings = Pick<Known, 'backendLack' | 'keyOf' | 'readFile'>;

/**
 * A backend exists as soon as it has any key; without a usable server its requests get a 503. null when it has none, and
 * when a mistake in what protects its servers leaves it out, and all frontends that need it.
 */
export function buildBackend(
  name: string,
  keys: ObjectKeys,
  options: BackendOptions,
  surroundings: Surroundings,
): Built<Backend> {
  const problems = new ProblemList(`${options.prefix}/backends/${name}/`);
  if (keys.size === 0) return { value: null, problems: problems.list };
  const servers = new Map<string, ServerKeys>();
  const server = (serverName: string): ServerKeys => {
    const found = servers.get(serverName) ?? { url: '', weight: '', tags: '', draining: '' };
    servers.set(serverName, found);
    return found;
  };
  const protection: ProtectionKeys = {};
  const health: HealthKeys = { headers: new Map() };
  const balancing: BalancingKeys = {};
  const optionKeys = new Map<Kind<object>, Map<string, string>>();
  let pipelining = '';
  for (const [key, value] of keys) {
    const match = BACKEND_KEYS.find(key);
    if (match.kind === 'unknown') problems.addUnused(key, match);
    else if (typeof match.field === 'object') {
      const own = optionKeys.get(match.field) ?? new Map<string, string>();
      optionKeys.set(match.field, own.set(key, value));
    } else if (match.field === 'serverUrl') server(match.names[0]).url = value;
    else if (match.field === 'serverWeight') server(match.names[0]).weight = value;
    else if (match.field === 'serverTags') server(match.names[0]).tags = value;
    else if (match.field === 'serverDraining') server(match.names[0]).draining = value;
    else if (match.field === 'pipelining') pipelining = value;
    else if (match.field === 'healthHeader') health.headers.set(match.names[0], value);
    else if (isHealth(match.field)) health[match.field] = value;
    else if (isProtection(match.field)) protection[match.field] = value;
    else balancing[match.field] = value;
  }
  const known = { entryPoints: NO_NAMES, backend: name, ...surroundings };
  const { used, leftOut } = buildServers(name, servers, options, problems);
  const parsed = optionKeys.size === 0 ? {} : parseOptions(BACKEND_KINDS, optionKeys, known, problems);
  const guards = readProtection(protection, problems);
  const backend = {
    name,
    servers: used,
    ...(leftOut.length === 0 ? {} : { leftOut }),
    ...readBalancing(name, balancing, problems),
    pipelining: readPipelining(pipelining, problems),
    ...(optionKeys.size === 0 || parsed === null ? {} : { options: parsed }),
    ...guards,
    ...readHealthCheck(health, options.healthCheckIntervalMs ?? DEFAULT_INTERVAL_MS, problems),
  };
  // Rather nobody is served than servers are met without what was to protect them.
  return { value: parsed === null || guards === null ? null : backend, problems: problems.list };
}
