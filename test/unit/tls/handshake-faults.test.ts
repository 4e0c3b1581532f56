/** Handshakes that clients break, over handles that would end the process at a wrong call. */
import assert from 'node:assert/strict';
import { randomBytes, randomInt } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import test, { after, before } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { handshake } from '../../harness/handshake.ts';
import { OWN_HOST } from '../../harness/own-host.ts';
import { type Certificate, makeAuthority } from '../../harness/tls.ts';
import { serveTls, workerCertificate } from '../../harness/tls-serving.ts';
import { temporaryFolder, waitFor } from '../../harness/tools.ts';

const folder = temporaryFolder();
let pair: Certificate;
let hello: Buffer;

before(async () => {
  pair = await makeAuthority(folder.path, 'localhost');
  hello = await clientHello();
});
after(() => folder.remove());

async function clientHello(): Promise<Buffer> {
  const server = createServer().listen(0, OWN_HOST);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const client = connectTls({ port, host: OWN_HOST, servername: 'localhost', rejectUnauthorized: false });
  client.on('error', () => {});
  const [socket] = await once(server, 'connection');
  const [bytes] = (await once(socket, 'data')) as [Buffer];
  client.destroy();
  socket.destroy();
  server.close();
  return bytes;
}

/** Sends these bytes, and is gone when there is an answer or `leave` says so. */
async function breakOff(port: number, bytes: Buffer, leave: 'end' | 'reset'): Promise<void> {
  const socket = connect({ port, host: OWN_HOST });
  socket.on('error', () => {});
  await once(socket, 'connect');
  const closed = once(socket, 'close');
  socket.on('data', () => socket.destroy());
  socket.write(bytes, () => {
    if (leave === 'end') socket.end();
    else socket.resetAndDestroy();
  });
  await closed;
}

const serve = (t: { after(fn: () => unknown): unknown }) =>
  serveTls(t, [randomBytes(48)], [workerCertificate(pair, { defaultOf: 1 })], {}, [], 'our handshakes');

test('a client that ends or resets behind any byte of its hello ends its connection, and no other', async (t) => {
  const serving = await serve(t);
  const tries: Promise<void>[] = [];
  for (let length = 0; length <= hello.length; length += 7) {
    tries.push(breakOff(serving.port, hello.subarray(0, length), length % 2 === 0 ? 'end' : 'reset'));
  }
  await Promise.all(tries);
  await waitFor(() => serving.ended.length === tries.length, 'all of them to be closed');
  assert.equal((await handshake(serving.port)).error, '');
});

test('a hello with any byte changed, and plain noise, are refused or served', async (t) => {
  const serving = await serve(t);
  const tries: Promise<void>[] = [];
  for (let at = 0; at < hello.length; at += 5) {
    const changed = Buffer.from(hello);
    changed[at] ^= 1 + randomInt(255);
    tries.push(breakOff(serving.port, changed, 'end'));
  }
  for (let i = 0; i < 20; i++) tries.push(breakOff(serving.port, randomBytes(1 + randomInt(2_000)), 'end'));
  await Promise.all(tries);
  await waitFor(() => serving.ended.length === tries.length, 'all of them to be closed');
  assert.equal((await handshake(serving.port)).error, '');
});

test('clients that leave while their handshake is under way leave nothing behind', async (t) => {
  const serving = await serve(t);
  const clients = Array.from({ length: 60 }, async (_, i) => {
    const socket = connectTls({ port: serving.port, host: OWN_HOST, rejectUnauthorized: false });
    socket.on('error', () => {});
    await once(socket, i % 3 === 0 ? 'secureConnect' : 'connect');
    socket.destroy();
  });
  await Promise.allSettled(clients);
  await waitFor(() => serving.ended.length === clients.length, 'all of them to be closed');
  assert.equal((await handshake(serving.port)).error, '');
});
