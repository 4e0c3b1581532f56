/** Where the demo puts its keys. Both kinds hold nothing of it any more after `close`. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Etcd3 } from 'etcd3';
import { startEtcd, temporaryFolder } from '../../test/harness/tools.ts';
import { findProgram } from '../find-program.mjs';
import { provideTools } from '../system-tools.mjs';

export type Store = {
  /** How tsuji is told to use it. */
  readonly flags: readonly string[];
  /** What the user could type to take server2 away while the demo runs. */
  readonly removal: string;
  close(): Promise<void>;
};

const PREFIX = '/traefik';
/** Seconds after which the keys vanish by themselves, should the demo be killed. */
const LEASE_SECONDS = 15;
const USUAL_ENDPOINT = '127.0.0.1:2379';

/** A folder in which each file is a key. */
export function openFolderStore(keys: ReadonlyMap<string, string>): Store {
  const folder = temporaryFolder();
  for (const [key, value] of keys) {
    const path = join(folder.path, key);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, value);
  }
  return {
    flags: [`--folder=${folder.path}`],
    removal: `rm -r ${folder.path}/backends/backend1/servers/server2`,
    async close() {
      folder.remove();
    },
  };
}

async function isEtcd(endpoint: string): Promise<boolean> {
  try {
    const response = await fetch(`http://${endpoint}/health`, { signal: AbortSignal.timeout(1000) });
    return /"health"/.test(await response.text());
  } catch {
    return false;
  }
}

/** The etcd that runs already, else one of our own. `stop` leaves a foreign one alone. */
async function provideEtcd(say: (line: string) => void): Promise<{ endpoint: string; stop(): Promise<void> }> {
  if (await isEtcd(USUAL_ENDPOINT)) {
    say(`using the etcd at ${USUAL_ENDPOINT}`);
    return { endpoint: USUAL_ENDPOINT, stop: async () => {} };
  }
  if (findProgram('etcd') === undefined) {
    const problem = provideTools(['etcd', 'etcdctl']);
    if (problem !== '') throw new Error(problem);
  }
  const etcd = await startEtcd({ ownGroup: true });
  say(`started an etcd at ${etcd.endpoint}, since none answers at ${USUAL_ENDPOINT}`);
  return etcd;
}

/** Writes all keys at once under `lease`, unless one of them exists: those belong to somebody. */
async function writeKeys(client: Etcd3, leaseId: string, keys: ReadonlyMap<string, string>): Promise<void> {
  const paths = [...keys.keys()].map((key) => `${PREFIX}/${key}`);
  let transaction = client.if(paths[0], 'Create', '==', 0);
  for (const path of paths.slice(1)) transaction = transaction.and(path, 'Create', '==', 0);
  const puts = [...keys].map(([key, value]) => client.put(`${PREFIX}/${key}`).value(value).lease(leaseId));
  const { succeeded } = await transaction.then(...puts).commit();
  if (!succeeded) throw new Error(`some of the demo's keys below ${PREFIX}/ exist in this etcd already; they stay`);
}

/** A real etcd, by API v3. */
export async function openEtcdStore(keys: ReadonlyMap<string, string>, say: (line: string) => void): Promise<Store> {
  const etcd = await provideEtcd(say);
  const client = new Etcd3({ hosts: `http://${etcd.endpoint}` });
  async function close(revoke: () => Promise<unknown>): Promise<void> {
    try {
      await revoke();
    } finally {
      client.close();
      await etcd.stop();
    }
  }
  const lease = client.lease(LEASE_SECONDS);
  const onLost = (error: Error) => say(`etcd lost the lease of the demo's keys: ${error.message}`);
  lease.on('lost', onLost);
  try {
    await writeKeys(client, await lease.grant(), keys);
  } catch (error) {
    await close(() => lease.revoke()).catch(() => {});
    throw error;
  }
  return {
    flags: ['--etcd', `--etcd.endpoint=${etcd.endpoint}`, `--etcd.prefix=${PREFIX}`],
    removal: `ETCDCTL_API=3 etcdctl --endpoints=${etcd.endpoint} del --prefix ${PREFIX}/backends/backend1/servers/server2/`,
    async close() {
      lease.off('lost', onLost);
      await close(() => lease.revoke());
    },
  };
}
