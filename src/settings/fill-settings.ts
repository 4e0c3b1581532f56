/** Puts the given settings together: defaults, sections, what one setting means for another. */

import { availableParallelism } from 'node:os';
import { type Constraint, parseConstraint } from '../kernel/constraints.ts';
import type { EntryPoint } from '../kernel/entrypoint-options.ts';
import { reasonOf, TsujiError } from '../kernel/errors.ts';
import { LOG_LEVELS, type LogLevel } from '../kernel/log.ts';
import { quoted } from '../kernel/quote.ts';
import { isRequestIdMode, REQUEST_ID_MODES, type RequestIdMode } from '../kernel/request-id-mode.ts';
import { parseShare } from '../kernel/share.ts';
import { fillAccessLog } from './access-log-settings.ts';
import { fillEntryPoints } from './entrypoints.ts';
import { fillEtcd } from './etcd-settings.ts';
import type { Given } from './given.ts';
import { fillMetrics } from './metrics-settings.ts';
import type { Warn, Warnings } from './setting-warning.ts';
import type { EtcdSettings, Settings, TlsServingSettings } from './settings.ts';
import { fillTracing } from './tracing-settings.ts';
import { fillWeb } from './web-settings.ts';

/** More in flight would make a request wait for too many others. */
/** Of a worker: with less it could not even hold a larger table and its clients. */
const LEAST_HEAP_MB = 64;
const MOST_HEAP_MB = 65_536;
/** More do not fit into the longest head, with 32 bytes for each (RFC 9113 §6.5.2). */
const MAX_FIELDS = 2_048;
const MAX_PIPELINING = 64;
const MAX_WORKERS = 1024;
const LONGEST_CHECK_MS = 86_400_000;
/** Trials more often than that would be no ejection. */
const SHORTEST_EJECTION_MS = 100;
const MIB = 1 << 20;
/** A tebibyte: what is beyond all sense is a slip. */
const MAX_CONNECTIONS = 10_000_000;
const MAX_BUFFER_MIB = 1 << 20;
const MAX_DISK_MIB = 1 << 20;
/** What Go's HTTP client takes when it is told 0. */
const GO_IDLE_CONNECTIONS = 2;
/** After which uWebSockets closes an idle connection of a client; it is fixed there. */
const UWS_IDLE_MS = 32_000;

function bad(flag: string, reason: string): TsujiError {
  return new TsujiError('BAD_SETTING', `--${flag}: ${reason}`);
}

function fillLogLevel(given: Given): LogLevel {
  const text = given.has('logLevel') ? given.text('logLevel') : '';
  if (text === '') return given.boolean('debug') ? 'DEBUG' : 'INFO';
  const wanted = text.toUpperCase() === 'WARNING' ? 'WARN' : text.toUpperCase();
  const level = LOG_LEVELS.find((known) => known === wanted);
  if (level === undefined) throw bad('logLevel', `${quoted(text)} is none of ${LOG_LEVELS.join(', ')}`);
  return level;
}

/** A format of no name means the common one, as in the original. */
function fillLog(given: Given, warn: Warn): Settings['log'] {
  const format = given.text('traefikLog.format').toLowerCase();
  if (format !== 'json' && format !== 'common') {
    warn('traefikLog.format', `${quoted(format)} is neither common nor json: it is common`);
  }
  const form = format === 'json' ? 'json' : given.boolean('traefikLog.color') ? 'colours' : 'text';
  return { path: given.text('traefikLog.filePath') || given.text('traefikLogsFile'), form };
}

function fillHealthCheckInterval(given: Given): number {
  const ms = given.duration('healthCheck.interval');
  if (ms < 1 || ms > LONGEST_CHECK_MS) throw bad('healthCheck.interval', 'it must be from 1ms to 24h');
  return ms;
}

