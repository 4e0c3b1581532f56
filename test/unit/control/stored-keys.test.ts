import assert from 'node:assert/strict';
import { createServer, type Socket } from 'node:net';
import test from 'node:test';
import { SourceLog } from '../../../src/control/source/source-log.ts';
import { StoredKeysReader } from '../../../src/control/stored-keys.ts';
import { etcdSettings } from '../../harness/defaults.ts';
import { freePort } from '../../harness/tools.ts';

function readerOf(...endpoints: string[]): StoredKeysReader {
  return new StoredKeysReader({ etcd: etcdSettings(endpoints), folder: '' }, new SourceLog());
}

test('a store refuses when no endpoint takes a connection, and one that hangs has not refused', async (t) => {
  const taken: Socket[] = [];
  const hanging = createServer((socket) => taken.push(socket)).listen(0, '127.0.0.1');
  await new Promise((resolve) => hanging.once('listening', resolve));
  const { port } = hanging.address() as { port: number };
  const [one, other] = [`127.0.0.1:${await freePort()}`, `127.0.0.1:${await freePort()}`];
  const [gone, half] = [readerOf(one, other), readerOf(one, `127.0.0.1:${port}`)];
  t.after(async () => {
    await Promise.all([gone.stop(), half.stop()]);
    hanging.close();
    for (const socket of taken) socket.destroy();
  });
  const tried = new Promise((resolve) => hanging.once('connection', resolve));
  void gone.read();
  void half.read();
  const first = await Promise.race([gone.refused.then(() => 'gone'), half.refused.then(() => 'half')]);
  assert.equal(first, 'gone');
  await tried;
  assert.equal(await Promise.race([half.refused, Promise.resolve('open')]), 'open');
});
