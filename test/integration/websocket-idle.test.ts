/** Ten thousand WebSockets that say nothing, as far as the limit of open files allows: each takes two of tsuji. */
import assert from 'node:assert/strict';
import { after } from 'node:test';
import { exchangeTest, openExchanges, residentBytes } from '../harness/exchanges.ts';
import { type RawConnection, rawClient, startRawServer } from '../harness/raw.ts';
import { run } from '../harness/tools.ts';
import { addRoute, startTsuji } from '../harness/tsuji.ts';
import { waitFor } from '../harness/wait.ts';
import { accept, frame, handshake, nextFrame, PING, TEXT } from '../harness/websocket.ts';

const WANTED = 10_000;
/** Handshakes at a time. */
const AT_ONCE = 200;
/**
 * Of all memory, by WebSocket: two sockets, the state of the library, ours and its marks; some 25 KB, and what a busy machine has
 * not collected yet.
 */
const MOST_BYTES = 32_768;

const { stdout } = await run('sh', ['-c', 'ulimit -n']);
const limit = Number(stdout.trim()) || Number.POSITIVE_INFINITY;
const count = Math.min(WANTED, Math.floor((limit - 1_000) / 2));
const tsuji = await startTsuji({ after }, { workers: 2 });

exchangeTest(`${count} idle WebSockets stay open, take little memory, and still speak`, tsuji, async (t) => {
  const server = await startRawServer(t, (connection) => {
    connection.socket.once('data', () => {
      const head = connection.received;
      connection.received = '';
      connection.send(accept(head));
    });
  });
  const host = await addRoute(tsuji, [server.url]);
  const open = async (): Promise<RawConnection> => {
    const client = await rawClient(t, tsuji.port);
    client.send(handshake(host));
    await client.until('\r\n\r\n');
    return client;
  };
  // The first of them load what all of them need.
  const clients = [await open(), await open(), await open(), await open()];
  const before = await residentBytes(tsuji);
  while (clients.length < count) {
    const more = Math.min(AT_ONCE, count - clients.length);
    clients.push(...(await Promise.all(Array.from({ length: more }, open))));
  }
  assert.equal(await openExchanges(tsuji), count);
  const each = ((await residentBytes(tsuji)) - before) / count;
  assert.ok(each < MOST_BYTES, `${Math.round(each)} bytes for each`);
  for (let i = 0; i < count; i += 97) {
    clients[i].send(frame(TEXT, `from ${i}`, true));
  }
  await waitFor(
    () => server.connections.filter((connection) => connection.received !== '').length === Math.ceil(count / 97),
    'all messages',
  );
  server.connections[0].send(frame(PING, 'there?', false));
  const pinged = await nextFrame(clients[0]);
  assert.equal(pinged.opcode, PING);
  assert.equal(clients.filter((client) => client.closed).length, 0);
});