function fillWorkers(given: Given): number {
  if (!given.has('workers')) return availableParallelism();
  const workers = given.integer('workers');
  if (workers < 1 || workers > MAX_WORKERS) throw bad('workers', `${workers} is not between 1 and ${MAX_WORKERS}`);
  return workers;
}

function fillDefaultEntryPoints(given: Given, entryPoints: readonly EntryPoint[], warn: Warn): string[] {
  const known = new Set(entryPoints.map(({ name }) => name));
  const wanted = [...new Set(given.list('defaultEntryPoints'))].filter((name) => !given.isDropped(name));
  const unknown = wanted.filter((name) => !known.has(name));
  if (unknown.length === 0) return wanted;
  if (given.has('defaultEntryPoints') && given.has('entryPoints')) {
    const names = unknown.map(quoted).join(', ');
    const which = known.size === 0 ? 'there is none' : `there is ${[...known].join(', ')}`;
    throw bad(
      'defaultEntryPoints',
      `${names} ${unknown.length === 1 ? 'is no entrypoint' : 'are no entrypoints'}; ${which}`,
    );
  }
  if (!given.has('entryPoints')) {
    // The entrypoint that is there without being asked for takes everything, as in the original.
    const names = unknown.map(quoted).join(', ');
    warn('defaultEntryPoints', `without --entryPoints there is only http; ${names} is left out`);
    return entryPoints.map(({ name }) => name);
  }
  // `http`, the default, does not exist. With one entrypoint there is no doubt which one is meant.
  if (entryPoints.length === 1) return [entryPoints[0].name];
  warn('defaultEntryPoints', 'it is not given: frontends that name no entrypoint are not served');
  return [];
}

function freezeDeep<T extends object>(value: T): T {
  for (const inner of Object.values(value)) {
    if (typeof inner === 'object' && inner !== null) freezeDeep(inner);
  }
  return Object.freeze(value);
}

function fillRootCAs(given: Given): string[] | null {
  const rootCAs = given.list('rootCAs');
  return rootCAs.length > 0 ? rootCAs : null;
}

function fillConstraints(given: Given): Constraint[] {
  return ['constraints', 'etcd.constraints'].flatMap((flag) =>
    given.list(flag).map((text) => {
      try {
        return parseConstraint(text);
      } catch (error) {
        throw bad(flag, reasonOf(error));
      }
    }),
  );
}

/** As in the original the older name wins when it is above 0. uWebSockets has a time of its own. */
function fillClientIdle(given: Given, entryPoints: readonly EntryPoint[], warn: Warn): number {
  const ofUws = entryPoints.filter(({ engine }) => engine === 'uws').map(({ name }) => name);
  for (const flag of ['respondingTimeouts.idleTimeout', 'idleTimeout']) {
    const ms = given.has(flag) ? given.duration(flag) : 0;
    if (ms === 0 || ms === UWS_IDLE_MS || ofUws.length === 0) continue;
    const where = `an idle connection of a client of ${ofUws.join(', ')}`;
    warn(flag, `it holds for Engine:tsuji only: ${where} is always closed after some ${UWS_IDLE_MS / 1000} s`);
  }
  return given.duration('idleTimeout') || given.duration('respondingTimeouts.idleTimeout');
}

/** uWebSockets does not tell whose connection has ended. */
function fillConnectionLimits(
  given: Given,
  entryPoints: readonly EntryPoint[],
  warn: Warn,
): Settings['connectionLimits'] {
  const total = fillCount(given, 'limits.connections', MAX_CONNECTIONS);
  const perAddress = fillCount(given, 'limits.connectionsPerAddress', MAX_CONNECTIONS);
  const ofUws = entryPoints.filter(({ engine }) => engine === 'uws').map(({ name }) => name);
  if (perAddress > 0 && ofUws.length > 0) {
    warn(
      'limits.connectionsPerAddress',
      `it holds for Engine:tsuji only: clients of ${ofUws.join(', ')} are not counted`,
    );
  }
  return { total, perAddress };
}

