/**
 * What has changed since the settings were read first, and what of it a running tsuji takes on: what is looked up for each
 * request, or when it is needed. All else is made once, at the start.
 */
import { isDeepStrictEqual } from 'node:util';
import type { EntryPoint } from '../kernel/entrypoint-options.ts';
import type { Settings, WebSettings } from './settings.ts';

/** As they were read. */
export type Reading = {
  readonly settings: Settings;
  /** By flag, what was written of it; entrypoints are not among them. */
  readonly texts: ReadonlyMap<string, string>;
};

export type SettingChange = {
  /** Never with its value, which may be a secret. */
  readonly setting: string;
  readonly isLive: boolean;
};

const LIVE_FLAGS: ReadonlySet<string> = new Set(
  [
    'api.dashboard debug graceTimeOut lifeCycle.graceTimeOut lifeCycle.requestAcceptGraceTimeout',
    'lifeCycle.successorTimeout logLevel traefikLog traefikLog.filePath traefikLog.format traefikLogsFile web.hosts',
  ]
    .join(' ')
    .split(' '),
);
const LIVE_OF_ENTRY_POINT: readonly (keyof EntryPoint)[] = [
  'auth',
  'compress',
  'forwardedHeaders',
  'redirect',
  'whiteList',
];
const OF_ENTRY_POINT: readonly (keyof EntryPoint)[] = [
  ...LIVE_OF_ENTRY_POINT,
  'address',
  'engine',
  'proxyProtocol',
  'tls',
];
/** Those that its entrypoint says. */
const LIVE_OF_WEB: readonly (keyof WebSettings)[] = ['forwardedHeaders', 'users', 'whiteList'];

function changedFlags(before: Reading, after: Reading): SettingChange[] {
  const names = new Set([...before.texts.keys(), ...after.texts.keys()]);
  return [...names]
    .filter((name) => before.texts.get(name) !== after.texts.get(name))
    .map((name) => ({ setting: `--${name}`, isLive: LIVE_FLAGS.has(name) }));
}

function byName({ entryPoints }: Settings): Map<string, EntryPoint> {
  return new Map(entryPoints.map((entryPoint) => [entryPoint.name, entryPoint]));
}

/** It leads to an entrypoint that is not listened on yet. */
function leadsNowhere({ redirect }: EntryPoint, listening: ReadonlyMap<string, EntryPoint>): boolean {
  return redirect !== null && redirect.entryPoint !== '' && !listening.has(redirect.entryPoint);
}

function changedEntryPoints(before: Settings, after: Settings): SettingChange[] {
  const [old, next] = [byName(before), byName(after)];
  const changes: SettingChange[] = [];
  for (const name of new Set([...old.keys(), ...next.keys()])) {
    const [was, is] = [old.get(name), next.get(name)];
    if (was === undefined || is === undefined) {
      changes.push({ setting: `entrypoint ${name}`, isLive: false });
      continue;
    }
    for (const option of OF_ENTRY_POINT) {
      if (isDeepStrictEqual(was[option], is[option])) continue;
      const isLive = LIVE_OF_ENTRY_POINT.includes(option) && !(option === 'redirect' && leadsNowhere(is, old));
      changes.push({ setting: `entrypoint ${name}: ${option}`, isLive });
    }
  }
  return changes;
}

function changedWeb(before: WebSettings | null, after: WebSettings | null): SettingChange[] {
  if (before === null || after === null) return [];
  return [...LIVE_OF_WEB, 'tls' as const]
    .filter((option) => !isDeepStrictEqual(before[option], after[option]))
    .map((option) => ({ setting: `admin address: ${option}`, isLive: option !== 'tls' }));
}

export function changesBetween(before: Reading, after: Reading): SettingChange[] {
  return [
    ...changedFlags(before, after),
    ...changedEntryPoints(before.settings, after.settings),
    ...changedWeb(before.settings.web, after.settings.web),
  ];
}

/** What is in force from now on: what was with all of `after` that can be taken on. The rest is a change the next time, too. */
export function takenOn(before: Reading, after: Reading): Reading {
  const texts = new Map(before.texts);
  for (const name of LIVE_FLAGS) {
    const text = after.texts.get(name);
    if (text === undefined) texts.delete(name);
    else texts.set(name, text);
  }
  return { settings: settingsTakenOn(before.settings, after.settings), texts };
}

function settingsTakenOn(before: Settings, after: Settings): Settings {
  const next = byName(after);
  const old = byName(before);
  const entryPoints = before.entryPoints.map((was) => {
    const is = next.get(was.name);
    if (is === undefined) return was;
    const { auth, compress, forwardedHeaders, whiteList } = is;
    const redirect = leadsNowhere(is, old) ? was.redirect : is.redirect;
    return { ...was, auth, compress, forwardedHeaders, whiteList, redirect };
  });
  const { web } = after;
  const { logLevel, log, graceTimeOutMs, requestAcceptGraceTimeoutMs, successorTimeoutMs } = after;
  return {
    ...before,
    origins: after.origins,
    entryPoints,
    web:
      before.web === null || web === null
        ? before.web
        : {
            ...before.web,
            dashboard: web.dashboard,
            hosts: web.hosts,
            users: web.users,
            whiteList: web.whiteList,
            forwardedHeaders: web.forwardedHeaders,
          },
    logLevel,
    log,
    graceTimeOutMs,
    requestAcceptGraceTimeoutMs,
    successorTimeoutMs,
  };
}
