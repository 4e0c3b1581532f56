import assert from 'node:assert/strict';
import { type AddressInfo, createServer } from 'node:net';
import test from 'node:test';
import { listenReason } from '../../../src/control/listening.ts';
import { isTsuji, listeningInodes } from '../../../src/control/port-owner.ts';

test('sockets that listen on a port are told from its connections and from other ports', () => {
  const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 111 1 0000000000000000 100 0 0 10 0
   1: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 222 1 0000000000000000 100 0 0 10 0
   2: 0100007F:0050 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 333 1 0000000000000000 20 4 30 10 -1
  10: 00000000000000000000000001000000:0050 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 444 1 0000000000000000 100 0 0 10 0
`;
  assert.deepEqual(listeningInodes(table, 80), ['111', '444']);
  assert.deepEqual(listeningInodes(table, 8080), ['222']);
  assert.deepEqual(listeningInodes('', 80), []);
});

test('a reason is what the system says, in words, and whose the port is', async (t) => {
  const server = createServer();
  t.after(() => server.close());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const reasonOf = (code: string): string =>
    listenReason(Object.assign(new Error('listen E 1:2'), { code }), { host: '', port });
  assert.equal(reasonOf('EADDRINUSE'), 'the port is taken by this process itself');
  assert.match(reasonOf('EACCES'), /^this user may not listen on that port .*CAP_NET_BIND_SERVICE/);
  assert.equal(reasonOf('EADDRNOTAVAIL'), 'this machine does not have that address');
  assert.equal(reasonOf('EIO'), 'listen E 1:2');
});

test('tsuji is told from programs that only have something of its name', () => {
  assert.ok(isTsuji(['/usr/bin/tsuji', '--web']));
  assert.ok(isTsuji(['node', '--disable-sigusr1', '/usr/lib/tsuji/js/main.js']));
  assert.ok(!isTsuji(['/usr/bin/etcd', '--name=test', '--data-dir=/tmp/tsuji-xmDl94']));
  assert.ok(!isTsuji(['nginx: master process nginx -c /etc/tsuji/nginx.conf']));
  assert.ok(!isTsuji(['node', 'server.js']));
});
