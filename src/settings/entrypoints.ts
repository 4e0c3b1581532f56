/**
 * The value of `--entryPoints`: blank-separated `Key:value`, keys in any case, the value is all after the first colon
 * (shared/spec cli-api §3).
 *
 * An option that guards an entrypoint and that we cannot honour is refused: to serve without it would open what its
 * author meant to close. One that only changes how things look is accepted with a warning.
 */
import { TsujiError } from '../kernel/errors.ts';
import { nearestName } from '../kernel/nearest.ts';
import { parseAddress, sameAddress } from './address.ts';
import { quoted } from './flag-values.ts';
import type { EntryPoint } from './settings.ts';

/** As many as the bit mask of a frontend has bits. */
export const MAX_ENTRY_POINTS = 32;

/** `guard`: refused when it asks for anything; `look`: a warning then. */
const OPTIONS: ReadonlyMap<string, 'guard' | 'look'> = new Map([
  ['Compress', 'look'],
  ...[
    'TLS TLS.MinVersion TLS.CipherSuites TLS.SniStrict TLS.DefaultCertificate.Cert TLS.DefaultCertificate.Key',
    'CA CA.Optional Redirect.EntryPoint Redirect.Regex Redirect.Replacement Redirect.Permanent',
    'WhiteList.SourceRange WhiteList.UseXForwardedFor WhiteListSourceRange',
    'ProxyProtocol.TrustedIPs ProxyProtocol.Insecure ForwardedHeaders.TrustedIPs',
    'Auth.Basic.Users Auth.Basic.RemoveHeader Auth.Digest.Users Auth.Digest.RemoveHeader Auth.HeaderField',
    'Auth.Forward.Address Auth.Forward.AuthResponseHeaders Auth.Forward.TrustForwardHeader Auth.Forward.TLS.CA',
    'Auth.Forward.TLS.CAOptional Auth.Forward.TLS.Cert Auth.Forward.TLS.Key Auth.Forward.TLS.InsecureSkipVerify',
  ].flatMap((names) => names.split(' ').map((name) => [name, 'guard'] as const)),
]);
const OPTION_NAMES = ['Name', 'Address', 'ForwardedHeaders.Insecure', ...OPTIONS.keys()];
const SPELLINGS: ReadonlyMap<string, string> = new Map(OPTION_NAMES.map((name) => [name.toLowerCase(), name]));

const ON_TEXTS = new Set(['true', 'enable', 'on']);
const OFF_TEXTS = new Set(['false', 'disable', 'off', '']);

/** Names the entrypoint and not its whole text, which may hold the users of Auth.Basic. */
function refuse(name: string, reason: string): never {
  throw new TsujiError('BAD_ENTRY_POINT', `--entryPoints: ${name === '' ? '' : `${quoted(name)}: `}${reason}`);
}

/** Option name in the spec's spelling → value. Later duplicates win. `TLS` alone has no colon and no value. */
function readOptions(text: string): Map<string, string> {
  const options = new Map<string, string>();
  for (const word of text.split(/\s+/).filter((part) => part !== '')) {
    const colon = word.indexOf(':');
    const given = colon === -1 ? word : word.slice(0, colon);
    const name = SPELLINGS.get(given.toLowerCase());
    if (name === undefined) {
      const near = nearestName(given, OPTION_NAMES);
      refuse('', `unknown option ${quoted(given)}${near === null ? '' : `; did you mean ${near}?`}`);
    }
    if (colon === -1 && name !== 'TLS') refuse('', `${name} needs a value: ${name}:…`);
    options.set(name, colon === -1 ? 'true' : word.slice(colon + 1));
  }
  return options;
}

/**
 * One entrypoint.
 * @param warn takes one line for each option that is accepted but does nothing yet
 * @throws TsujiError BAD_ENTRY_POINT, naming the option and why
 */
export function parseEntryPoint(text: string, warn: (line: string) => void): EntryPoint {
  const options = readOptions(text);
  const name = options.get('Name') ?? '';
  const address = options.get('Address') ?? '';
  if (name === '') refuse('', 'an entrypoint has no name: write Name:http');
  if (address === '') refuse(name, 'it has no address: write Address::80');
  const parsed = parseAddress(address);
  if (typeof parsed === 'string') refuse(name, `Address ${parsed}`);

  // All forwarded fields are trusted, which is what Insecure:true (the default) asks for; all other texts mean false.
  const insecure = options.get('ForwardedHeaders.Insecure');
  if (insecure !== undefined && !ON_TEXTS.has(insecure.toLowerCase())) {
    refuse(name, `ForwardedHeaders.Insecure:${insecure} is not supported yet: X-Forwarded-* is trusted from everybody`);
  }
  for (const [option, effect] of OPTIONS) {
    const value = options.get(option);
    if (value === undefined || (option !== 'TLS' && OFF_TEXTS.has(value.toLowerCase()))) continue;
    if (effect === 'guard')
      refuse(name, `${option} is not supported yet, and it would not be safe to serve without it`);
    warn(`--entryPoints: ${option} of ${name} is accepted, but not supported yet`);
  }
  return { name, address, host: parsed.host, port: parsed.port };
}

/**
 * All entrypoints, in the order of their first mention. Of two with one name the later one wins.
 * @throws TsujiError BAD_ENTRY_POINT
 */
export function parseEntryPoints(texts: readonly string[], warn: (line: string) => void): EntryPoint[] {
  const byName = new Map<string, EntryPoint>();
  for (const text of texts) {
    const entryPoint = parseEntryPoint(text, warn);
    byName.set(entryPoint.name, entryPoint);
  }
  const entryPoints = [...byName.values()];
  if (entryPoints.length > MAX_ENTRY_POINTS) {
    throw new TsujiError('BAD_ENTRY_POINT', `--entryPoints: ${entryPoints.length} are more than ${MAX_ENTRY_POINTS}`);
  }
  for (const [index, one] of entryPoints.entries()) {
    // The system would let them share the port, and each would get some of the connections.
    const other = entryPoints.slice(0, index).find((earlier) => sameAddress(earlier, one));
    if (other !== undefined) {
      throw new TsujiError(
        'BAD_ENTRY_POINT',
        `--entryPoints: ${other.name} and ${one.name} both listen on ${one.address}`,
      );
    }
  }
  return entryPoints;
}
