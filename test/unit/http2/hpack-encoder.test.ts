/** What we write as header blocks is read by others (node:http2) and by our own decoder as it was meant. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, performServerHandshake } from 'node:http2';
import { type AddressInfo, connect as connectTcp, createServer, type Socket } from 'node:net';
import test, { type TestContext } from 'node:test';
import fc from 'fast-check';
import { HpackDecoder } from '../../../src/http2/hpack-decoder.ts';
import { HpackEncoder, MAX_QUICK } from '../../../src/http2/hpack-encoder.ts';
import { bytesOf, decodeBlock, linesOf, type Pair } from '../../harness/hpack.ts';
import { END_HEADERS, END_STREAM, FRAME, frame, PREFACE } from '../../harness/http2-frames.ts';

/** Both ends of a connection; they are gone after the test. */
async function connection(t: TestContext): Promise<[server: Socket, client: Socket]> {
  const listener = createServer().listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const client = connectTcp((listener.address() as AddressInfo).port, '127.0.0.1');
  const [server] = (await once(listener, 'connection')) as [Socket];
  for (const socket of [server, client]) {
    socket.on('error', () => {});
    t.after(() => socket.destroy());
  }
  listener.close();
  return [server, client];
}

/** The header blocks that have come on a connection; `next` waits for one more. */
function blocksOn(socket: Socket): { readonly blocks: Buffer[]; next(): Promise<void> } {
  const blocks: Buffer[] = [];
  let bytes = Buffer.alloc(0);
  let at = PREFACE.length;
  socket.on('data', (chunk: Buffer) => {
    bytes = Buffer.concat([bytes, chunk]);
    while (bytes.length - at >= 9 && bytes.length - at >= 9 + bytes.readUIntBE(at, 3)) {
      const length = bytes.readUIntBE(at, 3);
      if (bytes[at + 3] === FRAME.headers) blocks.push(bytes.subarray(at + 9, at + 9 + length));
      at += 9 + length;
    }
  });
  const next = async (): Promise<void> => {
    const { length } = blocks;
    while (blocks.length === length) await once(socket, 'data');
  };
  return { blocks, next };
}

const REQUEST: readonly Pair[] = [
  [':method', 'POST'],
  [':scheme', 'https'],
  [':authority', 'a.example:8080'],
  [':path', '/a?b=c'],
];

test('node reads the requests that we write, one after the other', async (t) => {
  const [server, client] = await connection(t);
  const session = performServerHandshake(server);
  client.resume().write(Buffer.concat([Buffer.from(PREFACE), frame(FRAME.settings, 0, 0)]));
  const encoder = new HpackEncoder();
  const fields: Pair[] = [
    ['content-type', 'application/grpc'],
    ['te', 'trailers'],
    ['x', ''],
    ['user-agent', 'v'.repeat(126)],
    ['x-long', 'v'.repeat(127)],
    ['x-longer', 'v'.repeat(5_000)],
    [`x-${'n'.repeat(200)}`, 'v'],
    ['x-latin', 'caf\xe9'],
  ];
  for (const id of [1, 3]) {
    const block = bytesOf((out) => {
      for (const [name, value] of REQUEST) encoder.field(out, name, value);
      encoder.lines(out, `ignored\r\n${linesOf(fields)}`, 9);
    });
    client.write(frame(FRAME.headers, END_HEADERS | END_STREAM, id, block));
    const [, , , raw] = (await once(session, 'stream')) as [object, object, number, string[]];
    assert.deepEqual(raw, [...REQUEST, ...fields].flat());
  }
});

test('node reads the responses that we write', async (t) => {
  const [server, client] = await connection(t);
  const session = connect('http://a', { createConnection: () => client });
  const requests = blocksOn(server);
  server.write(frame(FRAME.settings, 0, 0));
  const encoder = new HpackEncoder();
  let id = 1;
  for (const status of [200, 204, 304, 404, 418, 503]) {
    const request = session.request({ ':path': '/' }, { endStream: true });
    await requests.next();
    const block = bytesOf((out) => {
      encoder.status(out, status);
      encoder.lines(out, 'Content-Type: text/plain\r\nSet-Cookie: a=b\r\nSERVER:  x \r\nX-Empty:', 0);
    });
    server.write(frame(FRAME.headers, END_HEADERS | END_STREAM, id, block));
    const [, , raw] = (await once(request, 'response')) as [object, number, string[]];
    const fields = ['content-type', 'text/plain', 'set-cookie', 'a=b', 'server', 'x', 'x-empty', ''];
    assert.deepEqual(raw, [':status', String(status), ...fields]);
    id += 2;
  }
  session.destroy();
});

