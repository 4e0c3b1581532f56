import assert from 'node:assert/strict';
import test from 'node:test';
import { HealthSocket } from '../../../src/control/health-socket.ts';
import type { ControlView } from '../../../src/control/view.ts';
import { captureLog } from '../../harness/log.ts';
import { waitFor } from '../../harness/wait.ts';

test('that somebody else has the name is told, and is no reason to end', async (t) => {
  const lines = captureLog();
  for (let i = 0; i < 2; i++) {
    const socket = new HealthSocket({} as ControlView, null);
    socket.start();
    t.after(() => socket.stop());
  }
  await waitFor(() => lines.length > 0, 'a line');
  const [{ event, level, reason }] = lines;
  assert.deepEqual([event, level], ['healthcheck_unanswered', 'warning']);
  assert.match(String(reason), /EADDRINUSE/);
});
