import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import test, { type TestContext } from 'node:test';
import { EtcdV2Client } from '../../../../src/control/source/etcd-v2-client.ts';
import { OWN_HOST } from '../../../harness/own-host.ts';

/** A client of a server that answers everything with `answer`. */
async function clientOf(t: TestContext, answer: RequestListener): Promise<EtcdV2Client> {
  const server = createServer(answer).listen(0, OWN_HOST);
  await once(server, 'listening');
  const endpoint = `${OWN_HOST}:${(server.address() as AddressInfo).port}`;
  const client = new EtcdV2Client({ endpoint, tls: null, username: '', password: '', deadlineMs: 200 }, '/a b/ü');
  t.after(() => {
    client.close();
    server.closeAllConnections();
    server.close();
  });
  return client;
}

const NEVER = new AbortController().signal;
const TREE = '{"action":"get","node":{"key":"/t","dir":true,"nodes":[{"key":"/t/a","value":"1"}]}}';

test('a tree that is cut off at any byte is an error, never a smaller tree', async (t) => {
  let length = 0;
  const client = await clientOf(t, (_request, response) => {
    response.setHeader('x-etcd-index', '7').end(TREE.slice(0, length));
  });
  for (; length < TREE.length; length++) await assert.rejects(client.read(true), /not a v2 node/, `cut at ${length}`);
  assert.deepEqual(await client.read(true), { node: JSON.parse(TREE).node, index: 7 });
});

test('an answer whose connection breaks is an error', async (t) => {
  const client = await clientOf(t, (_request, response) => {
    response.writeHead(200, { 'content-length': TREE.length });
    response.write(TREE.slice(0, 20), () => response.destroy());
  });
  await assert.rejects(client.read(true), /aborted|hang up/);
  await assert.rejects(client.wait(1, 1000, NEVER), /aborted|hang up/);
});

test('a server that accepts and says nothing is told after the deadline', async (t) => {
  const client = await clientOf(t, () => undefined);
  await assert.rejects(client.read(true), /did not answer within 200 ms/);
  await assert.rejects(client.wait(1, 1000, NEVER), /did not answer within 200 ms/);
});

test('a wait without an event gives the index at which it began', async (t) => {
  const client = await clientOf(t, (_request, response) => {
    response.writeHead(200, { 'x-etcd-index': '9' }).flushHeaders();
  });
  assert.deepEqual(await client.wait(3, 20, NEVER), { event: null, index: 9 });
});

test('a page that is not from etcd tells that there is no v2, and an error of etcd tells its reason', async (t) => {
  const bodies = ['404 page not found\n', '{"errorCode":110,"message":"denied","cause":"why","index":4}'];
  const statuses = [404, 401];
  const client = await clientOf(t, (_request, response) => {
    response.writeHead(statuses.shift()!).end(bodies.shift());
  });
  await assert.rejects(client.read(true), { code: 'V2_ABSENT' });
  await assert.rejects(client.read(true), /etcd answered 401: denied \(why\)/);
});

test('the directory is sent as an escaped path', async (t) => {
  let path = '';
  const client = await clientOf(t, (request, response) => {
    path = request.url ?? '';
    response.end(TREE);
  });
  await client.read(true);
  assert.equal(path, '/v2/keys/a%20b/%C3%BC?quorum=true&recursive=true');
});
