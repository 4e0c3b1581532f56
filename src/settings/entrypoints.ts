/**
 * What is written of an entrypoint → the entrypoint, or why not (shared/spec cli-api §3).
 *
 * An option that guards an entrypoint and that we cannot honour is refused: to serve without it would open what its
 * author meant to close.
 */
import type {
  Engine,
  EntryPoint,
  RedirectOptions,
  TrustOptions,
  WhiteListOptions,
} from '../kernel/entrypoint-options.ts';
import { reasonOf, TsujiError } from '../kernel/errors.ts';
import { nearestName } from '../kernel/nearest.ts';
import { quoted, shortened } from '../kernel/quote.ts';
import { compileRegex } from '../kernel/regex.ts';
import { parseAddress, sameAddress } from './address.ts';
import { fillAuth } from './entrypoint-auth.ts';
import { PATH_NAMES } from './entrypoint-paths.ts';
import { type EntryPointText, LIST_OPTIONS, readEntryPointText, refuse } from './entrypoint-text.ts';
import { fillEntryPointTls } from './entrypoint-tls.ts';
import { OptionReader } from './option-reader.ts';
import type { Warn } from './setting-warning.ts';
import { checkUwsTls } from './uws-tls.ts';

/** As many as the bit mask of a frontend has bits. */
export const MAX_ENTRY_POINTS = 32;

function fillRedirect(options: OptionReader, warn: Warn): RedirectOptions | null {
  const [entryPoint, regex, replacement] = ['EntryPoint', 'Regex', 'Replacement'].map((part) =>
    options.text(`Redirect.${part}`),
  );
  const permanent = options.boolean('Redirect.Permanent');
  if (entryPoint !== '') {
    if (regex !== '') warn(options.settingOf('Redirect.Regex'), 'it is ignored: Redirect.EntryPoint wins');
    return { entryPoint, regex: '', replacement: '', permanent };
  }
  if (regex === '' && replacement === '') {
    const asked = ['Permanent', 'EntryPoint', 'Regex', 'Replacement'].find((part) => options.asks(`Redirect.${part}`));
    if (asked !== undefined || options.has('Redirect')) options.refuse(`Redirect.${asked ?? 'EntryPoint'}`, 'whereto?');
    return null;
  }
  if (regex === '') options.refuse('Redirect.Replacement', 'there is no Redirect.Regex');
  if (replacement.includes('{{')) options.refuse('Redirect.Replacement', 'templates ({{…}}) are not supported');
  if (replacement === '') options.refuse('Redirect.Regex', 'there is no Redirect.Replacement');
  try {
    compileRegex(regex);
  } catch (error) {
    options.refuse('Redirect.Regex', `${quoted(regex)}: ${reasonOf(error)}`);
  }
  return { entryPoint, regex, replacement, permanent };
}

/** Without a range there is nothing to compare with, as in the original. */
function fillWhiteList(options: OptionReader, warn: Warn): WhiteListOptions | null {
  const own = options.ranges('WhiteList.SourceRange');
  const older = options.ranges('WhiteListSourceRange');
  if (own.length > 0 && older.length > 0)
    options.refuse('WhiteListSourceRange', 'WhiteList.SourceRange is given as well');
  const sourceRange = own.length > 0 ? own : older;
  const useXForwardedFor = options.boolean('WhiteList.UseXForwardedFor');
  if (sourceRange.length > 0) return { sourceRange, useXForwardedFor };
  if (useXForwardedFor) warn(options.settingOf('WhiteList.UseXForwardedFor'), 'it means nothing without a list');
  return null;
}

/** Everybody is trusted by default; a list of whom to trust ends that. */
function fillForwardedHeaders(options: OptionReader): TrustOptions {
  const trustedIPs = options.ranges('ForwardedHeaders.TrustedIPs');
  const given = options.has('ForwardedHeaders.Insecure');
  const insecure = given ? options.boolean('ForwardedHeaders.Insecure') : !options.has('ForwardedHeaders.TrustedIPs');
  return { insecure, trustedIPs };
}

function fillProxyProtocol(options: OptionReader): TrustOptions | null {
  if (!options.has('ProxyProtocol.TrustedIPs') && !options.has('ProxyProtocol.Insecure')) return null;
  const trustedIPs = options.ranges('ProxyProtocol.TrustedIPs');
  const insecure = options.boolean('ProxyProtocol.Insecure');
  if (!insecure && trustedIPs.length === 0) {
    options.refuse('ProxyProtocol', 'whom to believe? Give TrustedIPs, or Insecure:true for everybody');
  }
  return { insecure, trustedIPs };
}

/** As they may be written: before there was one of our own, `node` was the other one. */
const ENGINES: ReadonlyMap<string, Engine> = new Map([
  ['uws', 'uws'],
  ['tsuji', 'tsuji'],
  ['node', 'tsuji'],
]);

