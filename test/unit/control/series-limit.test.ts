import assert from 'node:assert/strict';
import test from 'node:test';
import { SeriesLimit } from '../../../src/control/series-limit.ts';
import type { CountBuffers } from '../../../src/kernel/metrics-options.ts';
import { createLabelCounts, LabelCounts } from '../../../src/shared/label-counts.ts';
import { FAMILY } from '../../../src/shared/label-families.ts';
import { captureLog } from '../../harness/log.ts';

test('that there is no room for more series is told, with how much went to (other)', (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const lines = captureLog();
  const labels = createLabelCounts(32 * 1_024);
  const limit = new SeriesLimit({ lanes: [], counts: [{ labels } as CountBuffers] });
  limit.start();
  t.after(() => limit.stop());
  t.mock.timers.tick(20_000);
  assert.deepEqual(lines, []);
  const counts = new LabelCounts(labels);
  for (let i = 0; i < 1_000; i++) counts.at(FAMILY.rateLimited, [`frontend ${i}`]);
  t.mock.timers.tick(10_000);
  const [{ event, limit: name, object, value, refused }, ...more] = lines;
  assert.deepEqual([event, name, object, value === refused, more], ['limit_reached', 'series', 'labels', true, []]);
  assert.ok(Number(refused) > 100 && Number(refused) < 1_000, String(refused));
});
