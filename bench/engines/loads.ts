/** Puts a load of `works.ts` on one proxy. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LoadPlan, LoadResult } from '../load/plan.ts';
import { ownCommand, parseResult, runLoad } from '../load.ts';
import { STATIC_HOST } from '../origin.ts';
import type { Command, Processes } from '../processes.ts';
import { fieldsOf, SCENARIOS } from '../scenarios.ts';
import type { Work } from './works.ts';

const FIELDS = fieldsOf(SCENARIOS.find(({ name }) => name === 'small')!);
/** A message of gRPC of 16 bytes, not compressed, behind its length. */
const MESSAGE = Buffer.concat([Buffer.from([0, 0, 0, 0, 16]), Buffer.alloc(16, 'm')]);
const GRPC_FIELDS = { 'Content-Type': 'application/grpc', TE: 'trailers', 'User-Agent': 'grpc-go/1.66.0' };

export function planOf(work: Work, port: number, seconds: number): LoadPlan & { resumed: boolean } {
  const fields = work.load === 'close' ? { ...FIELDS, Connection: 'close' } : FIELDS;
  const { path, connections, secure, resumed } = work;
  return { port, path, fields, connections, seconds, bodyBytes: 0, rate: 0, secure, resumed };
}

function h2loadCommand(work: Work, port: number, seconds: number, folder: string): Command {
  const { Host: _, ...browser } = FIELDS;
  const fields = Object.entries(work.grpc ? GRPC_FIELDS : browser);
  const args = [
    `--duration=${seconds}`,
    '--threads=1',
    `--clients=${work.connections}`,
    `--max-concurrent-streams=${work.streams}`,
    `--header=:authority: ${STATIC_HOST}`,
    ...fields.map(([name, value]) => `--header=${name}: ${value}`),
  ];
  if (work.grpc) {
    const message = join(folder, 'message');
    writeFileSync(message, MESSAGE);
    args.push(`--data=${message}`);
  }
  return { file: 'h2load', args: [...args, `https://127.0.0.1:${port}${work.path}`] };
}

/** @throws Error when it is no report of h2load. */
export function parseH2load(output: string): LoadResult {
  const finished = /^finished in ([\d.]+)(us|ms|s)\b/m.exec(output);
  const codes = /^status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx/m.exec(output);
  const failed = /(\d+) failed, (\d+) errored, (\d+) timeout/.exec(output);
  if (finished === null || codes === null || failed === null) throw new Error(`h2load: ${output.slice(-500)}`);
  const unit = { us: 1, ms: 1_000, s: 1_000_000 }[finished[2] as 'us' | 'ms' | 's'];
  return {
    requests: Number(codes[1]),
    microseconds: Math.round(Number(finished[1]) * unit),
    // Those that were under way when the time was over are told as failed, but have no status.
    errors: Number(codes[2]) + Number(codes[3]) + Number(codes[4]) + Number(failed[2]) + Number(failed[3]),
    latencies: [],
  };
}

export async function load(
  processes: Processes,
  core: number | null,
  work: Work,
  port: number,
  seconds: number,
  folder: string,
): Promise<LoadResult> {
  const limitMs = (seconds + 30) * 1_000;
  if (work.load === 'h2') {
    return parseH2load(await processes.run('h2load', core, h2loadCommand(work, port, seconds, folder), limitMs));
  }
  const plan = planOf(work, port, seconds);
  if (work.load !== 'handshakes') return await runLoad(processes, core, 'wrk', plan);
  return parseResult(await processes.run('handshakes', core, ownCommand('handshakes.ts', plan), limitMs));
}
