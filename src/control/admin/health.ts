/** `/health` in the shape of Traefik 1.7 (shared/spec cli-api §5.4): counts over all entrypoints, local replies included. */
import { goDuration } from '../../kernel/durations.ts';
import { type MetricsReader, ownerOf } from '../../shared/metrics-reader.ts';
import type { ControlView } from '../view.ts';
import { jsonMap, jsonText } from './json.ts';

type Totals = { codes: Map<string, number>; count: number; seconds: number; responseBytes: number };

/** `2006-01-02 15:04:05.999 +0000 UTC m=+1.5`, always in UTC. */
function goTime(now: Date, uptime: number): string {
  return `${now
    .toISOString()
    .replace('T', ' ')
    .replace(/\.?0*Z$/, '')} +0000 UTC m=+${uptime.toFixed(9)}`;
}

export class HealthPage {
  private readonly view: ControlView;
  private readonly reader: MetricsReader;
  /** Counts by code when the current second began. */
  private secondBegan = new Map<string, number>();

  constructor(view: ControlView, reader: MetricsReader) {
    this.view = view;
    this.reader = reader;
  }

  /** A new second begins. */
  tick(): void {
    this.secondBegan = this.totals().codes;
  }

  text(): string {
    const now = new Date();
    const uptime = Math.max(now.getTime() - this.view.startedAt, 0) / 1000;
    const total = this.totals();
    const current = new Map<string, number>();
    let currentCount = 0;
    for (const [code, count] of total.codes) {
      const fresh = count - (this.secondBegan.get(code) ?? 0);
      if (fresh > 0) current.set(code, fresh);
      currentCount += fresh;
    }
    const average = total.count === 0 ? 0 : total.seconds / total.count;
    const fields: readonly (readonly [string, string])[] = [
      ['pid', String(process.pid)],
      ['hostname', '""'],
      ['uptime', jsonText(goDuration(uptime))],
      ['uptime_sec', String(uptime)],
      ['time', jsonText(goTime(now, uptime))],
      ['unixtime', String(Math.floor(now.getTime() / 1000))],
      ['status_code_count', jsonMap(current, String)],
      ['total_status_code_count', jsonMap(total.codes, String)],
      ['count', String(currentCount)],
      ['total_count', String(total.count)],
      ['total_response_time', jsonText(goDuration(total.seconds))],
      ['total_response_time_sec', String(total.seconds)],
      ['total_response_size', String(total.responseBytes)],
      ['average_response_size', String(total.count === 0 ? 0 : Math.floor(total.responseBytes / total.count))],
      ['average_response_time', jsonText(goDuration(average))],
      ['average_response_time_sec', String(average)],
      ['total_metrics_counts', '{}'],
      ['average_metrics_timers', '{}'],
    ];
    return `{${fields.map(([name, value]) => `"${name}":${value}`).join(',')}}`;
  }

  private totals(): Totals {
    const totals: Totals = { codes: new Map(), count: 0, seconds: 0, responseBytes: 0 };
    for (const series of this.reader.series()) {
      if (ownerOf(series.owner).kind !== 'entryPoint') continue;
      const code = String(series.code);
      totals.codes.set(code, (totals.codes.get(code) ?? 0) + series.count);
      totals.count += series.count;
      totals.seconds += series.seconds;
      totals.responseBytes += series.responseBytes;
    }
    return totals;
  }
}
