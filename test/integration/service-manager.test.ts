import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { ServiceNotifier } from '../../src/control/service/notify.ts';
import { captureLog } from '../harness/log.ts';
import { noNotifySocket, openNotifySocket } from '../harness/notify-socket.ts';
import { temporaryFolder, waitFor } from '../harness/tools.ts';
import { routeKeys, startTsuji } from '../harness/tsuji.ts';

/** Loaded into every thread: the second worker stands still for good when the file is there. */
function standsStillBy(file: string): string {
  const code = `
    import { existsSync } from 'node:fs';
    import { isMainThread, workerData } from 'node:worker_threads';
    const standStill = () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
    if (!isMainThread && workerData?.index === 1)
      setInterval(() => existsSync(${JSON.stringify(file)}) && standStill(), 20).unref();`;
  return `data:text/javascript,${encodeURIComponent(code)}`;
}

test('the service manager hears when it serves, that all workers answer, and that it ends', {
  skip: noNotifySocket,
}, async (t) => {
  const ear = await openNotifySocket(t);
  const folder = temporaryFolder();
  t.after(() => folder.remove());
  const stuck = join(folder.path, 'stuck');
  const tsuji = await startTsuji(t, {
    keys: routeKeys(['http://127.0.0.1:1']),
    workers: 2,
    imports: [standsStillBy(stuck)],
    env: { NOTIFY_SOCKET: ear.path, WATCHDOG_USEC: '900000' },
  });
  const heard = (line: string): number => ear.messages().filter((message) => message.includes(line)).length;
  await waitFor(
    () => heard('WATCHDOG=1') >= 2,
    () => `WATCHDOG=1 in ${JSON.stringify(ear.messages())}`,
  );
  const [first] = ear.messages().filter((message) => message.includes('READY=1'));
  const status = 'STATUS=Serving with 2 of 2 workers: 1 frontends, 1 backends, 0 problems';
  assert.ok(first.includes(status), first.join());

  writeFileSync(stuck, '');
  await tsuji.hasSaid(/event=worker_slow worker=1 lag_ms=\d+/);
  tsuji.kill('SIGTERM');
  await waitFor(() => heard('STOPPING=1') === 1, 'STOPPING=1');
});

test('what could not be told is told later, with what is newer', { skip: noNotifySocket }, async (t) => {
  const lines = captureLog();
  const folder = temporaryFolder();
  t.after(() => folder.remove());
  const path = join(folder.path, 'notify');
  const notifier = new ServiceNotifier({ ...process.env, NOTIFY_SOCKET: path });
  notifier.notify({ READY: '1', STATUS: 'old' });
  await waitFor(() => lines.some(({ event }) => event === 'notify_failed'), 'a line of the log');
  assert.match(String(lines[0].reason), /No such file/);
  notifier.notify({ STATUS: 'new' });
  const ear = await openNotifySocket(t, path);
  await notifier.lastWord({ MAINPID: '77' });
  notifier.notify({ STATUS: 'newer' });
  await waitFor(() => ear.messages().length > 0, 'a message');
  assert.deepEqual(ear.messages(), [['READY=1', 'STATUS=new', 'MAINPID=77']]);
});

test('without systemd-notify it says so once and goes on', async () => {
  const lines = captureLog();
  const notifier = new ServiceNotifier({ PATH: '/nowhere', NOTIFY_SOCKET: '/nowhere/notify' });
  notifier.notify({ READY: '1' });
  await notifier.lastWord({ MAINPID: '77' });
  assert.equal(notifier.isHeard, false);
  notifier.notify({ WATCHDOG: '1' });
  assert.deepEqual(lines, [{ event: 'notify_failed', level: 'warning', reason: 'spawn systemd-notify ENOENT' }]);
  assert.equal(new ServiceNotifier({}).isHeard, false);
});
