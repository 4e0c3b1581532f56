import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export type DemoServer = { readonly name: string; readonly url: string; close(): void };

/** A web server that answers every request with its name. */
export async function startServer(name: string): Promise<DemoServer> {
  const server = createServer((_request, response) => {
    response.setHeader('Content-Type', 'text/plain; charset=utf-8');
    response.end(`${name}\n`);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    name,
    url: `http://127.0.0.1:${port}`,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** The tutorial's keys below the prefix: one frontend for `host`, one backend with these servers, all of weight 1. */
export function tutorialKeys(host: string, servers: readonly DemoServer[]): Map<string, string> {
  const keys = new Map<string, string>();
  for (const { name, url } of servers) {
    keys.set(`backends/backend1/servers/${name}/url`, url);
    keys.set(`backends/backend1/servers/${name}/weight`, '1');
  }
  keys.set('frontends/frontend1/backend', 'backend1');
  keys.set('frontends/frontend1/routes/test_1/rule', `Host:${host}`);
  return keys;
}
