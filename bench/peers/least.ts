/** No proxy, but the floor below one: least-proxy.ts. Takes part only when it is named. */
import { join } from 'node:path';
import { SERVE_FLAGS } from '../../scripts/node-flags.mjs';
import type { Peer } from './peer.ts';

const PROGRAM = join(import.meta.dirname, 'least-proxy.ts');

/** @param depth requests in flight per connection to a server */
export function least(name: string, depth: number): Peer {
  return {
    name,
    onlyNamed: true,
    version: () => `on Node ${process.versions.node}`,
    configure(site) {
      const ports = site.routes[0]!.servers.map(String);
      return { file: process.execPath, args: [...SERVE_FLAGS, PROGRAM, String(site.port), String(depth), ...ports] };
    },
  };
}
