import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from '../processes.ts';
import { askVersion, type Peer, type Route, type Site } from './peer.ts';

export function haproxyBackend(name: string, servers: readonly number[]): string {
  return `
backend ${name}
  balance roundrobin
${servers.map((port, at) => `  server server${at} 127.0.0.1:${port}`).join('\n')}`;
}

/**
 * @param rules lines of the frontend that choose the backend
 * @param backends sections
 */
export function haproxyCommand(site: Omit<Site, 'routes'>, rules: string, backends: string): Command {
  const config = join(site.folder, 'haproxy.cfg');
  writeFileSync(config, text(site, rules, backends));
  return { file: 'haproxy', args: ['-db', '-f', config] };
}

function text(site: Omit<Site, 'routes'>, rules: string, backends: string): string {
  return `
global
  nbthread 1
  maxconn ${site.connections + 100}
defaults
  mode http
  timeout connect 5s
  timeout client 75s
  timeout server 75s
  timeout tunnel 75s
  option http-keep-alive
  http-reuse always
  option forwardfor
frontend http
  bind 127.0.0.1:${site.port} backlog 4096
  http-request set-header X-Real-Ip %[src]
  http-request set-header X-Forwarded-Proto http
  http-request set-header X-Forwarded-Host %[req.hdr(host)]
  http-request set-header X-Forwarded-Port %[dst_port]
  http-request set-header X-Forwarded-Server %[hostname]
${rules}
${backends}
`;
}

export const haproxy: Peer = {
  name: 'haproxy',
  version: () => askVersion('haproxy', ['-v'], /version ([\w.]+)/),
  configure(site) {
    const rule = (route: Route, index: number) => `  use_backend backend${index} if { hdr(host) -i ${route.host} }`;
    const backend = (route: Route, index: number) => haproxyBackend(`backend${index}`, route.servers);
    return haproxyCommand(site, site.routes.map(rule).join('\n'), site.routes.map(backend).join('\n'));
  },
};
