/** Files that settings name. */
import type { Settings } from '../settings/settings.ts';
import { loadTls } from './source/tls.ts';
import { loadClientCAs } from './tls/client-cas.ts';
import { TRACING_TLS } from './tracing/span-exporter.ts';

/**
 * What settings name outside of themselves, as far as a control plane would not start without it.
 * @throws TsujiError
 */
export function checkFiles({ entryPoints, etcd, tracing }: Settings): void {
  for (const entryPoint of entryPoints) loadClientCAs(entryPoint);
  if (etcd?.tls) loadTls(etcd.tls);
  if (tracing !== null) loadTls(tracing.tls, TRACING_TLS);
}
