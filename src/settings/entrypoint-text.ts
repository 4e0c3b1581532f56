/**
 * The value of `--entryPoints`: blank-separated `Key:value`, keys in any case, the value is all after the first colon
 * (shared/spec cli-api §3).
 */
import type { CertificatePair } from '../kernel/entrypoint-options.ts';
import { TsujiError } from '../kernel/errors.ts';
import { nearestName } from '../kernel/nearest.ts';
import { quoted } from '../kernel/quote.ts';

/** An entrypoint as it was written, whatever it was written in. */
export type EntryPointText = {
  readonly name: string;
  /** Option in the spec's spelling → its value; a list has an item each. `TLS` is there when TLS is asked for. */
  readonly options: ReadonlyMap<string, readonly string[]>;
  readonly certificates: readonly CertificatePair[];
  /** What was asked for and is no option, as it was written. */
  readonly unknown: readonly string[];
  /** Option, or what is unknown → where it stands, when it was written as a tree. */
  readonly paths: ReadonlyMap<string, string>;
};

/** It says which option is at fault, '' for none in particular. */
export class EntryPointError extends TsujiError {
  readonly entryPoint: string;
  readonly option: string;

  constructor(entryPoint: string, reason: string, option: string) {
    super('BAD_ENTRY_POINT', `--entryPoints: ${entryPoint === '' ? '' : `${quoted(entryPoint)}: `}${reason}`);
    this.entryPoint = entryPoint;
    this.option = option;
  }
}

/** Their values are split at commas. */
export const LIST_OPTIONS: ReadonlySet<string> = new Set([
  'TLS.CipherSuites',
  'CA',
  'WhiteList.SourceRange',
  'WhiteListSourceRange',
  'ProxyProtocol.TrustedIPs',
  'ForwardedHeaders.TrustedIPs',
  'Auth.Basic.Users',
  'Auth.Digest.Users',
  'Auth.Forward.AuthResponseHeaders',
]);

export const OPTION_NAMES: readonly string[] = [
  ...LIST_OPTIONS,
  ...[
    'Name Address Engine Compress TLS TLS.MinVersion TLS.SniStrict TLS.DefaultCertificate.Cert',
    'TLS.DefaultCertificate.Key CA.Optional Redirect.EntryPoint Redirect.Regex Redirect.Replacement',
    'Redirect.Permanent WhiteList.UseXForwardedFor ProxyProtocol.Insecure ForwardedHeaders.Insecure',
    'Auth.Basic.RemoveHeader Auth.Digest.RemoveHeader Auth.HeaderField Auth.Forward.Address',
    'Auth.Forward.TrustForwardHeader Auth.Forward.TLS.CA Auth.Forward.TLS.CAOptional Auth.Forward.TLS.Cert',
    'Auth.Forward.TLS.Key Auth.Forward.TLS.InsecureSkipVerify',
  ].flatMap((names) => names.split(' ')),
];
const SPELLINGS: ReadonlyMap<string, string> = new Map(OPTION_NAMES.map((name) => [name.toLowerCase(), name]));

/** Names the entrypoint and not its whole text, which may hold the users of Auth.Basic. */
export function refuse(name: string, reason: string, option = ''): never {
  throw new EntryPointError(name, reason, option);
}

/** What stands between the commas. */
export function items(value: string): string[] {
  return value.split(',').filter((item) => item !== '');
}

/** `TLS` alone has no colon and no value. */
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
    if (options.has(name)) refuse(options.get('Name') ?? '', `${name} is given twice`);
    options.set(name, colon === -1 ? '' : word.slice(colon + 1));
  }
  return options;
}

/** `cert,key;cert2,key2` */
function readPairs(name: string, text: string): CertificatePair[] {
  const pairs = text.split(';').filter((pair) => pair !== '');
  return pairs.map((pair, index) => {
    const parts = pair.split(',');
    // Not quoted: a key may stand in it.
    if (parts.length !== 2 || parts.includes('')) {
      refuse(name, `TLS: pair ${index + 1} is not a certificate and a key with one comma between them`);
    }
    return { cert: parts[0], key: parts[1] };
  });
}

/** @throws TsujiError BAD_ENTRY_POINT for an unknown option or a bad pair of certificate and key */
export function readEntryPointText(text: string): EntryPointText {
  const words = readOptions(text);
  const name = words.get('Name') ?? '';
  const options = new Map<string, readonly string[]>();
  for (const [option, value] of words) options.set(option, LIST_OPTIONS.has(option) ? items(value) : [value]);
  const certificates = readPairs(name, words.get('TLS') ?? '');
  return { name, options, certificates, unknown: [], paths: new Map() };
}

/** By the spelling of a flag; null: one of them has none. What was written as a tree has a number for each item of a list. */
function spelled(options: EntryPointText['options']): Map<string, string[]> | null {
  const found = new Map<string, string[]>();
  for (const [written, texts] of options) {
    const name = SPELLINGS.get(written.toLowerCase().replace(/\.\d+$/, ''));
    if (name !== undefined) found.set(name, [...(found.get(name) ?? []), ...texts]);
    // A section alone, which says nothing that is not said by what is in it.
    else if (texts.some((text) => text !== 'auth')) return null;
  }
  return found;
}

/** Back to the text of a flag; null where a flag cannot say it: `usersFile`, a blank in a value, a comma in an item of a list. */
export function writeEntryPointText({ options, certificates }: EntryPointText): string | null {
  const pairs = certificates.map(({ cert, key }) => `${cert},${key}`).join(';');
  const all = spelled(options);
  if (all === null) return null;
  const words: string[] = [];
  for (const [name, texts] of all) {
    if (texts.length > 1 && texts.some((text) => text.includes(','))) return null;
    if (name === 'TLS') words.push(pairs === '' ? name : `TLS:${pairs}`);
    else if (texts.length > 0) words.push(`${name}:${texts.join(',')}`);
  }
  return words.some((text) => /\s/.test(text)) ? null : words.join(' ');
}
