/** `/metrics`: names of Traefik 3, of 1.7 or of both, and our own under `tsuji_` (shared/spec logs §4, docs/metrics.md). */
import { backendMetrics } from './backends.ts';
import {
  accessLogMetrics,
  certificateMetrics,
  configMetrics,
  optionMetrics,
  sourceMetrics,
  traceMetrics,
} from './configuration.ts';
import { asOpenMetrics, family, labelText, OPEN_METRICS_END, type Parts } from './exposition.ts';
import { limitMetrics, listenerMetrics, workerMetrics } from './node.ts';
import { processMetrics } from './process.ts';
import { requestMetrics } from './requests.ts';
import type { MetricsSource } from './source.ts';

/** The page in parts. `isOpen`: with what only OpenMetrics has. */
export function* metricsPage(source: MetricsSource, isOpen = false): Parts {
  const { view } = source;
  yield* requestMetrics(source, isOpen);
  yield* backendMetrics(source);
  yield* listenerMetrics(source);
  yield* workerMetrics(source);
  yield* optionMetrics(source);
  yield* accessLogMetrics(source);
  yield* traceMetrics(source);
  yield* configMetrics(source);
  yield* certificateMetrics(source);
  yield* sourceMetrics(source);
  yield* limitMetrics(source);
  yield* family('tsuji_build_info', 'gauge', 'Version of tsuji.', [[labelText([['version', view.version]]), 1]]);
  yield* processMetrics(view.startedAt, source.lag);
  source.remember();
}

export function* openMetricsPage(source: MetricsSource): Parts {
  for (const part of metricsPage(source, true)) yield asOpenMetrics(part);
  yield OPEN_METRICS_END;
}
