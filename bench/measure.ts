/** One measurement: a load against one proxy, and what the proxy spent on it. */
import { cpuBetween, readCpu, readResident } from './cpu.ts';
import type { LatencyPairs } from './histogram.ts';
import type { LoadPlan } from './load/plan.ts';
import { type Generator, openIdle, runLoad } from './load.ts';
import type { Cores } from './machine.ts';
import type { Processes } from './processes.ts';

export type Target = {
  readonly name: string;
  readonly port: number;
  /** null: the server itself, without a proxy. */
  readonly pid: number | null;
};

export type Sample = {
  readonly requests: number;
  readonly errors: number;
  readonly perSecond: number;
  /** CPU microseconds of the proxy per request; NaN without a proxy. */
  readonly cpu: number;
  /** Part of them that was spent in the kernel, 0 to 1. */
  readonly kernelShare: number;
  /** Part of the time that the proxy was on a core, 0 to 1 (and more with several threads on several cores). */
  readonly busy: number;
  /** Part of the time that the proxy stood ready while others had its core; more than a little spoils the sample. */
  readonly waited: number;
  readonly latencies: LatencyPairs;
};

export async function measureLoad(
  processes: Processes,
  cores: Cores,
  target: Target,
  generator: Generator,
  plan: LoadPlan,
): Promise<Sample> {
  const before = target.pid === null ? null : readCpu(target.pid);
  const result = await runLoad(processes, cores.load, generator, plan);
  const spent = target.pid === null || before === null ? null : cpuBetween(before, readCpu(target.pid));
  return {
    requests: result.requests,
    errors: result.errors,
    perSecond: (result.requests / result.microseconds) * 1e6,
    cpu: spent === null ? Number.NaN : spent.ran / 1_000 / result.requests,
    kernelShare: spent?.kernelShare ?? Number.NaN,
    busy: spent === null ? Number.NaN : spent.ran / 1_000 / result.microseconds,
    waited: spent === null ? Number.NaN : spent.waited / 1_000 / result.microseconds,
    latencies: result.latencies,
  };
}

export type IdleSample = {
  /** Resident bytes before the connections were opened, and while they rested. */
  readonly before: number;
  readonly during: number;
  /** Connections that were still open when memory was read. */
  readonly open: number;
};

/** Memory is read right after the last connection was used: some proxies close idle ones after ten seconds. */
export async function measureIdle(
  processes: Processes,
  cores: Cores,
  target: Target & { readonly pid: number },
  plan: LoadPlan,
): Promise<IdleSample> {
  const before = readResident(target.pid);
  const connections = await openIdle(processes, cores.load, plan);
  try {
    const during = readResident(target.pid);
    return { before, during, open: await connections.count() };
  } finally {
    await connections.close();
  }
}
