/** What is printed and kept of `--scenario=routes`. */
import type { GoalResult } from '../report.ts';
import { median, ratioOf, spreadOf } from '../stats.ts';
import { formatNumber, formatRange, formatShare, formatSpread, formatTable } from '../table.ts';
import { GOAL_SIZES } from './kinds.ts';
import { ROUND_SECONDS, type RoutesOutcome, type RoutesSeries } from './run.ts';

const WAIT_LIMIT = 0.05;

/** `10 000` */
const grouped = (count: number) => String(count).replace(/\B(?=(\d{3})+$)/g, ' ');
const cpuOf = ({ samples }: RoutesSeries) => samples.map(({ cpu }) => cpu);

/** That many routes ÷ one route, of the same proxy, round by round; null where one of them was not measured. */
function ratioToOne(outcome: RoutesOutcome, proxy: string, routes: number) {
  const find = (size: number) => outcome.series.find((one) => one.proxy === proxy && one.routes === size);
  const [one, many] = [find(1), find(routes)];
  return one === undefined || many === undefined ? null : ratioOf(cpuOf(many), cpuOf(one));
}

/** null: the kind has no goal, or tsuji was not measured. */
export function judgeRoutes(outcome: RoutesOutcome): GoalResult | null {
  const { goal, title } = outcome.kind;
  const ratio = ratioToOne(outcome, 'tsuji', GOAL_SIZES[1]);
  if (goal === null || ratio === null) return null;
  const met = ratio.median <= goal;
  const text = `${met ? 'met   ' : 'missed'}  tsuji: CPU per request with ${grouped(GOAL_SIZES[1])} ${title} ÷ with one ${formatSpread(ratio)}, goal ≤ ${goal.toFixed(2)}`;
  return { met, text };
}

export function routesText(outcome: RoutesOutcome): string {
  const header = [
    'proxy',
    'routes',
    'CPU µs/request',
    'min–max',
    '÷ one route',
    'requests/s',
    'busy',
    'waited',
    'errors',
  ];
  const rows = outcome.series.map((series) => {
    const { proxy, routes, samples } = series;
    const cpu = spreadOf(cpuOf(series));
    const ratio = ratioToOne(outcome, proxy, routes);
    return [
      proxy,
      grouped(routes),
      formatNumber(cpu.median),
      formatRange(cpu),
      routes === 1 || ratio === null ? '–' : formatSpread(ratio),
      formatNumber(median(samples.map(({ perSecond }) => perSecond))),
      formatShare(median(samples.map(({ busy }) => busy))),
      formatShare(median(samples.map(({ waited }) => waited))),
      String(samples.reduce((sum, { errors }) => sum + errors, 0)),
    ];
  });
  const parts = [`routes: ${outcome.kind.title} (wrk, ${outcome.rounds} rounds of ${ROUND_SECONDS} s)`];
  if (rows.length > 0) parts.push(formatTable(header, rows));
  for (const { proxy, routes, reason } of outcome.skipped) parts.push(`left out: ${proxy} with ${routes}: ${reason}`);
  for (const { proxy, routes, samples } of outcome.series) {
    const waited = Math.max(0, ...samples.map((sample) => sample.waited));
    if (waited > WAIT_LIMIT) {
      parts.push(`disturbed: ${proxy} with ${routes} waited for its core up to ${formatShare(waited)} of a round`);
    }
  }
  const goal = judgeRoutes(outcome);
  if (goal !== null) parts.push(goal.text);
  return parts.join('\n');
}

/** Every sample, without latencies. */
export function routesJson(outcome: RoutesOutcome): unknown {
  const { kind, rounds, series, skipped } = outcome;
  return {
    kind: kind.name,
    rounds,
    skipped,
    series: series.map(({ proxy, routes, samples }) => ({
      proxy,
      routes,
      rounds: samples.map(({ latencies: _, ...figures }) => figures),
    })),
    goal: judgeRoutes(outcome),
  };
}
