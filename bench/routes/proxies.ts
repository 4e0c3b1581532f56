/** The proxies with many routes to one backend. What they do for a request is what they do in the other scenarios. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Etcd3 } from 'etcd3';
import { putAll } from '../etcd.ts';
import { haproxyBackend, haproxyCommand } from '../peers/haproxy.ts';
import { CLOSE_NEVER, NGINX_FORWARDED, nginxCommand, nginxUpstream } from '../peers/nginx.ts';
import { tsujiCommand } from '../peers/tsuji.ts';
import type { Command } from '../processes.ts';
import { numbered, numberedLines, type RouteKind } from './kinds.ts';

const ROOT = join(import.meta.dirname, '../..');

export type ManyRoutes = {
  readonly kind: RouteKind;
  readonly routes: number;
  readonly port: number;
  /** Empty and its own. */
  readonly folder: string;
  readonly connections: number;
  /** Ports of the backend's servers. */
  readonly servers: readonly number[];
};

function nginxServers({ kind, routes, port, servers }: ManyRoutes): string {
  const { nginx } = kind;
  const forwarded = `${NGINX_FORWARDED}
    ${CLOSE_NEVER}`;
  const pass = 'proxy_pass http://backend;';
  const matched =
    nginx.kind === 'map'
      ? `  map $host $pool {
${numberedLines(`    ${nginx.match} backend;`, routes)}
  }`
      : '';
  const locations =
    nginx.kind === 'map'
      ? "    location / { if ($pool = '') { return 404; } proxy_pass http://$pool; }"
      : numberedLines(`    location ${nginx.match} { ${pass} }`, routes);
  return `${nginxUpstream('backend', servers)}
${matched}
  server {
    listen 127.0.0.1:${port} backlog=4096;
    server_name www.example.com;
    ${forwarded}
${locations}
  }`;
}

export function nginxOf(many: ManyRoutes): Command {
  return nginxCommand(many, nginxServers(many));
}

export function haproxyOf(many: ManyRoutes): Command {
  const { fetch, key } = many.kind.haproxy;
  const map = join(many.folder, 'routes.map');
  writeFileSync(map, `${numberedLines(`${key} backend`, many.routes)}\n`);
  return haproxyCommand(many, `  use_backend %[${fetch}(${map})]`, haproxyBackend('backend', many.servers));
}

/** Writes the keys first. */
export async function tsujiOf(many: ManyRoutes, etcd: Etcd3, etcdPort: number): Promise<Command> {
  const { kind, routes, port, servers } = many;
  const prefix = `/${kind.name}-${routes}`;
  const keys: [string, string][] = servers.map((server, at) => [
    `${prefix}/backends/backend/servers/server${at}/url`,
    `http://127.0.0.1:${server}`,
  ]);
  for (let route = 0; route < routes; route++) {
    const frontend = `${prefix}/frontends/${numbered('frontend-NUMBER', route)}`;
    keys.push([`${frontend}/backend`, 'backend'], [`${frontend}/routes/main/rule`, numbered(kind.rule, route)]);
  }
  await putAll(etcd, keys);
  return tsujiCommand(ROOT, port, [
    `--etcd.endpoint=127.0.0.1:${etcdPort}`,
    '--etcd.useAPIV3',
    `--etcd.prefix=${prefix}`,
  ]);
}