function fillTicketKeys(given: Given, etcd: EtcdSettings | null): 'local' | 'etcd' {
  const text = given.text('tls.ticketKeys');
  if (text !== 'local' && text !== 'etcd') throw bad('tls.ticketKeys', `${quoted(text)} is neither local nor etcd`);
  if (text === 'etcd' && etcd === null) throw bad('tls.ticketKeys', 'there is no --etcd');
  return text;
}

/** uWebSockets has neither: whoever asks for one gets it from Engine:tsuji, or is told that it is nowhere. */
function fillTls(
  given: Given,
  etcd: EtcdSettings | null,
  entryPoints: readonly EntryPoint[],
  warn: Warn,
): TlsServingSettings {
  const tls: TlsServingSettings = { ticketKeys: fillTicketKeys(given, etcd), ocsp: given.boolean('tls.ocsp') };
  const secure = entryPoints.filter((entryPoint) => entryPoint.tls !== null);
  const ofUws = secure.filter(({ engine }) => engine === 'uws').map(({ name }) => name);
  if (ofUws.length === 0) return tls;
  for (const [flag, isAsked, reason] of [
    ['tls.ticketKeys', tls.ticketKeys === 'etcd', 'keeps ticket keys of its own, and does not share them'],
    ['tls.ocsp', tls.ocsp, 'staples no OCSP responses'],
  ] as const) {
    if (!isAsked) continue;
    const why = `${ofUws.join(', ')} with Engine:uws ${reason}`;
    if (ofUws.length === secure.length) throw bad(flag, why);
    warn(flag, `it holds for Engine:tsuji only: ${why}`);
  }
  return tls;
}

function fillRequestId(given: Given): RequestIdMode {
  const text = given.text('requestId');
  if (!isRequestIdMode(text)) throw bad('requestId', `${quoted(text)} is none of ${REQUEST_ID_MODES.join(', ')}`);
  return text;
}

function fillPipelining(given: Given): number {
  const depth = given.integer('upstream.pipelining');
  if (depth < 1 || depth > MAX_PIPELINING) {
    throw bad('upstream.pipelining', `${depth} is not between 1 and ${MAX_PIPELINING}`);
  }
  return depth;
}

function fillFields(given: Given): number {
  const fields = given.integer('limits.fields');
  if (fields < 1 || fields > MAX_FIELDS) throw bad('limits.fields', `${fields} is not between 1 and ${MAX_FIELDS}`);
  return fields;
}

function fillWorkerHeap(given: Given): number {
  const mb = given.integer('limits.workerHeap');
  if (mb !== 0 && (mb < LEAST_HEAP_MB || mb > MOST_HEAP_MB)) {
    throw bad('limits.workerHeap', `${mb} is neither 0 nor between ${LEAST_HEAP_MB} and ${MOST_HEAP_MB}`);
  }
  return mb;
}

function fillGuard(given: Given): Settings['guard'] {
  const text = given.text('guard.removal');
  const removal = text === '' ? null : parseShare(text);
  if (text !== '' && removal === null) throw bad('guard.removal', `${quoted(text)} is no share from 0% to 100%`);
  return { removal, graceMs: given.duration('guard.grace'), suspectMs: given.duration('guard.suspect') };
}

function fillCount(given: Given, flag: string, most: number): number {
  const count = given.integer(flag);
  if (count < 0 || count > most) throw bad(flag, `${count} is not between 0 and ${most}`);
  return count;
}

/**
 * @param warnings those of parsing; more are added here
 * @throws TsujiError that names the flag and what is wrong with its value
 */
