import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from '../processes.ts';
import { askVersion, type Peer, type Site } from './peer.ts';

function version(): string | null {
  return askVersion('traefik', ['version'], /Version:\s+v?([\w.-]+)/);
}

const ENV = { GOMAXPROCS: '1' };

/** 1.x: one TOML file for everything, as its file provider reads it. */
function configureFirst(site: Site): Command {
  const backends = site.routes.map((route, index) => {
    const servers = route.servers.map(
      (port, at) => `[backends.b${index}.servers.s${at}]\nurl = "http://127.0.0.1:${port}"\nweight = 1`,
    );
    return servers.join('\n');
  });
  const frontends = site.routes.map(
    (route, index) =>
      `[frontends.f${index}]\nbackend = "b${index}"\n[frontends.f${index}.routes.r]\nrule = "Host:${route.host}"`,
  );
  const config = join(site.folder, 'traefik.toml');
  writeFileSync(
    config,
    `logLevel = "ERROR"
defaultEntryPoints = ["http"]
maxIdleConnsPerHost = 128
[entryPoints.http]
address = "127.0.0.1:${site.port}"
[file]
${[...backends, ...frontends].join('\n')}
`,
  );
  return { file: 'traefik', args: [`--configFile=${config}`], env: ENV };
}

/** 2.x and 3.x: static settings as flags, routes in a file of their own (JSON is YAML). */
function configureLater(site: Site): Command {
  const routers: Record<string, unknown> = {};
  const services: Record<string, unknown> = {};
  for (const [index, route] of site.routes.entries()) {
    routers[`r${index}`] = { rule: `Host(\`${route.host}\`)`, service: `s${index}`, entryPoints: ['http'] };
    services[`s${index}`] = {
      loadBalancer: { servers: route.servers.map((port) => ({ url: `http://127.0.0.1:${port}` })) },
    };
  }
  const config = join(site.folder, 'routes.yml');
  writeFileSync(config, JSON.stringify({ http: { routers, services } }));
  return {
    file: 'traefik',
    args: [
      `--entryPoints.http.address=127.0.0.1:${site.port}`,
      `--providers.file.filename=${config}`,
      '--serversTransport.maxIdleConnsPerHost=128',
      '--log.level=ERROR',
      '--global.checkNewVersion=false',
      '--global.sendAnonymousUsage=false',
    ],
    env: ENV,
  };
}

export const traefik: Peer = {
  name: 'traefik',
  version,
  configure: (site) => (version()?.startsWith('1.') ? configureFirst(site) : configureLater(site)),
};