test('the first block tells that no table is used, the others do not repeat it', () => {
  const encoder = new HpackEncoder();
  assert.equal(bytesOf((out) => encoder.status(out, 200)).toString('hex'), '2088');
  assert.equal(bytesOf((out) => encoder.status(out, 200)).toString('hex'), '88');
  assert.equal(bytesOf((out) => encoder.status(out, 999)).toString('hex'), '0803393939');
});

test('fields of one connection are left out, however they are written', () => {
  for (const name of ['Connection', 'keep-alive', 'Proxy-Connection', 'TRANSFER-ENCODING', 'upgrade']) {
    const encoder = new HpackEncoder();
    const block = bytesOf((out) => {
      encoder.lines(out, `A: 1\r\n${name}: x\r\nB: 2\r\n`, 0);
      encoder.field(out, name.toLowerCase(), 'x');
    });
    assert.deepEqual(decodeBlock(block), [
      ['a', '1'],
      ['b', '2'],
    ]);
  }
});

test('a line that is no field is left out', () => {
  const block = bytesOf((out) => new HpackEncoder().lines(out, 'nothing\r\n: x\r\nA:1\r\n\r\nb: 2', 0));
  assert.deepEqual(decodeBlock(block), [
    ['a', '1'],
    ['b', '2'],
  ]);
});

test('a long head is written whole', () => {
  const fields: Pair[] = [
    ['x-a', 'v'.repeat(MAX_QUICK)],
    ['content-type', 'w'.repeat(60_000)],
    ['te', 'trailers'],
  ];
  assert.deepEqual(decodeBlock(bytesOf((out) => new HpackEncoder().lines(out, linesOf(fields), 0))), fields);
});

const NAME = fc.oneof(
  fc.stringMatching(/^[a-z0-9!#$%&'*+.^_`|~-]{1,20}$/),
  fc.constantFrom('content-type', 'date', 'server', 'set-cookie', 'te', 'www-authenticate', 'n'.repeat(130)),
);
const VALUE = fc.oneof(
  fc.stringMatching(/^[!-~\x80-\xff]([ -~\t]{0,40}[!-~])?$/),
  fc.constantFrom('', 'v'.repeat(126), 'v'.repeat(127), 'v'.repeat(254), 'v'.repeat(255), 'v'.repeat(2_000)),
);
const HOP_BY_HOP = /^(connection|keep-alive|proxy-connection|transfer-encoding|upgrade)$/;

test('whatever the fields, our decoder reads what we write, and a short head needs no more room than it has', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(NAME, VALUE)), (fields) => {
      const expected = fields.filter(([name]) => !HOP_BY_HOP.test(name));
      const text = linesOf(fields).replace(/^[a-z]/gm, (letter) => letter.toUpperCase());
      const block = bytesOf((out) => new HpackEncoder().lines(out, text, 0));
      assert.deepEqual(decodeBlock(block), expected);
      if (text.length <= MAX_QUICK) assert.ok(block.length <= text.length + (text.length >> 7) + 2);
      const single = bytesOf((out) => {
        const encoder = new HpackEncoder();
        for (const [name, value] of fields) encoder.field(out, name, value);
      });
      assert.deepEqual(decodeBlock(single), expected);
    }),
  );
});

test('our decoder reads what node writes, with its table and its Huffman code', async (t) => {
  const [server, client] = await connection(t);
  const session = connect('http://a', { createConnection: () => client });
  const { blocks, next } = blocksOn(server);
  server.write(frame(FRAME.settings, 0, 0));
  const sent: Pair[][] = [];
  for (let i = 0; i < 60; i++) {
    const fields: Pair[] = [
      ['user-agent', 'Mozilla/5.0 (X11; Linux x86_64)'],
      ['x-number', String(i)],
      [`x-name-${i % 7}`, 'v'.repeat(i * 11)],
      ['x-latin', '\xe9\xff\x80'],
    ];
    const all: Pair[] = [[':method', 'GET'], [':authority', 'a'], [':scheme', 'http'], [':path', `/${i}`], ...fields];
    sent.push(all);
    session.request(all.flat(), { endStream: true }).on('error', () => {});
  }
  while (blocks.length < sent.length) await next();
  const decoder = new HpackDecoder();
  const read = blocks.map((block) => decodeBlock(block, decoder));
  assert.deepEqual(read, sent);
  session.destroy();
});
