import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { INCOMPLETE, MALFORMED, readProxyHeader } from '../../../../src/data/listener/proxy-header.ts';

const SIGNATURE = '\r\n\r\n\0\r\nQUIT\n';

/** A header of version 2: command, family and transport, what follows. */
function binary(command: number, family: number, rest: readonly number[], announced = rest.length): Buffer {
  return Buffer.concat([
    Buffer.from(SIGNATURE, 'latin1'),
    Buffer.from([command, family, announced >> 8, announced & 0xff, ...rest]),
  ]);
}

const TCP4_REST = [203, 0, 113, 9, 10, 0, 0, 1, 0x12, 0x34, 0, 80];
const TCP6_REST = [0x20, 1, 0xd, 0xb8, ...Array(11).fill(0), 9, ...Array(16).fill(1), 1, 2, 0, 80];

const MAPPED_REST = [...Array(10).fill(0), 0xff, 0xff, 203, 0, 113, 9, ...Array(16).fill(1), 1, 2, 0, 80];

const GOOD: readonly (readonly [string, Buffer, string])[] = [
  ['TCP4', Buffer.from('PROXY TCP4 203.0.113.9 10.0.0.1 4660 80\r\n'), '203.0.113.9'],
  ['TCP6', Buffer.from('PROXY TCP6 2001:db8::9 ::1 65535 0\r\n'), '2001:db8::9'],
  ['TCP6 in another spelling', Buffer.from('PROXY TCP6 2001:DB8:0::0009 ::1 65535 0\r\n'), '2001:db8::9'],
  ['TCP6 for IPv4', Buffer.from('PROXY TCP6 ::FFFF:203.0.113.9 ::ffff:1 1 80\r\n'), '203.0.113.9'],
  ['UNKNOWN', Buffer.from('PROXY UNKNOWN\r\n'), ''],
  ['UNKNOWN with more', Buffer.from('PROXY UNKNOWN ffff::1 ffff::1 1 1\r\n'), ''],
  ['version 2 for TCP4', binary(0x21, 0x11, TCP4_REST), '203.0.113.9'],
  ['version 2 for TCP6', binary(0x21, 0x21, TCP6_REST), '2001:db8::9'],
  ['version 2 for IPv4 as TCP6', binary(0x21, 0x21, MAPPED_REST), '203.0.113.9'],
  ['version 2 with extensions', binary(0x21, 0x11, [...TCP4_REST, 4, 0, 3, 1, 2, 3]), '203.0.113.9'],
  ['version 2, LOCAL', binary(0x20, 0, []), ''],
  ['version 2, LOCAL with addresses', binary(0x20, 0x11, TCP4_REST), ''],
  ['version 2 over a Unix socket', binary(0x21, 0x31, Array(216).fill(0)), ''],
];

for (const [name, header, address] of GOOD) {
  test(`a header of ${name} is read when it is whole, wherever it is cut`, () => {
    const more = Buffer.from('GET / HTTP/1.1\r\n');
    for (let end = 1; end < header.length; end++) {
      assert.equal(readProxyHeader(header.subarray(0, end)), INCOMPLETE, `${end} bytes`);
    }
    for (let end = 0; end <= more.length; end++) {
      const bytes = Buffer.concat([header, more.subarray(0, end)]);
      assert.deepEqual(readProxyHeader(bytes), { length: header.length, address });
    }
  });
}

const BAD_TEXTS = [
  'PROXY TCP4 203.0.113.9 10.0.0.1 4660\r\n',
  'PROXY TCP4 203.0.113.9 10.0.0.1 4660 80 1\r\n',
  'PROXY TCP4  203.0.113.9 10.0.0.1 4660 80\r\n',
  'PROXY TCP4 ::1 ::1 4660 80\r\n',
  'PROXY TCP6 203.0.113.9 10.0.0.1 4660 80\r\n',
  'PROXY TCP4 203.0.113.9 10.0.0.1 4660 65536\r\n',
  'PROXY TCP4 203.0.113.9 10.0.0.1 04660 80\r\n',
  'PROXY TCP6 fe80::1%eth0 ::1 4660 80\r\n',
  'PROXY UDP4 203.0.113.9 10.0.0.1 4660 80\r\n',
  'PROXY \r\n',
  `PROXY TCP4 ${'1'.repeat(107)}`,
];
const BAD: readonly Buffer[] = [
  ...BAD_TEXTS.map((text) => Buffer.from(text)),
  binary(0x11, 0x11, TCP4_REST),
  binary(0x22, 0x11, TCP4_REST),
  binary(0x21, 0x11, TCP4_REST.slice(1)),
  binary(0x21, 0x21, TCP4_REST),
  binary(0x21, 0x11, TCP4_REST, 0xffff),
];

for (const bytes of BAD) {
  test(`${JSON.stringify(bytes.toString('latin1').slice(0, 60))} is malformed`, () => {
    assert.equal(readProxyHeader(bytes), MALFORMED);
    for (let end = 1; end < bytes.length; end++) {
      const cut = readProxyHeader(bytes.subarray(0, end));
      assert.ok(cut === INCOMPLETE || cut === MALFORMED, `${end} bytes: ${JSON.stringify(cut)}`);
    }
  });
}

test('what begins otherwise has no header', () => {
  for (const text of [
    'GET / HTTP/1.1\r\n',
    'PRI * HTTP/2.0',
    'POST /',
    'PROXYX',
    '\x16\x03\x01',
    '\r\n\r\nG',
    'proxy TCP4 ',
  ]) {
    assert.deepEqual(readProxyHeader(Buffer.from(text, 'latin1')), { length: 0, address: '' }, text);
  }
});

test('any bytes give a header, none, or a verdict, and never throw', () => {
  const starts = fc.constantFrom(
    Buffer.alloc(0),
    Buffer.from('PROXY '),
    Buffer.from('PROXY TCP4 '),
    binary(0x21, 0x11, []),
  );
  fc.assert(
    fc.property(starts, fc.uint8Array({ minLength: 1, maxLength: 300 }), (start, rest) => {
      const bytes = Buffer.concat([start, rest]);
      const found = readProxyHeader(bytes);
      if (typeof found === 'object') assert.ok(found.length <= bytes.length);
    }),
  );
});