export function fillSettings(given: Given, warnings: Warnings): Settings {
  const warn: Warn = (setting, reason) => warnings.add(setting, given.originOf(setting), reason);
  const defined = fillEntryPoints(given.entryPoints(), warn);
  const { web, entryPoints } = fillWeb(given, defined, warn);
  const defaultEntryPoints = fillDefaultEntryPoints(given, entryPoints, warn);
  const etcd = fillEtcd(given, warn);
  const folder = given.text('folder');
  if (etcd === null && folder === '') {
    warn('etcd', 'neither --etcd nor --folder is given: there are no routes, and every request is answered with 503');
  }
  const clientIdleMs = fillClientIdle(given, entryPoints, warn);
  const graceTimeOutMs = given.duration('graceTimeOut');
  return freezeDeep({
    logLevel: fillLogLevel(given),
    log: fillLog(given, warn),
    entryPoints,
    defaultEntryPoints,
    etcd,
    snapshot: given.text('snapshot'),
    guard: fillGuard(given),
    historyMb: fillCount(given, 'history.maxDisk', MAX_DISK_MIB),
    folder,
    web,
    accessLog: fillAccessLog(given, etcd === null ? 'folder' : 'etcd', warn),
    tls: fillTls(given, etcd, entryPoints, warn),
    workers: fillWorkers(given),
    retryBudgetPercent: fillCount(given, 'retry.budget', 1000),
    retryMinPerSecond: fillCount(given, 'retry.minPerSecond', 1_000_000),
    ejectionFailures: fillCount(given, 'ejection.failures', 1_000_000),
    healthCheckIntervalMs: fillHealthCheckInterval(given),
    ejectionTimeMs: Math.max(given.duration('ejection.time'), SHORTEST_EJECTION_MS),
    ejectionMaxTimeMs: given.duration('ejection.maxTime'),
    retryAttempts: given.enabled('retry') ? given.integer('retry.attempts') : null,
    requestAcceptGraceTimeoutMs: given.duration('lifeCycle.requestAcceptGraceTimeout'),
    graceTimeOutMs: graceTimeOutMs > 0 ? graceTimeOutMs : given.duration('lifeCycle.graceTimeOut'),
    successorTimeoutMs: given.duration('lifeCycle.successorTimeout'),
    providersThrottleMs: given.duration('providersThrottleDuration'),
    maxIdleConnsPerHost: given.integer('maxIdleConnsPerHost') || GO_IDLE_CONNECTIONS,
    upstreamPipelining: fillPipelining(given),
    bufferLimits: {
      worker: fillCount(given, 'limits.workerBuffers', MAX_BUFFER_MIB) * MIB,
      connection: fillCount(given, 'limits.connectionBuffers', MAX_BUFFER_MIB) * MIB,
    },
    bufferDisk: {
      folder: given.text('buffering.dir'),
      most: fillCount(given, 'buffering.maxDisk', MAX_DISK_MIB) * MIB,
    },
    connectionLimits: fillConnectionLimits(given, entryPoints, warn),
    dialTimeoutMs: given.duration('forwardingTimeouts.dialTimeout'),
    responseHeaderTimeoutMs: given.duration('forwardingTimeouts.responseHeaderTimeout'),
    headerTimeoutMs: given.duration('respondingTimeouts.headerTimeout'),
    uploadTimeoutMs: given.duration('respondingTimeouts.uploadTimeout'),
    downloadTimeoutMs: given.duration('respondingTimeouts.downloadTimeout'),
    readTimeoutMs: given.duration('respondingTimeouts.readTimeout'),
    writeTimeoutMs: given.duration('respondingTimeouts.writeTimeout'),
    clientIdleMs,
    maxFields: fillFields(given),
    workerHeapMb: fillWorkerHeap(given),
    insecureSkipVerify: given.boolean('insecureSkipVerify'),
    rootCAs: fillRootCAs(given),
    allowMinWeightZero: given.boolean('allowMinWeightZero'),
    constraints: fillConstraints(given),
    requestId: fillRequestId(given),
    tracing: fillTracing(given, warn),
    keepTrailingSlash: given.boolean('keepTrailingSlash'),
    metrics: fillMetrics(given),
    origins: given.origins(),
    warnings: warnings.list(),
  });
}
