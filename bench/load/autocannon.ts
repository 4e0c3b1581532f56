/**
 * Child process: HTTP load by autocannon, `autocannon.ts PLAN`.
 *
 * autocannon keeps a rate by letting every connection send its share of a second at once and rest until the next
 * second. With all connections in step that would be a saturated half second and an idle one, so the connections are
 * split into groups that start one after the other within the first second. Its own histogram counts whole
 * milliseconds; ours takes the unrounded times from its `response` event.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import autocannon from 'autocannon';
import { LatencyCounter, type LoadPlan, type LoadResult, planFromArguments } from './plan.ts';

const GROUPS = 25;

const plan = planFromArguments<LoadPlan>();
const groups =
  plan.rate === 0 ? 1 : Math.max(1, Math.min(GROUPS, plan.connections, Math.floor(plan.rate / plan.connections)));
const counter = new LatencyCounter();

/** The whole shared out as evenly as whole numbers allow. */
function share(whole: number, index: number): number {
  return Math.floor((whole * (index + 1)) / groups) - Math.floor((whole * index) / groups);
}

type GroupResult = { readonly requests: number; readonly errors: number; readonly seconds: number };

async function runGroup(index: number): Promise<GroupResult> {
  let requests = 0;
  await sleep((index * 1_000) / groups);
  const run = autocannon({
    url: `http://127.0.0.1:${plan.port}${plan.path}`,
    connections: share(plan.connections, index),
    duration: plan.seconds,
    headers: { ...plan.fields },
    timeout: 5,
    pipelining: plan.pipelining ?? 1,
    ...(plan.rate > 0 ? { overallRate: share(plan.rate, index), ignoreCoordinatedOmission: true } : {}),
    ...(plan.bodyBytes > 0 ? { method: 'POST', body: Buffer.alloc(plan.bodyBytes, 'u') } : {}),
  });
  run.on('response', (_client: unknown, _status: number, _bytes: number, milliseconds: number) => {
    requests++;
    counter.record(milliseconds * 1_000);
  });
  const { errors, non2xx, duration } = await run;
  return { requests, errors: errors + non2xx, seconds: duration };
}

const results = await Promise.all(Array.from({ length: groups }, (_, index) => runGroup(index)));
const requests = results.reduce((sum, group) => sum + group.requests, 0);
// The groups do not run at the same time, so the rate is the sum of their rates.
const perSecond = results.reduce((sum, group) => sum + group.requests / group.seconds, 0);
const result: LoadResult = {
  requests,
  microseconds: Math.round((requests / perSecond) * 1e6),
  errors: results.reduce((sum, group) => sum + group.errors, 0),
  latencies: counter.pairs(),
};
console.log(JSON.stringify(result));
