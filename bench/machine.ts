/** The machine that a run took place on, and which core does what. */
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, release, totalmem } from 'node:os';

export type Machine = {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGib: number;
  readonly kernel: string;
  readonly distribution: string;
  readonly node: string;
  /** Upper limit of open files for one process. */
  readonly openFiles: number;
};

export type Cores = {
  /** Of the proxy; null: not pinned. */
  readonly proxy: number | null;
  /** Of the load generator and the servers. */
  readonly load: number | null;
};

/** The value of `NAME="value"` in os-release(5). */
export function osReleaseField(text: string, name: string): string | null {
  const match = new RegExp(`^${name}="?([^"\n]*)"?$`, 'm').exec(text);
  return match?.[1] ?? null;
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

export function describeMachine(): Machine {
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    memoryGib: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    distribution: osReleaseField(readOrEmpty('/etc/os-release'), 'PRETTY_NAME') ?? 'unknown',
    node: process.version,
    openFiles: Number(/^Max open files\s+(\d+)/m.exec(readOrEmpty('/proc/self/limits'))?.[1] ?? 1024),
  };
}

/** The proxy gets the last core for itself, everything else the first. With one core nothing is pinned. */
export function chooseCores(cores: number, canPin: boolean): Cores {
  return canPin && cores > 1 ? { proxy: cores - 1, load: 0 } : { proxy: null, load: null };
}

export function machineText(machine: Machine, cores: Cores, versions: ReadonlyMap<string, string>): string {
  const pins =
    cores.proxy === null
      ? 'not pinned: figures mix the proxy with the load'
      : `proxy alone on core ${cores.proxy}, load and servers on core ${cores.load}`;
  return [
    `${machine.cpu}, ${machine.cores} cores, ${machine.memoryGib} GiB; ${machine.distribution}, Linux ${machine.kernel}`,
    `Node ${machine.node.slice(1)}, ${[...versions].map(([name, version]) => `${name} ${version}`).join(', ')}`,
    pins,
  ].join('\n');
}