/** `needsOurs`: the option that uWebSockets does not have, '' for none. */
function fillEngine(options: OptionReader, needsOurs: string): Engine {
  const text = options.text('Engine');
  if (text === '') return needsOurs === '' ? 'uws' : 'tsuji';
  const engine = ENGINES.get(text.toLowerCase());
  if (engine === undefined) return options.refuse('Engine', `${quoted(text)} is neither uws nor tsuji`);
  if (engine === 'uws' && needsOurs === 'ProxyProtocol') options.refuse('Engine', 'uws has no PROXY protocol');
  return engine;
}

/**
 * One entrypoint.
 * @param warn takes each option that means nothing here
 * @throws TsujiError BAD_ENTRY_POINT, naming the entrypoint, the option and why
 */
export function fillEntryPoint(written: EntryPointText, warn: Warn): EntryPoint {
  const options = new OptionReader(written);
  const { name } = options;
  const address = options.text('Address');
  if (name === '') refuse('', 'an entrypoint has no name: write Name:http');
  if (address === '') refuse(name, 'it has no address: write Address::80', 'Address');
  const parsed = parseAddress(address);
  if (typeof parsed === 'string') refuse(name, `Address ${parsed}`, 'Address');
  for (const path of written.unknown) {
    const near = nearestName(path, PATH_NAMES);
    refuse(name, `unknown option ${quoted(path)}${near === null ? '' : `; did you mean ${near}?`}`, path);
  }
  for (const option of options.names()) {
    // Whoever wrote a list meant to close something; without it everything would be open.
    if (LIST_OPTIONS.has(option) && options.list(option).length === 0) options.refuse(option, 'it is empty');
  }
  const tls = fillEntryPointTls(options, warn);
  const proxyProtocol = fillProxyProtocol(options);
  const engine = fillEngine(options, proxyProtocol !== null ? 'ProxyProtocol' : tls !== null ? 'TLS' : '');
  if (engine === 'uws' && tls !== null) checkUwsTls(options, tls);
  return {
    name,
    address,
    host: parsed.host,
    port: parsed.port,
    engine,
    tls,
    redirect: fillRedirect(options, warn),
    auth: fillAuth(options, warn),
    compress: options.boolean('Compress'),
    whiteList: fillWhiteList(options, warn),
    forwardedHeaders: fillForwardedHeaders(options),
    proxyProtocol,
  };
}

/** What of it keeps somebody out. */
const GUARDS = /^(?:TLS|CA|ClientCAFiles|WhiteList|Auth|ProxyProtocol|ForwardedHeaders)/;

/** May it serve others than its author meant when some of it is left out? What nobody knows may have been meant so. */
export function isGuarded({ options, unknown }: EntryPointText): boolean {
  return unknown.length > 0 || [...options.keys()].some((option) => GUARDS.test(option));
}

/** @throws TsujiError BAD_ENTRY_POINT */
export function parseEntryPoint(text: string, warn: Warn): EntryPoint {
  return fillEntryPoint(readEntryPointText(text), warn);
}

/** A redirect leads to another entrypoint that is there. */
function checkRedirect({ name, redirect }: EntryPoint, names: ReadonlySet<string>): void {
  const target = redirect?.entryPoint ?? '';
  if (target === '') return;
  if (target === name) refuse(name, 'Redirect.EntryPoint: it leads to the entrypoint itself', 'Redirect.EntryPoint');
  if (!names.has(target)) {
    const known = shortened([...names].join(', '));
    refuse(name, `Redirect.EntryPoint: ${quoted(target)} is no entrypoint; there is ${known}`, 'Redirect.EntryPoint');
  }
}

/**
 * What must hold between entrypoints.
 * @throws TsujiError BAD_ENTRY_POINT
 */
export function checkTogether(entryPoints: readonly EntryPoint[]): void {
  if (entryPoints.length > MAX_ENTRY_POINTS) {
    throw new TsujiError('BAD_ENTRY_POINT', `--entryPoints: ${entryPoints.length} are more than ${MAX_ENTRY_POINTS}`);
  }
  const names = new Set(entryPoints.map(({ name }) => name));
  for (const [index, one] of entryPoints.entries()) {
    if (entryPoints.findIndex(({ name }) => name === one.name) < index) {
      refuse(one.name, 'there are two entrypoints of this name');
    }
    // The system would let them share the port, and each would get some of the connections.
    const other = entryPoints.slice(0, index).find((earlier) => sameAddress(earlier, one));
    if (other !== undefined) {
      refuse(one.name, `${other.name} and ${one.name} both listen on ${one.address}`, 'Address');
    }
    checkRedirect(one, names);
  }
}

/**
 * All entrypoints, in the order of their first mention.
 * @throws TsujiError BAD_ENTRY_POINT
 */
export function fillEntryPoints(written: readonly EntryPointText[], warn: Warn): EntryPoint[] {
  if (written.length === 0) refuse('', 'there is none left to listen on');
  const entryPoints = written.map((each) => fillEntryPoint(each, warn));
  checkTogether(entryPoints);
  return entryPoints;
}

/** @throws TsujiError BAD_ENTRY_POINT */
export function parseEntryPoints(texts: readonly string[], warn: Warn): EntryPoint[] {
  return fillEntryPoints(texts.map(readEntryPointText), warn);
}
