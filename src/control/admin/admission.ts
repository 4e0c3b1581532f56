/**
 * Who may read the admin pages: addresses by the allow list, browsers by the name in the Host field.
 *
 * Whoever owns a name can make it lead to our address and have a browser read our pages as its own (DNS rebinding). So
 * pages are given under names only that no stranger can own: IP addresses, names without a dot, names of this host and of
 * the domains in which it looks names up, and those that `--web.hosts` lists.
 */
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { hostname } from 'node:os';
import { AllowedAddresses } from '../../kernel/allowed-addresses.ts';
import { IpRanges } from '../../kernel/ip-ranges.ts';
import type { WebSettings } from '../../settings/settings.ts';
import type { AdminRequest } from './request.ts';

/** `machines`: by any name for whatever is no browser. */
export type PageAccess = 'machines' | 'guarded';

const HOST = /^[a-z0-9._-]{1,253}$/;

/** Names of this host and, with a dot in front, domains in which everybody is one of ours. */
export function ownNames(web: WebSettings): string[] {
  return [hostname().toLowerCase(), web.host.toLowerCase(), ...searchDomains()].filter((name) => name !== '');
}

function searchDomains(): string[] {
  let text: string;
  try {
    text = readFileSync('/etc/resolv.conf', 'utf8');
  } catch {
    return [];
  }
  const domains: string[] = [];
  for (const line of text.split('\n')) {
    const [keyword, ...names] = line.trim().toLowerCase().split(/\s+/);
    if (keyword === 'search' || keyword === 'domain') domains.push(...names);
  }
  return domains.map((name) => name.replace(/^\.+|\.+$/g, '')).flatMap((name) => (name === '' ? [] : [`.${name}`]));
}

/** `Host` without its port and a dot at its end, in lower case; an IPv6 address without brackets. */
function nameIn(host: string): string {
  const bracketed = /^\[([^\]]*)\](?::\d*)?$/.exec(host);
  if (bracketed !== null) return isIP(bracketed[1]) === 6 ? bracketed[1] : '';
  return host.replace(/:\d*$/, '').replace(/\.$/, '').toLowerCase();
}

/**
 * A page that a browser shows cannot take these off what it has the browser ask. Browsers leave Sec-Fetch-* away where
 * the connection is not encrypted, so that their absence says nothing.
 */
function isBrowser({ fields }: AdminRequest): boolean {
  if (/(?:deflate|br|zstd)/.test(fields.get('accept-encoding') ?? '')) return true;
  return ['origin', 'referer', 'accept-language', 'sec-fetch-site', 'sec-fetch-mode', 'cookie'].some((name) =>
    fields.has(name),
  );
}

export class Admission {
  private readonly allowed: AllowedAddresses | null;
  /** Whose X-Forwarded-For is believed; null: everybody's. */
  private readonly trusted: IpRanges | null;
  private readonly anyName: boolean;
  private readonly names = new Set<string>();
  private readonly domains: string[] = ['.localhost'];

  /** @param own as `ownNames` gives them */
  constructor({ whiteList, forwardedHeaders, hosts }: WebSettings, own: readonly string[]) {
    this.allowed = whiteList === null ? null : new AllowedAddresses(whiteList);
    this.trusted = forwardedHeaders.insecure ? null : new IpRanges(forwardedHeaders.trustedIPs);
    this.anyName = hosts.includes('*');
    for (const name of [...own, ...hosts]) {
      if (name.startsWith('.')) this.domains.push(name);
      else this.names.add(name);
    }
  }

  /** Text of the 403, '' for whoever may ask. `peer`: an address. */
  refusal(request: AdminRequest, peer: string, access: PageAccess): string {
    if (!this.allows(request, peer)) return 'Forbidden';
    const host = request.fields.get('host');
    if (host !== undefined && !this.anyName) {
      const name = nameIn(host);
      if (!this.knows(name) && (access === 'guarded' || isBrowser(request))) return unknownHost(name);
    }
    return comesFromElsewhere(request) ? 'Forbidden: the request comes from a page of another site\n' : '';
  }

  private allows({ fields }: AdminRequest, peer: string): boolean {
    if (this.allowed === null) return true;
    const isTrusted = this.trusted === null || this.trusted.contains(peer);
    return this.allowed.allow(isTrusted ? (fields.get('x-forwarded-for') ?? '') : '', peer);
  }

  private knows(name: string): boolean {
    if (isIP(name) !== 0 || this.names.has(name)) return true;
    if (!HOST.test(name)) return false;
    return !name.includes('.') || this.domains.some((domain) => name.endsWith(domain));
  }
}

function unknownHost(name: string): string {
  if (!HOST.test(name)) return 'Forbidden: the Host field holds no name\n';
  return `Forbidden: ${name} is no name of this host; --web.hosts=${name} lets it in (--web.hosts=* any)\n`;
}

/** A browser says whose page asks for anything but a GET. */
function comesFromElsewhere({ method, fields }: AdminRequest): boolean {
  const origin = fields.get('origin');
  if (origin === undefined || method === 'GET' || method === 'HEAD') return false;
  return URL.parse(origin)?.host !== (fields.get('host') ?? '').toLowerCase();
}
