/** Where the dashboard, the API, ping and the metrics are served (shared/spec cli-api §2.4). */
import { TsujiError } from '../kernel/errors.ts';
import { quoted } from '../kernel/quote.ts';
import { parseAddress, sameAddress } from './address.ts';
import type { Given } from './given.ts';
import type { EntryPoint, WebSettings } from './settings.ts';

/** The entrypoint that Traefik 1.7 makes for these pages, unless one of this name is defined. */
const WEB_ENTRY_POINT = 'traefik';
const SECTIONS = ['web', 'api', 'ping', 'metrics.prometheus'];

function bad(flag: string, reason: string): TsujiError {
  return new TsujiError('BAD_SETTING', `--${flag}: ${reason}`);
}

const HOST_NAME = /^(?:\*|\.?[a-z0-9_](?:[a-z0-9._-]{0,251}[a-z0-9_])?)$/;

function fillHosts(given: Given): string[] {
  return given.list('web.hosts').map((text) => {
    const name = text.toLowerCase();
    if (!HOST_NAME.test(name))
      throw bad('web.hosts', `${quoted(text)} is no name: write lb.example.com, .example.com or *`);
    return name;
  });
}

/**
 * `web` is null when none of the sections is on. Otherwise an entrypoint called `traefik` is the address of these
 * pages and no entrypoint of frontends; `--web.address` wins over it.
 */
export function fillWeb(
  given: Given,
  defined: readonly EntryPoint[],
): { web: WebSettings | null; entryPoints: readonly EntryPoint[] } {
  if (!SECTIONS.some((section) => given.enabled(section))) return { web: null, entryPoints: defined };
  const own = defined.find(({ name }) => name === WEB_ENTRY_POINT);
  const entryPoints = defined.filter((entryPoint) => entryPoint !== own);
  if (entryPoints.length === 0) {
    throw bad('entryPoints', `${WEB_ENTRY_POINT} serves the dashboard; define one more for the frontends`);
  }
  const text = own === undefined || given.has('web.address') ? given.text('web.address') : own.address;
  const address = parseAddress(text);
  if (typeof address === 'string') throw bad('web.address', address);
  const other = entryPoints.find((entryPoint) => sameAddress(entryPoint, address));
  if (other !== undefined) throw bad('web.address', `${text} is the address of the entrypoint ${other.name} already`);
  const path = given
    .text('web.path')
    .split('/')
    .filter((part) => part !== '')
    .join('/');
  if (/[^\x21-\x7e]|[?#]/.test(path))
    throw bad('web.path', 'it may hold visible ASCII characters without ? and # only');
  return {
    web: {
      address: text,
      host: address.host,
      port: address.port,
      path: path === '' ? '/' : `/${path}/`,
      dashboard: true,
      hosts: fillHosts(given),
      tls: null,
      whiteList: null,
      forwardedHeaders: { insecure: true, trustedIPs: [] },
    },
    entryPoints,
  };
}
