/**
 * The servers behind every proxy: three nginx servers that answer from memory, and a small server of ours that
 * swallows uploads and echoes WebSocket messages. All run on the load's core.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Route } from './peers/peer.ts';
import { type Command, freePort, type Processes, untilListening } from './processes.ts';

export const STATIC_HOST = 'nginx.example.com';
export const SINK_HOST = 'sink.example.com';

export const SMALL_BODY = '<!doctype html><title>Welcome</title><h1>Welcome to the tutorial</h1><p>It works.</p>\n';
const FILES = [
  { name: '10k', bytes: 10 * 1024 },
  { name: '1m', bytes: 1024 * 1024 },
] as const;

export type Origin = {
  readonly routes: readonly Route[];
  /** Port of the first static server, for measurements without a proxy. */
  readonly direct: number;
};

/** Beside `/` also below the paths of many routes (routes/kinds.ts). */
function smallAnswer(match: string, index: number): string {
  return `    location ${match} {
      add_header X-Server server${index + 1};
      add_header Cache-Control "max-age=60";
      add_header Last-Modified "Mon, 01 Jan 2024 00:00:00 GMT";
      add_header ETag '"65920080-57"';
      default_type text/html;
      return 200 '${SMALL_BODY.replaceAll('\n', '\\n')}';
    }`;
}

/** `/forwarded` tells what the proxy added, so that nobody saves work by leaving it out. */
function nginxText(folder: string, ports: readonly number[]): string {
  const servers = ports.map(
    (port, index) => `
  server {
    listen 127.0.0.1:${port} backlog=4096;
    root ${folder}/files;
    add_header X-Server server${index + 1};
    add_header Cache-Control "max-age=60";
${smallAnswer('= /', index)}
${smallAnswer('^~ /service-', index)}
    location = /forwarded {
      default_type application/json;
      return 200 '{"for":"$http_x_forwarded_for","proto":"$http_x_forwarded_proto","host":"$http_x_forwarded_host","port":"$http_x_forwarded_port","name":"$http_host","reused":$connection_requests}';
    }
  }`,
  );
  return `
${process.getuid?.() === 0 ? 'user root;' : ''}
worker_processes 1;
master_process off;
daemon off;
pid ${folder}/pid;
error_log stderr crit;
worker_rlimit_nofile 8192;
events { worker_connections 8000; }
http {
  access_log off;
  sendfile on;
  tcp_nopush on;
  default_type application/octet-stream;
  keepalive_timeout 75s;
  keepalive_requests 1000000000;
  open_file_cache max=10;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
${servers.join('\n')}
}
`;
}

async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  while (ports.length < count) ports.push(await freePort());
  return ports;
}

/** @throws Error when nginx is not installed or one of the servers does not come up. */
export async function startOrigin(processes: Processes, core: number | null): Promise<Origin> {
  const folder = processes.folder('origin');
  const files = join(folder, 'files');
  mkdirSync(files);
  for (const file of FILES) writeFileSync(join(files, file.name), Buffer.alloc(file.bytes, 'tsuji '));
  const statics = await freePorts(3);
  const config = join(folder, 'nginx.conf');
  writeFileSync(config, nginxText(folder, statics));
  const server: Command = { file: 'nginx', args: ['-p', folder, '-c', config, '-e', 'stderr'] };
  const nginx = processes.start('origin (nginx)', core, server);
  for (const port of statics) await untilListening(nginx, port);

  const sinks = await freePorts(3);
  const script = join(import.meta.dirname, 'origin-sink.ts');
  const sink = processes.start('origin (sink)', core, { file: process.execPath, args: [script, ...sinks.map(String)] });
  for (const port of sinks) await untilListening(sink, port);

  return {
    direct: statics[0]!,
    routes: [
      { host: STATIC_HOST, servers: statics, upgrade: false },
      { host: SINK_HOST, servers: sinks, upgrade: true },
    ],
  };
}
