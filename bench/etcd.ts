/** An etcd with many keys in it, quickly. */
import { join } from 'node:path';
import type { Etcd3 } from 'etcd3';
import type { Command } from './processes.ts';

/** etcd's limit of operations in one transaction. */
const BATCH = 128;
const PARALLEL = 8;

export function etcdCommand(folder: string, port: number, peerPort: number): Command {
  const url = `http://127.0.0.1:${port}`;
  const peer = `http://127.0.0.1:${peerPort}`;
  const flags = {
    'data-dir': join(folder, 'data'),
    'listen-client-urls': url,
    'advertise-client-urls': url,
    'listen-peer-urls': peer,
    'initial-advertise-peer-urls': peer,
    'initial-cluster': `default=${peer}`,
    'log-level': 'error',
    'quota-backend-bytes': String(4 * 1024 ** 3),
  };
  return { file: 'etcd', args: Object.entries(flags).map(([name, value]) => `--${name}=${value}`) };
}

export async function putAll(client: Etcd3, keys: readonly (readonly [string, string])[]): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let from = next; from < keys.length; from = next) {
      next = from + BATCH;
      const puts = keys.slice(from, from + BATCH).map(([key, value]) => client.put(key).value(value));
      await client
        .if('/none', 'Version', '==', 0)
        .then(...puts)
        .commit();
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, worker));
}
