/**
 * The client's address as text. uWebSockets gives it per request as bytes (4 or 16) or as text that has to be put
 * together and decoded anew each time; the bytes and a small map are half as dear.
 */
import type { HttpResponse } from './uws.ts';

/** Clients remembered per worker; beyond that the map starts anew. */
const MAX_KNOWN = 16_384;
/** Words of an IPv4 address that came in over an IPv6 socket: ::ffff:a.b.c.d, in the byte order of the network. */
const MAPPED = new Uint32Array(Uint8Array.from([0, 0, 0xff, 0xff]).buffer)[0];

const known = new Map<number, string>();
const quad = new Uint8Array(4);
const quadWord = new Uint32Array(quad.buffer);

function ipv4(word: number): string {
  const text = known.get(word);
  if (text !== undefined) return text;
  quadWord[0] = word;
  const made = quad.join('.');
  if (known.size >= MAX_KNOWN) known.clear();
  known.set(word, made);
  return made;
}

/** RFC 5952: no leading zeros, the longest run of two or more zero groups as `::`. */
export function ipv6(bytes: Uint8Array): string {
  const groups: number[] = [];
  for (let i = 0; i < 16; i += 2) groups.push((bytes[i] << 8) | bytes[i + 1]);
  let bestAt = -1;
  let bestLength = 1;
  for (let at = 0; at < 8; at++) {
    let length = 0;
    while (at + length < 8 && groups[at + length] === 0) length++;
    if (length > bestLength) {
      bestAt = at;
      bestLength = length;
    }
  }
  const hex = (from: number, to: number): string =>
    groups
      .slice(from, to)
      .map((group) => group.toString(16))
      .join(':');
  return bestAt < 0 ? hex(0, 8) : `${hex(0, bestAt)}::${hex(bestAt + bestLength, 8)}`;
}

/** '' when the connection is gone. */
export function peerText(response: HttpResponse): string {
  const address = response.getRemoteAddress();
  if (address.byteLength === 4) return ipv4(new Uint32Array(address)[0]);
  if (address.byteLength !== 16) return '';
  const words = new Uint32Array(address);
  if (words[0] === 0 && words[1] === 0 && words[2] === MAPPED) return ipv4(words[3]);
  return ipv6(new Uint8Array(address));
}

/**
 * The addresses that the connections of one listener come from. Each question costs a system call and a block of memory
 * (6 % of a small request together, bench/README.md), and as long as all come from one address, as behind another balancer, the answer is
 * known.
 */
export class PeerAddresses {
  /** '' before the first connection. */
  private only = '';
  private several = false;

  /** A connection was accepted. */
  connected(response: HttpResponse): void {
    if (this.several) return;
    // One that is gone already sends no request.
    const text = peerText(response);
    if (this.only === '') this.only = text;
    else if (text !== '' && text !== this.only) this.several = true;
  }

  /** As text; '' when the connection is gone. */
  of(response: HttpResponse): string {
    return this.several || this.only === '' ? peerText(response) : this.only;
  }
}
