/** What of the settings every worker is told when it boots. */
import type { BootOptions } from '../../protocol/messages.ts';
import type { Settings } from '../../settings/settings.ts';
import { checkBufferFolder } from './buffer-folder.ts';
import { mostConnections } from './descriptor-limit.ts';

/** `rootCAs`: the texts of the files that the settings name, null for the system's. */
export function bootOptions(settings: Settings, rootCAs: readonly string[] | null): BootOptions {
  checkBufferFolder(settings);
  return {
    retryAttempts: settings.retryAttempts,
    retryLimits: {
      ratio: settings.retryBudgetPercent / 100,
      perSecond: settings.retryMinPerSecond / settings.workers,
    },
    ejectionFailures: settings.ejectionFailures,
    maxIdleConnsPerHost: settings.maxIdleConnsPerHost,
    upstreamPipelining: settings.upstreamPipelining,
    bufferLimits: settings.bufferLimits,
    bufferDisk: settings.bufferDisk,
    connectionLimits: settings.connectionLimits,
    dialTimeoutMs: settings.dialTimeoutMs,
    responseHeaderTimeoutMs: settings.responseHeaderTimeoutMs,
    headerTimeoutMs: settings.headerTimeoutMs,
    uploadTimeoutMs: settings.uploadTimeoutMs,
    downloadTimeoutMs: settings.downloadTimeoutMs,
    readTimeoutMs: settings.readTimeoutMs,
    writeTimeoutMs: settings.writeTimeoutMs,
    clientIdleMs: settings.clientIdleMs,
    maxFields: settings.maxFields,
    insecureSkipVerify: settings.insecureSkipVerify,
    rootCAs,
    requestId: settings.requestId,
    tracing: settings.tracing?.options ?? null,
    keepTrailingSlash: settings.keepTrailingSlash,
    metrics: settings.metrics,
    mostConnections: mostConnections(settings.workers),
  };
}
