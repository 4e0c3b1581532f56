/** The tsuji of a soak: two workers over a folder of keys, and what its admin pages say. */
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { freePort, type Processes, type Started, untilListening } from '../processes.ts';

const MAIN = join(import.meta.dirname, '../../src/main.ts');

/** The folder of keys. Every change is one rename, as a careful operator would do it. */
export class Keys {
  readonly folder: string;
  readonly #aside: string;

  /** @param root an empty folder of our own. */
  constructor(root: string) {
    this.folder = join(root, 'keys');
    this.#aside = join(root, 'aside');
    mkdirSync(this.folder);
    mkdirSync(this.#aside);
  }

  set(key: string, value: string): void {
    const path = join(this.folder, key);
    const made = join(this.#aside, 'value');
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(made, value);
    renameSync(made, path);
  }

  /** All of a directory at once; `at` must not exist yet. */
  add(at: string, values: Readonly<Record<string, string>>): void {
    const made = mkdtempSync(join(this.#aside, 'add-'));
    for (const [key, value] of Object.entries(values)) {
      mkdirSync(dirname(join(made, key)), { recursive: true });
      writeFileSync(join(made, key), value);
    }
    mkdirSync(dirname(join(this.folder, at)), { recursive: true });
    renameSync(made, join(this.folder, at));
  }

  remove(at: string): void {
    const away = mkdtempSync(join(this.#aside, 'remove-'));
    renameSync(join(this.folder, at), join(away, 'gone'));
    rmSync(away, { recursive: true });
  }
}

export type Status = {
  readonly generation: number;
  readonly settled: boolean;
  readonly workers: readonly { readonly state: string; readonly restarts: number }[];
};

export class SoakedTsuji {
  readonly port: number;
  readonly process: Started;
  readonly #admin: number;

  private constructor(port: number, admin: number, process: Started) {
    this.port = port;
    this.#admin = admin;
    this.process = process;
  }

  /** @throws Error with its own words when it does not come up. */
  static async start(processes: Processes, keys: Keys, workers: number): Promise<SoakedTsuji> {
    const port = await freePort();
    const admin = await freePort();
    const process_ = processes.start('tsuji', null, {
      file: process.execPath,
      args: [
        MAIN,
        `--folder=${keys.folder}`,
        `--entryPoints=Name:http Address:127.0.0.1:${port}`,
        '--web',
        // Whose open connections say of which kind they are.
        '--metrics.prometheus.names=both',
        `--web.address=127.0.0.1:${admin}`,
        `--workers=${workers}`,
        '--retry',
        '--logLevel=ERROR',
        '--lifeCycle.graceTimeOut=5s',
      ],
    });
    await untilListening(process_, port);
    await untilListening(process_, admin);
    return new SoakedTsuji(port, admin, process_);
  }

  async status(): Promise<Status> {
    return (await (await fetch(`http://127.0.0.1:${this.#admin}/api/status`)).json()) as Status;
  }

  async metrics(): Promise<string> {
    return (await fetch(`http://127.0.0.1:${this.#admin}/metrics`)).text();
  }
}

/** The value of a metric without labels; NaN when the page has none. */
export function gaugeIn(page: string, name: string): number {
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(page)?.[1] ?? Number.NaN);
}

/** Requests that the entrypoints answered, by status. */
export function codesIn(page: string): Map<number, number> {
  const codes = new Map<number, number>();
  for (const [, code, count] of page.matchAll(
    /^traefik_entrypoint_requests_total\{[^}]*code="(\d+)"[^}]*\} (\S+)$/gm,
  )) {
    codes.set(Number(code), (codes.get(Number(code)) ?? 0) + Number(count));
  }
  return codes;
}

/** The exchanges that are open, as `method/protocol: count`. */
export function openKindsIn(page: string): string {
  const kinds: string[] = [];
  const line = /^traefik_entrypoint_open_connections\{[^}]*method="(\w+)"[^}]*protocol="(\w+)"[^}]*\} (\S+)$/gm;
  for (const [, method, protocol, count] of page.matchAll(line)) {
    if (count !== '0') kinds.push(`${method}/${protocol}: ${count}`);
  }
  return kinds.join(', ');
}
