/** Nodes that share the keys of session tickets over a real etcd. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { createServer, get, type IncomingMessage } from 'node:http';
import test from 'node:test';
import { Etcd3 } from 'etcd3';
import { SharedTicketKeys } from '../../src/control/tls/shared-ticket-keys.ts';
import { TicketRing } from '../../src/control/tls/ticket-ring.ts';
import { etcdSettings } from '../harness/defaults.ts';
import { listening } from '../harness/listening.ts';
import { OWN_HOST } from '../harness/own-host.ts';
import { startEtcd, waitFor } from '../harness/tools.ts';
import { routeKeys, startTsuji, type Tsuji } from '../harness/tsuji.ts';

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

const md5 = (text: string): string => createHash('md5').update(text).digest('hex');

/** The answer to the challenge of any node. */
function digestOf(challenge: string, nc: string): string {
  const [nonce, opaque] = ['nonce', 'opaque'].map((field) => new RegExp(`${field}="([^"]+)"`).exec(challenge)![1]);
  const response = md5(`a2688e031edb4be6a3797f3882655c05:${nonce}:${nc}:0a4f113b:auth:${md5('GET:/')}`);
  return (
    `Digest username="test", realm="traefik", nonce="${nonce}", uri="/", qop=auth, nc=${nc}, cnonce="0a4f113b", ` +
    `response="${response}", opaque="${opaque}"`
  );
}

test('a nonce of digest auth is good on all nodes that share their keys, and a used count is used on its own node', async (t) => {
  const etcd = await startEtcd({ enableV2: false });
  t.after(() => etcd.stop());
  const client = new Etcd3({ hosts: etcd.url });
  t.after(() => client.close());
  const site = await listening(
    t,
    createServer((_, response) => response.end()),
  );
  const keys = {
    ...routeKeys([site], 'a.test'),
    'frontends/frontend1/auth/digest/users': 'test:traefik:a2688e031edb4be6a3797f3882655c05',
  };
  for (const [key, value] of Object.entries(keys)) await client.put(`/traefik/${key}`).value(value);
  const flags = ['--etcd', '--etcd.useAPIV3', `--etcd.endpoint=${etcd.endpoint}`];
  const shared = [...flags, '--tls.ticketKeys=etcd'];
  const [one, other, alone] = await Promise.all([shared, shared, flags].map((each) => startTsuji(t, { flags: each })));
  const ask = async (tsuji: Tsuji, authorization = ''): Promise<[status: number, challenge: string]> => {
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      get({ host: OWN_HOST, port: tsuji.port, headers: { host: 'a.test', authorization } }, resolve).on(
        'error',
        reject,
      );
    });
    answer.resume();
    return [answer.statusCode!, answer.headers['www-authenticate'] ?? ''];
  };
  const challenge = async (tsuji: Tsuji): Promise<string> => {
    await waitFor(async () => (await ask(tsuji))[0] === 401, 'the route');
    return (await ask(tsuji))[1];
  };
  await waitFor(async () => (await ask(other, digestOf(await challenge(one), '00000001')))[0] === 200, 'shared keys');
  const given = await challenge(one);
  for (const tsuji of [one, other]) {
    assert.equal((await ask(tsuji, digestOf(given, '00000001')))[0], 200);
    const [status, again] = await ask(tsuji, digestOf(given, '00000001'));
    assert.equal(status, 401);
    assert.match(again, /stale=true/);
  }
  await challenge(alone);
  const [status, again] = await ask(alone, digestOf(given, '00000002'));
  assert.equal(status, 401);
  assert.match(again, /stale=true/, 'the password is right: it need not be asked for again');
  assert.equal((await ask(alone, digestOf(again, '00000001')))[0], 200);
  assert.doesNotMatch((await ask(alone, digestOf(given, '00000002').replace('test', 'best')))[1], /stale/);
});
