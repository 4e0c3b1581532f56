/** The proxies of `bench -- tls` and `-- engines`: each listens in the clear and by TLS, with the same certificate. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { haproxyBackend, haproxyCommand } from '../peers/haproxy.ts';
import { CLOSE_NEVER, NGINX_FORWARDED, nginxCommand, nginxUpstream } from '../peers/nginx.ts';
import { LIKE_PEERS, tsujiCommand } from '../peers/tsuji.ts';
import type { Command } from '../processes.ts';

export type Pair = { readonly cert: string; readonly key: string };

export type EngineSite = {
  readonly clear: number;
  readonly tls: number;
  readonly folder: string;
  readonly pair: Pair;
  readonly host: string;
  /** Ports of the servers. */
  readonly servers: readonly number[];
  /** They speak HTTP/2 in the clear, and calls of gRPC come. */
  readonly grpc: boolean;
  readonly connections: number;
};

export type EngineProxy = {
  readonly name: string;
  /** What it has to be able to do. */
  readonly serves: { readonly http2: boolean };
  /** Takes part in the measurement of memory, and in nothing else. */
  readonly onlyIdle?: true;
  configure(site: EngineSite): Command;
};

/** @throws Error when openssl cannot make it. */
export function makePair(folder: string): Pair {
  const made = { cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') };
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', made.key];
  const { status, stderr } = spawnSync(
    'openssl',
    ['req', '-x509', ...key, '-out', made.cert, '-subj', '/CN=bench', '-days', '2'],
    { encoding: 'utf8' },
  );
  if (status !== 0) throw new Error(`openssl made no certificate: ${stderr}`);
  return made;
}

function peerSite(site: EngineSite) {
  return { port: site.clear, folder: site.folder, connections: site.connections };
}

const nginx: EngineProxy = {
  name: 'nginx',
  serves: { http2: true },
  configure(site) {
    const { clear, tls, pair, host, servers, grpc } = site;
    const pass = grpc
      ? 'grpc_pass grpc://backend;'
      : `proxy_pass http://backend;\n      ${NGINX_FORWARDED}\n      ${CLOSE_NEVER}`;
    return nginxCommand(
      peerSite(site),
      `${nginxUpstream('backend', servers)}
  server {
    listen 127.0.0.1:${clear} backlog=4096;
    listen 127.0.0.1:${tls} ssl http2 backlog=4096;
    server_name ${host};
    ssl_certificate ${pair.cert};
    ssl_certificate_key ${pair.key};
    ssl_protocols TLSv1.2 TLSv1.3;
    location / {
      ${pass}
    }
  }`,
    );
  },
};

const haproxy: EngineProxy = {
  name: 'haproxy',
  serves: { http2: true },
  configure(site) {
    const { tls, pair, host, servers, grpc, folder } = site;
    const both = join(folder, 'both.pem');
    writeFileSync(both, readFileSync(pair.cert, 'utf8') + readFileSync(pair.key, 'utf8'));
    const bind = `  bind 127.0.0.1:${tls} ssl crt ${both} alpn h2,http/1.1 backlog 4096`;
    const backend = haproxyBackend('backend', servers);
    return haproxyCommand(
      peerSite(site),
      `${bind}\n  use_backend backend if { hdr(host) -i ${host} }`,
      grpc ? backend.replace(/^ {2}server .*$/gm, '$& proto h2') : backend,
    );
  },
};

function tsuji(root: string, name: string, engine: 'tsuji' | 'uws'): EngineProxy {
  return {
    name,
    serves: { http2: engine === 'tsuji' },
    configure({ clear, tls, pair, host, servers, grpc, folder }) {
      const keys = join(folder, 'keys');
      const scheme = grpc ? 'h2c' : 'http';
      const write = (key: string, value: string): void => {
        const path = join(keys, key);
        mkdirSync(dirname(path), { recursive: true });
        writeFileSync(path, value);
      };
      for (const [at, port] of servers.entries()) {
        write(`backends/backend/servers/server${at}/url`, `${scheme}://127.0.0.1:${port}`);
      }
      write('frontends/frontend/backend', 'backend');
      write('frontends/frontend/routes/main/rule', `Host:${host}`);
      return tsujiCommand(root, clear, [
        `--folder=${keys}`,
        `--entryPoints=Name:http Address:127.0.0.1:${clear} Engine:${engine}`,
        `--entryPoints=Name:tls Address:127.0.0.1:${tls} Engine:${engine} TLS:${pair.cert},${pair.key}`,
        '--defaultEntryPoints=http,tls',
        ...LIKE_PEERS,
      ]);
    },
  };
}

/** What a TLS connection costs whoever runs on Node. */
const node: EngineProxy = {
  name: 'node-tls',
  serves: { http2: false },
  onlyIdle: true,
  configure({ tls, pair }) {
    const script = join(import.meta.dirname, 'node-tls.ts');
    return { file: process.execPath, args: [script, String(tls), pair.cert, pair.key] };
  },
};

export function engineProxies(root: string): readonly EngineProxy[] {
  return [nginx, haproxy, tsuji(root, 'tsuji', 'tsuji'), tsuji(root, 'tsuji-uws', 'uws'), node];
}
