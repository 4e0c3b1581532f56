/** Addresses that tsuji listens on: `host:port`, `:port` (all interfaces), `[::1]:port`. */
import { isIP, isIPv6 } from 'node:net';
import { quoted } from '../kernel/quote.ts';

export type Address = {
  /** '' means all interfaces. An IPv6 literal has no brackets. */
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
};

const HOST_NAME = /^[A-Za-z0-9_]([A-Za-z0-9._-]*[A-Za-z0-9_])?$/;
const WILDCARDS = new Set(['', '0.0.0.0', '::']);

function isHost(text: string, bracketed: boolean): boolean {
  if (bracketed) return isIPv6(text);
  // A name of digits and dots only is a mistyped IPv4 address.
  return text === '' || isIP(text) === 4 || (HOST_NAME.test(text) && !/^[0-9.]+$/.test(text));
}

/** The parts, or one sentence that says why it is no address. */
export function parseAddress(text: string): Address | string {
  const parts = /^(?:\[([^\]]*)\]|([^:[\]]*)):([^:]*)$/.exec(text);
  if (parts === null) {
    if (/^[0-9]+$/.test(text)) return `${quoted(text)} has no colon: write :${text} to listen on all interfaces`;
    const split = /^(.*):([0-9]{1,5})$/.exec(text);
    const [bare, port] = split !== null && isIPv6(split[1]) ? split.slice(1) : [text, 'port'];
    if (isIPv6(bare)) {
      return `${quoted(text)} is not an address: an IPv6 address stands in brackets, write [${bare}]:${port}`;
    }
    return `${quoted(text)} is not an address: write host:port, :port or [::1]:port`;
  }
  const [, literal, name, portText] = parts;
  const host = literal ?? name;
  if (!isHost(host, literal !== undefined)) return `${quoted(text)} names no valid host`;
  const port = /^[0-9]{1,5}$/.test(portText) ? Number(portText) : Number.NaN;
  if (!(port <= 65_535)) return `${quoted(text)} has the port ${quoted(portText)}; it must be a number from 0 to 65535`;
  return { host, port };
}

/** Would both listen on the very same address? */
export function sameAddress(one: Address, other: Address): boolean {
  if (one.port !== other.port || one.port === 0) return false;
  return one.host === other.host || (WILDCARDS.has(one.host) && WILDCARDS.has(other.host));
}
