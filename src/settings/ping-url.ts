/** Where `/ping` of these pages is asked on the host that they are on. */
import { isIPv6 } from 'node:net';
import type { WebSettings } from './settings.ts';

export function pingUrl({ host, port, path, tls }: Pick<WebSettings, 'host' | 'port' | 'path' | 'tls'>): string {
  // Nobody can connect to "all interfaces"; the loopback is one of them.
  const reachable = host === '' || host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return `${tls === null ? 'http' : 'https'}://${isIPv6(reachable) ? `[${reachable}]` : reachable}:${port}${path}ping`;
}
