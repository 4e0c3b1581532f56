import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from '../processes.ts';
import { askVersion, type Peer, type Route, type Site } from './peer.ts';

/** What the server is told; nginx inherits these only into levels that set none of their own. */
export const NGINX_FORWARDED = `proxy_set_header Host $http_host;
      proxy_set_header X-Real-Ip $remote_addr;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Forwarded-Host $http_host;
      proxy_set_header X-Forwarded-Port $server_port;
      proxy_set_header X-Forwarded-Server $hostname;`;
export const CLOSE_NEVER = 'proxy_set_header Connection "";';
const UPGRADE = `proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_of_upgrade;`;

export function nginxUpstream(name: string, servers: readonly number[]): string {
  return `
  upstream ${name} {
    ${servers.map((origin) => `server 127.0.0.1:${origin};`).join(' ')}
    keepalive 128;
    keepalive_requests 1000000000;
  }`;
}

function server(route: Route, index: number, port: number): string {
  return `${nginxUpstream(`backend${index}`, route.servers)}
  server {
    listen 127.0.0.1:${port}${index === 0 ? ' backlog=4096' : ''};
    server_name ${route.host};
    location / {
      proxy_pass http://backend${index};
      ${NGINX_FORWARDED}
      ${route.upgrade ? UPGRADE : CLOSE_NEVER}
    }
  }`;
}

/** What nginx knows of the fields that tsuji's JSON has with `--accessLog.names=3`, under the same names. */
const LOGGED: Readonly<Record<string, string>> = {
  ClientAddr: '"$remote_addr:$remote_port"',
  ClientHost: '"$remote_addr"',
  ClientPort: '"$remote_port"',
  ClientUsername: '"$remote_user"',
  DownstreamContentSize: '$body_bytes_sent',
  DownstreamStatus: '$status',
  Duration: '$request_time',
  OriginContentSize: '"$upstream_response_length"',
  OriginDuration: '"$upstream_response_time"',
  OriginStatus: '"$upstream_status"',
  RequestAddr: '"$http_host"',
  RequestContentSize: '$request_length',
  RequestCount: '$connection_requests',
  RequestHost: '"$host"',
  RequestMethod: '"$request_method"',
  RequestPath: '"$request_uri"',
  RequestPort: '"$server_port"',
  RequestProtocol: '"$server_protocol"',
  RequestScheme: '"$scheme"',
  RetryAttempts: '0',
  RouterName: '"$server_name"',
  ServiceAddr: '"$upstream_addr"',
  ServiceName: '"$proxy_host"',
  ServiceURL: '"http://$upstream_addr"',
  StartLocal: '"$time_iso8601"',
  StartUTC: '"$time_iso8601"',
  entryPointName: '"$server_addr"',
  level: '"info"',
  msg: '""',
  time: '"$time_iso8601"',
};

function jsonLog(folder: string): string {
  const fields = Object.entries(LOGGED).map(([name, value]) => `"${name}":${value}`);
  return `  log_format lines escape=json '{${fields.join(',')}}';
  access_log ${folder}/access.log lines buffer=64k flush=1s;`;
}

/**
 * Request bodies are not buffered and responses never pass through a file, since the other proxies do neither.
 *
 * @param servers the blocks inside of `http`
 */
function nginxText(site: Omit<Site, 'routes'>, servers: string, logs: boolean): string {
  return `
${process.getuid?.() === 0 ? 'user root;' : ''}
worker_processes 1;
daemon off;
pid ${site.folder}/pid;
error_log stderr crit;
worker_rlimit_nofile ${site.connections + 1_000};
events { worker_connections ${site.connections + 900}; }
http {
${logs ? jsonLog(site.folder) : '  access_log off;'}
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
  map_hash_max_size 1000000;
  map_hash_bucket_size 128;
  map $http_upgrade $connection_of_upgrade { default upgrade; '' ''; }
${servers}
}
`;
}

/** @param servers the blocks inside of `http` */
export function nginxCommand(site: Omit<Site, 'routes'>, servers: string, logs = false): Command {
  const config = join(site.folder, 'nginx.conf');
  writeFileSync(config, nginxText(site, servers, logs));
  return { file: 'nginx', args: ['-p', site.folder, '-c', config, '-e', 'stderr'] };
}

function peer(name: string, logs: boolean): Peer {
  return {
    name,
    version: () => askVersion('nginx', ['-v'], /nginx\/([\w.-]+)/),
    configure(site) {
      const servers = site.routes.map((route, index) => server(route, index, site.port)).join('\n');
      return nginxCommand(site, servers, logs);
    },
  };
}

export const nginx = peer('nginx', false);
/** Not among the peers: for what an access log costs (features.ts). */
export const nginxWithLog = peer('nginx-JSON', true);
