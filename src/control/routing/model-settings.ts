/** What of the settings the meaning of keys depends on. */
import type { ModelSettings } from '../../model/build-model.ts';
import type { Settings } from '../../settings/settings.ts';

export function modelSettings(settings: Settings): ModelSettings {
  return {
    prefix: settings.etcd === null ? '' : settings.etcd.prefix,
    entryPoints: settings.entryPoints.map(({ name }) => name),
    tlsEntryPoints: settings.entryPoints.filter(({ tls }) => tls !== null).map(({ name }) => name),
    defaultEntryPoints: settings.defaultEntryPoints,
    allowMinWeightZero: settings.allowMinWeightZero,
    constraints: settings.constraints,
    healthCheckIntervalMs: settings.healthCheckIntervalMs,
  };
}
