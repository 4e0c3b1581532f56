import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { IpRanges, plainAddress, rangeProblem } from '../../../src/kernel/ip-ranges.ts';

test('an address is in the range that holds it, whatever bits of the host are written', () => {
  const ranges = new IpRanges(['10.1.2.3/8', '192.168.0.1', 'fe80::1/10', '::1']);
  for (const address of ['10.255.0.1', '192.168.0.1', 'fe80::22', '::1', '::ffff:10.0.0.1']) {
    assert.equal(ranges.contains(address), true, address);
  }
  for (const address of ['11.0.0.1', '192.168.0.2', 'fd00::1', '::2', '', 'x', '10.0.0', '10.0.0.1, 10.0.0.2']) {
    assert.equal(ranges.contains(address), false, address);
  }
});

test('a range of no bits holds its whole family', () => {
  const ranges = new IpRanges(['0.0.0.0/0']);
  assert.equal(ranges.contains('203.0.113.9'), true);
  assert.equal(ranges.contains('2001:db8::1'), false);
});

test('what is no address and no range gets a reason', () => {
  for (const text of ['', '/8', '10.0.0', '10.0.0.1/', '10.0.0.1/33', '::1/129', '::1/0x8', 'a/8', 'fe80::1%eth0']) {
    assert.notEqual(rangeProblem(text), '', text);
  }
});

test('any IPv4 range holds exactly the addresses that share its bits', () => {
  const word = fc.integer({ min: 0, max: 0xffffffff });
  const textOf = (value: number): string => [24, 16, 8, 0].map((shift) => (value >>> shift) & 0xff).join('.');
  fc.assert(
    fc.property(word, word, fc.integer({ min: 0, max: 32 }), (one, other, bits) => {
      const same = bits === 0 || one >>> (32 - bits) === other >>> (32 - bits);
      assert.equal(rangeProblem(`${textOf(one)}/${bits}`), '');
      assert.equal(new IpRanges([`${textOf(one)}/${bits}`]).contains(textOf(other)), same);
    }),
  );
});

test('an address of IPv4 has one text, however IPv6 dresses it', () => {
  for (const address of [
    '203.0.113.9',
    '::ffff:203.0.113.9',
    '::FFFF:203.0.113.9',
    '::ffff:cb00:7109',
    '::FFFF:CB00:7109',
  ])
    assert.equal(plainAddress(address), '203.0.113.9', address);
  for (const address of ['', '::1', '2001:db8::1', '::ffff:1', '::ffff:0:cb00:7109', 'fe80::1%eth0'])
    assert.equal(plainAddress(address), address);
});
