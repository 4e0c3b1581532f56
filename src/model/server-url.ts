/**
 * The URL of a server: `scheme://host:port`. Path, query and user of the URL are not used when forwarding
 * (shared/spec kv-schema §3.1). Written by hand, because the URL class mends what an operator should hear about
 * (`http:10.0.0.1`, `http://0x7f.1`, stray blanks).
 */
import { isIPv6 } from 'node:net';
import { quoted } from '../kernel/quote.ts';
import type { ServerScheme } from './model.ts';

export type ServerUrl = {
  /** As written, but for the user: it is shown on pages, in the log and in sticky cookies. */
  readonly url: string;
  /** There is a user in it. */
  readonly hasUser: boolean;
  readonly scheme: ServerScheme;
  /** An IPv6 literal without its brackets. */
  readonly host: string;
  readonly port: number;
  readonly hostHeader: string;
  /** Two URLs of one identity are the same server: scheme, host, port and path. */
  readonly identity: string;
};

const DEFAULT_PORTS: Readonly<Record<ServerScheme, number>> = { http: 80, https: 443, h2c: 80 };

//                 scheme                       user            host                         port         path
const URL_PARTS = /^([A-Za-z][A-Za-z0-9+.-]*):\/\/([^/?#]*@)?(\[[^\]/?#]*\]|[^:/?#[\]]*)(?::([^/?#]*))?([^?#]*)/;

function isServerScheme(text: string): text is ServerScheme {
  return Object.hasOwn(DEFAULT_PORTS, text);
}

/** The host to connect to, or null when the text names none. A zone is written `%25eth0` in a URL (RFC 6874 §2). */
function readHost(text: string): string | null {
  if (!text.startsWith('[')) return /^[A-Za-z0-9._~-]+$/.test(text) ? text : null;
  const address = text.slice(1, -1).replace('%25', '%');
  return isIPv6(address) ? address : null;
}

/** Of a text that is no URL nobody knows where its password ends: all before the last @ is left out. */
function quotedUrl(text: string): string {
  const scheme = /^[A-Za-z][A-Za-z0-9+.-]*:\/\//.exec(text)?.[0] ?? '';
  const user = text.lastIndexOf('@');
  return quoted(user < 0 ? text : `${scheme}***${text.slice(user)}`);
}

/** The parts, or one sentence that says why it is no URL of a server; no password stands in either. */
export function parseServerUrl(url: string): ServerUrl | string {
  if (/[\x00-\x20\x7f]/.test(url)) return `${quotedUrl(url)} contains a blank, a line break or a control character`;
  const parts = URL_PARTS.exec(url);
  if (parts === null) return `${quotedUrl(url)} is not a URL: write scheme://host:port, such as http://10.0.0.1:80`;
  const [matched, schemeText, user, hostText, portText, path] = parts;
  const scheme = schemeText.toLowerCase();
  if (!isServerScheme(scheme)) {
    return `${quotedUrl(url)} has the scheme ${quoted(schemeText)}; http, https and h2c are supported`;
  }
  // What follows the host and is neither port nor path belongs to a host that was not written as one.
  const rest = url.slice(matched.length);
  const endsWell = (path === '' || path.startsWith('/')) && (rest === '' || /^[?#]/.test(rest));
  if (hostText === '' && endsWell) return `${quotedUrl(url)} names no host`;
  const host = readHost(hostText);
  if (host === null || !endsWell) {
    return `${quotedUrl(url)} has no valid host: a name in ASCII, an IPv4 address or an IPv6 address in brackets`;
  }
  const digits = portText ?? '';
  const port = digits === '' ? DEFAULT_PORTS[scheme] : Number(digits);
  if (!/^[0-9]*$/.test(digits) || port < 1 || port > 65_535) {
    const which = url.includes('@') ? 'a port that is none' : `the port ${quoted(digits)}`;
    return `${quotedUrl(url)} has ${which}; it must be a number from 1 to 65535`;
  }
  const hostField = hostText.replace(/%25.*\]$/, ']');
  const at = schemeText.length + 3;
  const userless = user === undefined ? url : url.slice(0, at) + url.slice(at + user.length);
  // A view of the URL, which is kept anyway, is the least of very many.
  const withPort = userless.slice(at, at + hostText.length + 1 + digits.length);
  return {
    url: userless,
    hasUser: user !== undefined,
    scheme,
    host,
    port,
    hostHeader: digits === '' ? hostField : hostField === hostText ? withPort : `${hostField}:${digits}`,
    identity: `${scheme}://${hostText.toLowerCase()}:${port}${path}`,
  };
}
