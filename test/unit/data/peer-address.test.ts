import assert from 'node:assert/strict';
import { isIPv6 } from 'node:net';
import test from 'node:test';
import fc from 'fast-check';
import { ipv6, PeerAddresses, peerText } from '../../../src/data/listener/peer-address.ts';

function peer(bytes: number[]): string {
  return peerText({ getRemoteAddress: () => Uint8Array.from(bytes).buffer } as never);
}

test('IPv4 addresses, plain and mapped into IPv6, are dotted quads', () => {
  assert.equal(peer([127, 0, 0, 1]), '127.0.0.1');
  assert.equal(peer([127, 0, 0, 1]), '127.0.0.1');
  assert.equal(peer([...new Array(10).fill(0), 255, 255, 10, 0, 200, 7]), '10.0.200.7');
});

test('IPv6 addresses are in their short form', () => {
  const of = (text: string): string =>
    ipv6(Uint8Array.from(text.split(':').flatMap((g) => [Number.parseInt(g, 16) >> 8, Number.parseInt(g, 16) & 255])));
  assert.equal(of('0:0:0:0:0:0:0:1'), '::1');
  assert.equal(of('2001:db8:0:0:1:0:0:1'), '2001:db8::1:0:0:1');
  assert.equal(of('2001:db8:0:1:1:1:1:1'), '2001:db8:0:1:1:1:1:1');
  assert.equal(of('fe80:0:0:0:0:0:0:0'), 'fe80::');
  assert.equal(of('0:0:0:0:0:0:0:0'), '::');
});

test('whatever the bytes, the text is an address that means them', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
      const text = ipv6(bytes);
      assert.ok(isIPv6(text), text);
      const host = new URL(`http://[${text}]/`).hostname;
      assert.equal(host, `[${text}]`);
    }),
  );
});

test('an address that is not there is the empty text', () => {
  assert.equal(peer([]), '');
});

test('as long as all connections come from one address nobody is asked, and afterwards everybody', () => {
  const peers = new PeerAddresses();
  let asked = 0;
  const response = (...bytes: number[]): Parameters<typeof peerText>[0] => {
    const getRemoteAddress = (): ArrayBuffer => {
      asked++;
      return Uint8Array.from(bytes).buffer;
    };
    return { getRemoteAddress } as never;
  };
  const first = response(10, 0, 0, 1);
  const other = response(10, 0, 0, 2);
  peers.connected(first);
  peers.connected(first);
  peers.connected(response());
  asked = 0;
  assert.equal(peers.of(first), '10.0.0.1');
  assert.equal(asked, 0);
  peers.connected(other);
  assert.equal(peers.of(other), '10.0.0.2');
  peers.connected(first);
  assert.equal(peers.of(first), '10.0.0.1');
});
