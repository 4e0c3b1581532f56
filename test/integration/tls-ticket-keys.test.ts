/** Nodes that share the keys of session tickets over a real etcd. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { Etcd3 } from 'etcd3';
import { SharedTicketKeys } from '../../src/control/tls/shared-ticket-keys.ts';
import { TicketRing } from '../../src/control/tls/ticket-ring.ts';
import { etcdSettings } from '../harness/etcd-settings.ts';
import { startEtcd, waitFor } from '../harness/tools.ts';

test('nodes that start at once have the same keys, which expire in etcd and are never overwritten', async (t) => {
  const etcd = await startEtcd({ enableV2: false });
  t.after(() => etcd.stop());
  const client = new Etcd3({ hosts: etcd.url });
  t.after(() => client.close());
  const settings = etcdSettings([etcd.endpoint]);
  const rings = Array.from({ length: 4 }, () => {
    const ring = new TicketRing({ store: new SharedTicketKeys(settings), onRing: () => {} });
    t.after(() => ring.stop());
    return ring;
  });
  for (const ring of rings) ring.start();
  const keys = () => rings.map((ring) => ring.ring().map((key) => Buffer.from(key).toString('base64')));
  await waitFor(() => new Set(keys().map(String)).size === 1, 'all nodes to have the same keys');
  const { kvs } = await client.getAll().prefix('/traefik/tsuji/ticketkeys/').exec();
  assert.deepEqual(kvs.map(({ value }) => value.toString()).sort(), [...keys()[0]].sort());
  assert.ok(kvs.every(({ lease }) => lease !== '0'));
});

test('a key that is none is reported and left alone, and the node goes on with its own', async (t) => {
  const etcd = await startEtcd({ enableV2: false });
  t.after(() => etcd.stop());
  const client = new Etcd3({ hosts: etcd.url });
  t.after(() => client.close());
  const now = Math.floor(Date.now() / (12 * 3600 * 1000));
  await client.put(`/traefik/tsuji/ticketkeys/${now}`).value('short');
  const ring = new TicketRing({
    store: new SharedTicketKeys(etcdSettings(['127.0.0.1:1', etcd.endpoint])),
    onRing: () => {},
  });
  t.after(() => ring.stop());
  ring.start();
  await waitFor(() => ring.problem !== '', 'the problem');
  assert.match(ring.problem, new RegExp(`ticketkeys/${now} does not hold 48 bytes`));
  assert.doesNotMatch(ring.problem, /short/);
  assert.equal(ring.ring().length, 3);
});
