/** Where these pages are asked for on the host that they are on. */
import { isIPv6 } from 'node:net';
import type { WebSettings } from './settings.ts';

type Place = Pick<WebSettings, 'host' | 'port' | 'path' | 'tls'>;

/** With a slash at its end. */
export function adminUrl({ host, port, path, tls }: Place): string {
  // Nobody can connect to "all interfaces"; the loopback is one of them.
  const reachable = host === '' || host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return `${tls === null ? 'http' : 'https'}://${isIPv6(reachable) ? `[${reachable}]` : reachable}:${port}${path}`;
}

export function pingUrl(web: Place): string {
  return `${adminUrl(web)}ping`;
}
