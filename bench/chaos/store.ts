/** Three etcd members, and how keys get into them: over their JSON gateway (v3) and `/v2/keys`, at whichever answers. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort, type Processes, type Started } from '../processes.ts';

const CALL_MS = 1_000;

function base64(text: string | Buffer): string {
  return Buffer.from(text).toString('base64');
}

export class Member {
  readonly index: number;
  readonly port: number;
  readonly #processes: Processes;
  readonly #args: readonly string[];
  #running: Started | null = null;

  constructor(index: number, port: number, processes: Processes, args: readonly string[]) {
    this.index = index;
    this.port = port;
    this.#processes = processes;
    this.#args = args;
  }

  start(): void {
    this.#running = this.#processes.start(`etcd ${this.index}`, null, { file: 'etcd', args: this.#args });
  }

  async kill(): Promise<void> {
    this.#running!.child.kill('SIGKILL');
    await this.#running!.ended;
  }

  signal(name: 'SIGSTOP' | 'SIGCONT'): void {
    this.#running!.child.kill(name);
  }

  async post<T>(path: string, body: object, ms = CALL_MS): Promise<T> {
    const answer = await fetch(`http://127.0.0.1:${this.port}${path}`, {
      method: 'POST',
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(ms),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${text}`);
    return JSON.parse(text) as T;
  }

  async isLeader(): Promise<boolean> {
    try {
      type Status = { header: { member_id: string }; leader?: string };
      const { header, leader } = await this.post<Status>('/v3/maintenance/status', {}, 300);
      return header.member_id === leader;
    } catch {
      return false;
    }
  }
}

export class Store {
  readonly members: readonly Member[];
  #turn = 0;

  private constructor(members: readonly Member[]) {
    this.members = members;
  }

  static async start(processes: Processes): Promise<Store> {
    const ports: [number, number][] = [];
    for (let i = 0; i < 3; i++) ports.push([await freePort(), await freePort()]);
    const cluster = ports.map(([, peer], i) => `m${i}=http://127.0.0.1:${peer}`).join(',');
    const members = ports.map(([port, peer], i) => {
      const flags = {
        name: `m${i}`,
        'data-dir': join(processes.folder(`chaos-etcd${i}`), 'data'),
        'listen-client-urls': `http://127.0.0.1:${port}`,
        'advertise-client-urls': `http://127.0.0.1:${port}`,
        'listen-peer-urls': `http://127.0.0.1:${peer}`,
        'initial-advertise-peer-urls': `http://127.0.0.1:${peer}`,
        'initial-cluster': cluster,
        'enable-v2': 'true',
        'log-level': 'error',
      };
      return new Member(
        i,
        port,
        processes,
        Object.entries(flags).map(([name, value]) => `--${name}=${value}`),
      );
    });
    for (const member of members) member.start();
    const store = new Store(members);
    await store.put('/chaos', 'begun');
    return store;
  }

  /** At one member after the other until one does it. @throws Error with the last reason after `ms` */
  async at<T>(call: (member: Member) => Promise<T>, ms = 30_000): Promise<T> {
    const deadline = performance.now() + ms;
    for (;;) {
      const member = this.members[this.#turn % this.members.length]!;
      try {
        return await call(member);
      } catch (error) {
        this.#turn++;
        if (performance.now() > deadline) throw error;
        await sleep(50);
      }
    }
  }

  /** The revision of the write. `lease`: '' for none. */
  async put(key: string | Buffer, value: string | Buffer, lease = '', ms?: number): Promise<string> {
    const body = { key: base64(key), value: base64(value), ...(lease === '' ? {} : { lease }) };
    type Answer = { header: { revision: string } };
    const answer = await this.at((member) => member.post<Answer>('/v3/kv/put', body), ms);
    return answer.header.revision;
  }

  async delete(key: string | Buffer): Promise<void> {
    await this.at((member) => member.post('/v3/kv/deleterange', { key: base64(key) }));
  }

  /** Whether the cluster, not just a member, has that key now. */
  async has({ key, api }: { readonly key: string; readonly api: 'v2' | 'v3' }): Promise<boolean> {
    if (api === 'v2') return (await this.v2('GET', key, { quorum: 'true' })) === 200;
    type Answer = { kvs?: object[] };
    const { kvs = [] } = await this.at((member) => member.post<Answer>('/v3/kv/range', { key: base64(key) }));
    return kvs.length > 0;
  }

  async v2(
    method: 'GET' | 'PUT' | 'DELETE',
    key: string,
    fields: Record<string, string> = {},
    ms?: number,
  ): Promise<number> {
    const query = new URLSearchParams(fields);
    const url = (port: number): string => `http://127.0.0.1:${port}/v2/keys${key}`;
    return this.at(async ({ port }) => {
      const at = method === 'PUT' ? url(port) : `${url(port)}?${query}`;
      const init = method === 'PUT' ? { method, body: query } : { method };
      const answer = await fetch(at, { ...init, signal: AbortSignal.timeout(CALL_MS) });
      await answer.text();
      if (answer.status >= 500) throw new Error(`etcd v2 answers ${answer.status}`);
      return answer.status;
    }, ms);
  }

  /** Null while nobody knows. */
  async leader(): Promise<Member | null> {
    const leads = await Promise.all(this.members.map((member) => member.isLeader()));
    return this.members[leads.indexOf(true)] ?? null;
  }
}
