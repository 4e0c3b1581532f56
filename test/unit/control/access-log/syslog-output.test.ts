import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import test from 'node:test';
import { NOTABLE, USUAL } from '../../../../src/access-log/line-ring.ts';
import { LineBatch } from '../../../../src/control/access-log/line-batch.ts';
import { cutMessage, syslogMessage, TcpSyslog, UdpSyslog } from '../../../../src/control/access-log/syslog-output.ts';
import { createByteRing, RingReader, RingWriter } from '../../../../src/shared/byte-ring.ts';
import { waitFor } from '../../../harness/wait.ts';

const LOCAL0 = 16;
const NOW = new Date(Date.UTC(2026, 0, 2, 3, 4, 5, 678));

function batchOf(lines: readonly (readonly [string, number])[]): LineBatch {
  const ring = createByteRing(65_536, 100, 32_768);
  const writer = new RingWriter(ring);
  for (const [line, tag] of lines) writer.push(Buffer.from(`${line}\n`), tag);
  const batch = new LineBatch();
  batch.fillFrom(new RingReader(ring));
  return batch;
}

test('a message is one of RFC 5424, and its severity says whether there is something to see', () => {
  const message = (tag: number): string => syslogMessage(LOCAL0, tag, NOW, Buffer.from('a line')).toString();
  assert.match(message(USUAL), /^<134>1 2026-01-02T03:04:05\.678Z \S+ tsuji \d+ access - a line$/);
  assert.match(message(NOTABLE), /^<132>1 /);
});

test('a message is cut between two characters', () => {
  assert.equal(cutMessage(Buffer.from('aéb'), 2).toString(), 'a');
  assert.equal(cutMessage(Buffer.from('aéb'), 3).toString(), 'aé');
  assert.equal(cutMessage(Buffer.from('aéb'), 4).toString(), 'aéb');
});

test('over UDP each line is a datagram', async (t) => {
  const server = createSocket('udp4');
  t.after(() => server.close());
  const received: string[] = [];
  server.on('message', (message) => received.push(message.toString()));
  server.bind(0, '127.0.0.1');
  await once(server, 'listening');
  const target = { protocol: 'udp' as const, host: '127.0.0.1', port: server.address().port, facility: LOCAL0 };
  const output = new UdpSyslog(target, () => assert.fail('nothing is lost'));
  t.after(() => output.close());
  await output.open();
  const batch = batchOf([
    ['one', USUAL],
    ['two', NOTABLE],
    ['x'.repeat(20_000), USUAL],
  ]);
  await output.write(batch);
  assert.equal(batch.unwritten, 0);
  await waitFor(() => received.length === 3, 'the datagrams');
  assert.match(received[0], /^<134>1 .* access - one$/);
  assert.match(received[1], /^<132>1 .* access - two$/);
  assert.equal(received[2].length, 8_192);
});

test('over TCP each line has its length before it, and a server that comes back is found again', async (t) => {
  const received: string[] = [];
  const server = createServer((socket) => {
    socket.on('data', (bytes) => received.push(bytes.toString()));
    socket.on('error', () => {});
    t.after(() => socket.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const output = new TcpSyslog({ protocol: 'tcp', host: '127.0.0.1', port, facility: LOCAL0 }, () => {});
  t.after(() => output.close());
  await output.open();
  await output.write(
    batchOf([
      ['one', USUAL],
      ['tw\u00f6', USUAL],
    ]),
  );
  await waitFor(() => received.join('').includes('tw\u00f6'), 'the messages');
  const bytes = Buffer.from(received.join(''));
  const messages: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    const blank = bytes.indexOf(' ', at);
    const end = blank + 1 + Number(bytes.toString('latin1', at, blank));
    messages.push(bytes.toString('utf8', blank + 1, end));
    at = end;
  }
  assert.match(messages.join('|'), /^<134>1 \S+ \S+ tsuji \d+ access - one\|<134>1 \S+ \S+ tsuji \d+ access - twö$/);
  output.close();
  received.length = 0;
  await output.write(batchOf([['three', USUAL]]));
  await waitFor(() => received.join('').includes('three'), 'the next message');
});
