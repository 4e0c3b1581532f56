import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { askVersion, type Peer, type Route, type Site } from './peer.ts';

function backend(route: Route, index: number): string {
  return `
backend backend${index}
  balance roundrobin
${route.servers.map((port, at) => `  server server${at} 127.0.0.1:${port}`).join('\n')}`;
}

function text(site: Site): string {
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
${site.routes.map((route, index) => `  use_backend backend${index} if { hdr(host) -i ${route.host} }`).join('\n')}
${site.routes.map(backend).join('\n')}
`;
}

export const haproxy: Peer = {
  name: 'haproxy',
  version: () => askVersion('haproxy', ['-v'], /version ([\w.]+)/),
  configure(site) {
    const config = join(site.folder, 'haproxy.cfg');
    writeFileSync(config, text(site));
    return { file: 'haproxy', args: ['-db', '-f', config] };
  },
};
