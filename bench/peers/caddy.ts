import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { askVersion, type Peer, type Route, type Site } from './peer.ts';

function block(route: Route, port: number): string {
  return `
http://${route.host}:${port} {
  bind 127.0.0.1
  reverse_proxy ${route.servers.map((origin) => `127.0.0.1:${origin}`).join(' ')} {
    lb_policy round_robin
    transport http {
      keepalive_idle_conns_per_host 128
    }
  }
}`;
}

/** Caddy sets X-Forwarded-For, -Proto and -Host by itself and writes no access log unless told to. */
function text(site: Site): string {
  return `
{
  admin off
  auto_https off
  log {
    level ERROR
  }
}
${site.routes.map((route) => block(route, site.port)).join('\n')}
`;
}

export const caddy: Peer = {
  name: 'caddy',
  version: () => askVersion('caddy', ['version'], /v?([\w.-]+)/),
  configure(site) {
    const config = join(site.folder, 'Caddyfile');
    writeFileSync(config, text(site));
    return {
      file: 'caddy',
      args: ['run', '--adapter', 'caddyfile', '--config', config],
      env: { GOMAXPROCS: '1', HOME: site.folder, XDG_DATA_HOME: site.folder, XDG_CONFIG_HOME: site.folder },
    };
  },
};
