import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { askVersion, type Peer, type Route, type Site } from './peer.ts';

const CLOSE_NEVER = 'proxy_set_header Connection "";';
const UPGRADE = `proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_of_upgrade;`;

/** nginx inherits proxy_set_header only into levels that set none, so each location carries the whole list. */
function server(route: Route, index: number, port: number): string {
  return `
  upstream backend${index} {
    ${route.servers.map((origin) => `server 127.0.0.1:${origin};`).join(' ')}
    keepalive 128;
    keepalive_requests 1000000000;
  }
  server {
    listen 127.0.0.1:${port}${index === 0 ? ' backlog=4096' : ''};
    server_name ${route.host};
    location / {
      proxy_pass http://backend${index};
      proxy_set_header Host $http_host;
      proxy_set_header X-Real-Ip $remote_addr;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Forwarded-Host $http_host;
      proxy_set_header X-Forwarded-Port $server_port;
      proxy_set_header X-Forwarded-Server $hostname;
      ${route.upgrade ? UPGRADE : CLOSE_NEVER}
    }
  }`;
}

/** Request bodies are not buffered and responses never pass through a file, since the other proxies do neither. */
function text(site: Site): string {
  return `
${process.getuid?.() === 0 ? 'user root;' : ''}
worker_processes 1;
daemon off;
pid ${site.folder}/pid;
error_log stderr crit;
worker_rlimit_nofile ${site.connections + 1_000};
events { worker_connections ${site.connections + 900}; }
http {
  access_log off;
  keepalive_timeout 75s;
  keepalive_requests 1000000000;
  client_max_body_size 0;
  client_body_temp_path ${site.folder}/body;
  proxy_temp_path ${site.folder}/proxy;
  fastcgi_temp_path ${site.folder}/fastcgi;
  uwsgi_temp_path ${site.folder}/uwsgi;
  scgi_temp_path ${site.folder}/scgi;
  proxy_http_version 1.1;
  proxy_request_buffering off;
  proxy_max_temp_file_size 0;
  map $http_upgrade $connection_of_upgrade { default upgrade; '' ''; }
${site.routes.map((route, index) => server(route, index, site.port)).join('\n')}
}
`;
}

export const nginx: Peer = {
  name: 'nginx',
  version: () => askVersion('nginx', ['-v'], /nginx\/([\w.-]+)/),
  configure(site) {
    const config = join(site.folder, 'nginx.conf');
    writeFileSync(config, text(site));
    return { file: 'nginx', args: ['-p', site.folder, '-c', config, '-e', 'stderr'] };
  },
};
