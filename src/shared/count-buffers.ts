/** The buffers in which one worker counts, beside its lane of metrics-layout.ts. */
import type { CountBuffers } from '../kernel/metrics-options.ts';
import { BACKEND_STRIDE } from './backend-counts.ts';
import { createLabelCounts } from './label-counts.ts';
import { SERVER_STRIDE } from './server-counts.ts';
import { createSlotCounts } from './slot-counts.ts';

export function createCountBuffers(): CountBuffers {
  return {
    servers: createSlotCounts(SERVER_STRIDE),
    backends: createSlotCounts(BACKEND_STRIDE),
    labels: createLabelCounts(),
  };
}
