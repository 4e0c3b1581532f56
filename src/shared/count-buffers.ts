/** The buffers in which one worker counts, beside its lane of metrics-layout.ts. */
import type { CountBuffers } from '../kernel/metrics-options.ts';
import { BACKEND_STRIDE } from './backend-counts.ts';
import { createExemplars } from './exemplars.ts';
import { createHistograms } from './histograms.ts';
import { createLabelCounts } from './label-counts.ts';
import { SERVER_STRIDE } from './server-counts.ts';
import { createSlotCounts } from './slot-counts.ts';

/** `exemplarBounds`: bounds of the buckets that have exemplars; null: nothing has any. */
export function createCountBuffers(exemplarBounds: number | null): CountBuffers {
  return {
    servers: createSlotCounts(SERVER_STRIDE),
    backends: createSlotCounts(BACKEND_STRIDE),
    labels: createLabelCounts(),
    histograms: createHistograms(),
    exemplars: exemplarBounds === null ? null : createExemplars(exemplarBounds),
  };
}
