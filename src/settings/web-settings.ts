/**
 * Where the dashboard, the API, ping and the metrics are served, and who is let in (shared/spec cli-api §2.4, §5.1). They
 * have one address of their own. What its author wrote to close it is kept or ends the start: to serve without it would
 * open the pages to everybody.
 */
import type { EntryPoint, EntryPointTls } from '../kernel/entrypoint-options.ts';
import { TsujiError } from '../kernel/errors.ts';
import { quoted } from '../kernel/quote.ts';
import type { AuthOptions, User } from '../middlewares/auth.ts';
import { type Address, parseAddress, sameAddress } from './address.ts';
import { refuse } from './entrypoint-text.ts';
import type { Given } from './given.ts';
import type { Warn } from './setting-warning.ts';
import type { WebSettings } from './settings.ts';

/** The entrypoint that Traefik 1.7 makes for these pages, unless one of this name is defined. */
const WEB_ENTRY_POINT = 'traefik';
/** Sections that name the entrypoint that serves them. */
const PLACED = ['api', 'ping', 'metrics.prometheus'];
const SECTIONS = ['web', ...PLACED];
const TAIL_WORDS = ['on', 'full', 'off'] as const;
/** A name, a domain with a dot in front, or `*`. */
const HOST_NAME = /^(?:\*|\.?[a-z0-9_](?:[a-z0-9._-]{0,251}[a-z0-9_])?)$/;

function bad(flag: string, reason: string): TsujiError {
  return new TsujiError('BAD_SETTING', `--${flag}: ${reason}`);
}

function fillHosts(given: Given): string[] {
  return given.list('web.hosts').map((text) => {
    const name = text.toLowerCase();
    if (!HOST_NAME.test(name)) {
      throw bad('web.hosts', `${quoted(text)} is no name: write lb.example.com, .example.com or *`);
    }
    return name;
  });
}

const SIZE = /^(\d{1,6})(?:mb)?$/i;
const MEGABYTE = 1_000_000;

function fillHistory(given: Given): number {
  const text = given.text('web.history');
  const [, size] = SIZE.exec(text) ?? [];
  if (size === undefined) throw bad('web.history', `${quoted(text)} is no size: write 64MB, or 0 for no history`);
  return Number(size) * MEGABYTE;
}

/** The entrypoint that all sections which are on ask for. */
function entryPointName(given: Given): string {
  let name: string | null = null;
  let saidBy = '';
  for (const section of PLACED.filter((placed) => given.enabled(placed))) {
    const flag = `${section}.entryPoint`;
    const wanted = given.text(flag);
    if (name !== null && wanted !== name) {
      throw bad(flag, `${quoted(wanted)}, but ${saidBy} is ${quoted(name)}: tsuji has one address for all its pages`);
    }
    name = wanted;
    saidBy = `--${flag}`;
  }
  return name ?? WEB_ENTRY_POINT;
}

/** The entrypoint of the pages as it was defined; undefined when it is the one that nobody needs to define. */
function findOwn(given: Given, name: string, defined: readonly EntryPoint[]): EntryPoint | undefined {
  const own = defined.find((entryPoint) => entryPoint.name === name);
  if (name === WEB_ENTRY_POINT) return own;
  const flag = `${PLACED.find((section) => given.enabled(section))}.entryPoint`;
  if (own === undefined) {
    const names = defined.map((entryPoint) => entryPoint.name).join(', ');
    throw bad(flag, `${quoted(name)} is no entrypoint; there is ${names}`);
  }
  if (given.list('defaultEntryPoints').includes(name)) {
    throw bad(flag, `${name} serves frontends; tsuji's pages need an entrypoint of their own`);
  }
  return own;
}

/** What cannot be kept of its entrypoint. Its engine and its compression are ours to choose for the pages. */
function checkOwn(own: EntryPoint, others: readonly EntryPoint[], warn: Warn): void {
  const { name, auth, proxyProtocol, redirect } = own;
  if (others.length === 0) throw bad('entryPoints', `${name} serves the dashboard; define one more for the frontends`);
  if (auth !== null && usersOf(own) === null)
    refuse(name, "Auth: tsuji's pages, which this entrypoint serves, have basic auth only", 'Auth');
  if (auth !== null && (auth as AuthOptions).headerField !== '')
    warn(`entryPoints.${name}.Auth.HeaderField`, "it is ignored, because tsuji's pages tell nobody who asks");
  if (proxyProtocol !== null)
    refuse(name, "ProxyProtocol: tsuji's pages, which this entrypoint serves, cannot read it");
  if (redirect !== null)
    warn(`entryPoints.${name}.Redirect`, "it is ignored, because tsuji's pages are not redirected");
  const redirecting = others.find((other) => other.redirect?.entryPoint === name);
  if (redirecting !== undefined) refuse(redirecting.name, `Redirect.EntryPoint: ${name} serves tsuji's pages only`);
}

