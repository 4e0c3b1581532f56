/**
 * CPU time and memory of a proxy with all its processes and threads, from the kernel's own accounting (proc(5)).
 *
 * `/proc/PID/task/TID/schedstat` counts nanoseconds on a core; `/proc/PID/stat` splits them into user and kernel time
 * in clock ticks. Loopback traffic is worked off in the sender's time slice, so what a proxy causes in the kernel is
 * charged to it.
 */
import { readdirSync, readFileSync } from 'node:fs';

export type StatLine = {
  readonly pid: number;
  readonly parent: number;
  /** Clock ticks in user mode. */
  readonly user: number;
  /** Clock ticks in kernel mode. */
  readonly system: number;
};

/** The fields we need of one `/proc/PID/stat` line; null when it is cut or no such line. */
export function parseStat(text: string): StatLine | null {
  // The name stands in brackets and may itself hold blanks and brackets, so the last bracket is the one that ends it.
  const open = text.indexOf('(');
  const close = text.lastIndexOf(')');
  if (open < 1 || close < open) return null;
  const rest = text
    .slice(close + 1)
    .trim()
    .split(' ');
  if (rest.length < 14) return null;
  const line = {
    pid: Number(text.slice(0, open)),
    parent: Number(rest[1]),
    user: Number(rest[11]),
    system: Number(rest[12]),
  };
  return Object.values(line).every(Number.isSafeInteger) ? line : null;
}

export type Schedule = {
  /** Nanoseconds on a core. */
  readonly ran: number;
  /** Nanoseconds in which it could have run, but another process had the core. */
  readonly waited: number;
};

/** The first two of the three numbers of a `schedstat` file; null when it is no such file. */
export function parseSchedstat(text: string): Schedule | null {
  const match = /^(\d+) (\d+) \d+\s*$/.exec(text);
  return match === null ? null : { ran: Number(match[1]), waited: Number(match[2]) };
}

/** Resident bytes, from `VmRSS` in a `/proc/PID/status` file; null for a kernel thread or a cut file. */
export function parseResident(text: string): number | null {
  const match = /^VmRSS:\s+(\d+) kB$/m.exec(text);
  return match === null ? null : Number(match[1]) * 1024;
}

/** `root` and everything that descends from it. */
export function treeOf(root: number, lines: readonly StatLine[]): number[] {
  const children = new Map<number, number[]>();
  for (const line of lines) {
    const siblings = children.get(line.parent);
    if (siblings === undefined) children.set(line.parent, [line.pid]);
    else siblings.push(line.pid);
  }
  const tree = [root];
  for (let i = 0; i < tree.length; i++) tree.push(...(children.get(tree[i]!) ?? []));
  return tree;
}

/** A process may end between listing and reading: that is no error, it then counts for nothing. */
function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}

function listOrEmpty(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

function statLines(): StatLine[] {
  const lines: StatLine[] = [];
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const line = parseStat(readOrEmpty(`/proc/${name}/stat`));
    if (line !== null) lines.push(line);
  }
  return lines;
}

/** Sums over all threads of all processes. */
export type CpuReading = Schedule & {
  readonly userTicks: number;
  readonly systemTicks: number;
};

/** The CPU time that the process `pid` and its descendants have used so far, worker threads included. */
export function readCpu(pid: number): CpuReading {
  const lines = statLines();
  const byPid = new Map(lines.map((line) => [line.pid, line]));
  let ran = 0;
  let waited = 0;
  let userTicks = 0;
  let systemTicks = 0;
  for (const member of treeOf(pid, lines)) {
    for (const thread of listOrEmpty(`/proc/${member}/task`)) {
      const schedule = parseSchedstat(readOrEmpty(`/proc/${member}/task/${thread}/schedstat`));
      ran += schedule?.ran ?? 0;
      waited += schedule?.waited ?? 0;
    }
    userTicks += byPid.get(member)?.user ?? 0;
    systemTicks += byPid.get(member)?.system ?? 0;
  }
  return { ran, waited, userTicks, systemTicks };
}

/** Nanoseconds on a core of all threads of `pid` and its descendants with one name, by that (`/proc/PID/task/TID/comm`). */
export function readThreads(pid: number): Map<string, number> {
  const threads = new Map<string, number>();
  for (const member of treeOf(pid, statLines())) {
    for (const thread of listOrEmpty(`/proc/${member}/task`)) {
      const task = `/proc/${member}/task/${thread}`;
      const name = readOrEmpty(`${task}/comm`).trim();
      threads.set(name, (threads.get(name) ?? 0) + (parseSchedstat(readOrEmpty(`${task}/schedstat`))?.ran ?? 0));
    }
  }
  return threads;
}

export type CpuSpent = Schedule & {
  /** Part of it that was spent in the kernel, 0 to 1; NaN when the span was shorter than a tick. */
  readonly kernelShare: number;
};

export function cpuBetween(before: CpuReading, after: CpuReading): CpuSpent {
  const user = after.userTicks - before.userTicks;
  const system = after.systemTicks - before.systemTicks;
  return { ran: after.ran - before.ran, waited: after.waited - before.waited, kernelShare: system / (user + system) };
}

/** Resident bytes of `pid` and its descendants. Shared pages count once per process, which a growth does not see. */
export function readResident(pid: number): number {
  let bytes = 0;
  for (const member of treeOf(pid, statLines())) bytes += parseResident(readOrEmpty(`/proc/${member}/status`)) ?? 0;
  return bytes;
}
