/** Lists of addresses and CIDR ranges, IPv4 and IPv6. */
import { BlockList, isIP } from 'node:net';

/** Characters: no address is longer, with the name of an interface behind it. */
const MAX_ADDRESS = 64;
const RANGE = /^([^/]*)\/([0-9]{1,3})$/;

/** 4 or 6, 0 for what is no address. As `isIP`, which would look at all of a long text with a regular expression. */
export function addressFamily(text: string): number {
  return text.length > MAX_ADDRESS ? 0 : isIP(text);
}

/** An address of IPv4 in the clothes of IPv6 (RFC 4291 §2.5.5.2). */
const MAPPED = /^::ffff:(?:([0-9]+(?:\.[0-9]+){3})|([0-9a-f]{1,4}):([0-9a-f]{1,4}))$/i;
const COLON = 0x3a;

/** `address`, without them: it has to be the same for lists, limits and servers however it came. */
export function plainAddress(address: string): string {
  if (address.charCodeAt(0) !== COLON) return address;
  const [, dotted, high, low] = MAPPED.exec(address) ?? [];
  if (dotted !== undefined) return dotted;
  if (high === undefined) return address;
  const words = [Number.parseInt(high, 16), Number.parseInt(low, 16)];
  return words.map((word) => `${word >> 8}.${word & 0xff}`).join('.');
}

/** Why the text is neither an address nor a range; '' when it is one. Bits of the host may be set (`10.1.2.3/8`). */
export function rangeProblem(text: string): string {
  const [, address, bits] = RANGE.exec(text) ?? [text, text, '0'];
  const family = isIP(address);
  if (family === 0 || address.includes('%'))
    return `${JSON.stringify(text)} is no IP address and no range like 10.0.0.0/8`;
  return Number(bits) > (family === 4 ? 32 : 128) ? `${JSON.stringify(text)} has more bits than an address` : '';
}

export class IpRanges {
  private readonly list = new BlockList();

  /** Of texts without a `rangeProblem`. */
  constructor(texts: readonly string[]) {
    for (const text of texts) {
      const [, address, bits] = RANGE.exec(text) ?? [text, text, ''];
      const family = isIP(address) === 4 ? 'ipv4' : 'ipv6';
      if (bits === '') this.list.addAddress(address, family);
      else this.list.addSubnet(address, Number(bits), family);
    }
  }

  /** False for what is no address. `::ffff:10.0.0.1` is in 10.0.0.0/8. */
  contains(address: string): boolean {
    const family = addressFamily(address);
    return family !== 0 && this.list.check(address, family === 4 ? 'ipv4' : 'ipv6');
  }
}

/** An address of IPv6 as the text of its first `bits` bits: the same for all of one network. */
export function networkOf(address: string, bits: number): string {
  const [head, tail = ''] = address.split('%', 1)[0].split('::', 2);
  const before = head === '' ? [] : head.split(':');
  const after = tail === '' ? [] : tail.split(':');
  const groups = address.includes('::')
    ? [...before, ...new Array(Math.max(0, 8 - before.length - after.length)).fill('0'), ...after]
    : before;
  let text = '';
  for (let at = 0, left = bits; at < 8 && left > 0; at++, left -= 16) {
    const group = Number.parseInt(groups[at] ?? '0', 16) || 0;
    text += `${(left >= 16 ? group : group & (0xffff << (16 - left))).toString(16)}:`;
  }
  return text;
}