/** null: it asks for no basic auth. */
function usersOf({ auth }: EntryPoint): readonly User[] | null {
  const how = (auth as AuthOptions | null)?.how;
  return how?.kind === 'basic' ? how.users : null;
}

/** `web.certFile` comes before the certificates of the entrypoint. */
function fillTls(given: Given, own: EntryPoint | undefined): EntryPointTls | null {
  const [cert, key] = [given.text('web.certFile'), given.text('web.keyFile')];
  const tls = own?.tls ?? null;
  if (cert === '' && key === '') return tls;
  if (cert === '') throw bad('web.keyFile', 'there is no --web.certFile');
  if (key === '') throw bad('web.certFile', 'there is no --web.keyFile');
  const pair = { cert, key };
  if (tls !== null) return { ...tls, certificates: [pair, ...tls.certificates] };
  return {
    certificates: [pair],
    minVersion: 'TLSv1.2',
    cipherSuites: [],
    sniStrict: false,
    defaultCertificate: null,
    clientCA: null,
  };
}

function fillPath(given: Given): string {
  const path = given
    .text('web.path')
    .split('/')
    .filter((part) => part !== '')
    .join('/');
  if (/[^\x21-\x7e]|[?#]/.test(path)) {
    throw bad('web.path', 'it may hold visible ASCII characters without ? and # only');
  }
  return path === '' ? '/' : `/${path}/`;
}

/** Nobody but this host, unless somebody says otherwise: an entrypoint, `--web.address`, or the image for all its containers. */
function fillAddress(
  given: Given,
  own: EntryPoint | undefined,
): { readonly flag: string; readonly text: string; readonly address: Address } {
  const flag = given.has('web.address') ? 'web.address' : 'admin.defaultAddress';
  const text = own === undefined || given.has('web.address') ? given.text(flag) : own.address;
  const address = parseAddress(text);
  if (typeof address === 'string') throw bad(flag, address);
  return { flag, text, address };
}

function fillTail(given: Given): WebSettings['tail'] {
  const text = given.text('web.tail');
  const word = TAIL_WORDS.find((each) => each === text);
  if (word === undefined) throw bad('web.tail', `${quoted(text)} is none of ${TAIL_WORDS.join(', ')}`);
  return word;
}

/** Whoever asks for ping or the metrics alone opens nothing else. */
function fillPages(given: Given): WebSettings['pages'] {
  if (given.enabled('web') || given.enabled('api')) return 'all';
  return given.enabled('metrics.prometheus') ? 'metrics' : 'ping';
}

/**
 * `web` is null when none of the sections is on, or when the entrypoint that guards the pages could not be used. Otherwise
 * the entrypoint `traefik`, or the one that the sections name, is the address of these pages, with its protections, and no
 * entrypoint of frontends; `--web.address` wins over its address.
 * @throws TsujiError BAD_SETTING or BAD_ENTRY_POINT
 */
export function fillWeb(
  given: Given,
  defined: readonly EntryPoint[],
  warn: Warn,
): { web: WebSettings | null; entryPoints: readonly EntryPoint[] } {
  const off = { web: null, entryPoints: defined };
  if (given.isWebDropped || !SECTIONS.some((section) => given.enabled(section))) return off;
  const name = entryPointName(given);
  if (given.isDropped(name)) return off;
  const own = findOwn(given, name, defined);
  const entryPoints = defined.filter((entryPoint) => entryPoint !== own);
  if (own !== undefined) checkOwn(own, entryPoints, warn);
  const { flag, text, address } = fillAddress(given, own);
  const other = entryPoints.find((entryPoint) => sameAddress(entryPoint, address));
  if (other !== undefined) throw bad(flag, `${text} is the address of the entrypoint ${other.name} already`);
  const web: WebSettings = {
    address: text,
    host: address.host,
    port: address.port,
    path: fillPath(given),
    pages: fillPages(given),
    dashboard: given.boolean('api.dashboard'),
    hosts: fillHosts(given),
    historyBytes: fillHistory(given),
    tail: fillTail(given),
    tls: fillTls(given, own),
    whiteList: own?.whiteList ?? null,
    users: own === undefined ? null : usersOf(own),
    forwardedHeaders: own?.forwardedHeaders ?? { insecure: true, trustedIPs: [] },
  };
  return { web, entryPoints };
}
