/** Which sources the settings ask for. */
import type { Settings } from '../../settings/settings.ts';
import { EndpointMemory } from './endpoint-loop.ts';
import { EtcdV2Source } from './etcd-v2.ts';
import { EtcdV3Source } from './etcd-v3.ts';
import { FolderSource } from './folder.ts';
import type { Source } from './source.ts';
import { loadTls } from './tls.ts';

/**
 * In order of precedence: for the same key the first source wins. `memory`: of those who have asked the same store before;
 * `leavesTrees`: where it can be, backends, frontends and certificates are left out.
 * Throws a TsujiError for unusable TLS settings.
 */
export function sourcesFrom(
  settings: Pick<Settings, 'etcd' | 'folder'>,
  memory: EndpointMemory = new EndpointMemory(),
  leavesTrees = false,
): Source[] {
  const { etcd, folder } = settings;
  const sources: Source[] = [];
  if (etcd !== null) {
    if (etcd.tls !== null) loadTls(etcd.tls);
    sources.push(new EtcdV3Source(etcd, { leavesTrees }, memory));
    if (!etcd.useApiV3) sources.push(new EtcdV2Source(etcd, {}, memory));
  }
  if (folder !== '') sources.push(new FolderSource(folder));
  return sources;
}

/** Name of the one provider that the API shows. */
export function providerOf(settings: Settings): string {
  if (settings.etcd === null) return 'folder';
  return settings.etcd.useApiV3 ? 'etcdv3' : 'etcd';
}
