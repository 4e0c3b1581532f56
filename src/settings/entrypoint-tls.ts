/** The TLS options of an entrypoint (shared/spec cli-api §3). */
import type { CertificatePair, EntryPointTls, TlsVersion } from '../kernel/entrypoint-options.ts';
import { nearestName } from '../kernel/nearest.ts';
import { quoted } from '../kernel/quote.ts';
import { GO_CIPHER_SUITES, openSslName } from './cipher-suites.ts';
import type { OptionReader } from './option-reader.ts';
import type { Warn } from './setting-warning.ts';

const VERSIONS: ReadonlyMap<string, TlsVersion> = new Map([
  ['VersionTLS10', 'TLSv1'],
  ['VersionTLS11', 'TLSv1.1'],
  ['VersionTLS12', 'TLSv1.2'],
  ['VersionTLS13', 'TLSv1.3'],
]);

function fillMinVersion(options: OptionReader): TlsVersion {
  const text = options.text('TLS.MinVersion');
  if (text === '') return 'TLSv1.2';
  const version = VERSIONS.get(text);
  if (version !== undefined) return version;
  return options.refuse('TLS.MinVersion', `${quoted(text)} is none of ${[...VERSIONS.keys()].join(', ')}`);
}

/** One that Node cannot speak any more is left out with a warning, as long as another one is left. */
function fillCipherSuites(options: OptionReader, warn: Warn): readonly string[] {
  const known: string[] = [];
  for (const text of options.list('TLS.CipherSuites')) {
    const name = openSslName(text);
    if (name === undefined) {
      const near = nearestName(text, GO_CIPHER_SUITES);
      options.refuse('TLS.CipherSuites', `unknown ${quoted(text)}${near === null ? '' : `; did you mean ${near}?`}`);
    }
    if (name === '') warn(options.settingOf('TLS.CipherSuites'), `${text} is too weak and left out`);
    else known.push(name);
  }
  if (known.length === 0 && options.list('TLS.CipherSuites').length > 0) {
    options.refuse('TLS.CipherSuites', 'none of them is left');
  }
  return known;
}

function fillClientCA(options: OptionReader, warn: Warn): EntryPointTls['clientCA'] {
  const older = options.list('ClientCAFiles');
  if (older.length > 0) {
    if (options.has('CA')) warn(options.settingOf('CA'), 'the older ClientCAFiles win over it');
    return { files: older, optional: false };
  }
  const files = options.list('CA');
  const optional = options.boolean('CA.Optional');
  if (files.length > 0) return { files, optional };
  if (options.asks('CA.Optional')) warn(options.settingOf('CA.Optional'), 'it means nothing without CA');
  return null;
}

function fillDefaultCertificate(options: OptionReader): CertificatePair | null {
  const cert = options.text('TLS.DefaultCertificate.Cert');
  const key = options.text('TLS.DefaultCertificate.Key');
  if ((cert === '') !== (key === '')) {
    options.refuse('TLS.DefaultCertificate', `there is no ${cert === '' ? 'Cert' : 'Key'}; both are needed`);
  }
  return cert === '' ? null : { cert, key };
}

/** Without TLS nobody is asked for a certificate or a name: whoever wrote these would be served unguarded. */
const GUARDS = ['CA', 'ClientCAFiles', 'TLS.SniStrict'];

/**
 * null without `TLS`; then the other options mean nothing, as in the original, but those that guard are refused.
 * @throws TsujiError BAD_ENTRY_POINT
 */
export function fillEntryPointTls(options: OptionReader, warn: Warn): EntryPointTls | null {
  if (!options.has('TLS')) {
    for (const option of options.names()) {
      if (!/^(?:TLS|CA|ClientCAFiles)(?:\.|$)/.test(option) || !options.asks(option)) continue;
      if (GUARDS.includes(option)) options.refuse(option, 'the entrypoint has no TLS; write TLS as well');
      warn(options.settingOf(option), 'it is ignored, because the entrypoint has no TLS');
    }
    return null;
  }
  for (const [index, { cert, key }] of options.certificates.entries()) {
    if (cert === '' || key === '') {
      options.refuse('TLS', `pair ${index + 1} has no ${cert === '' ? 'certificate' : 'key'}`);
    }
  }
  return {
    certificates: options.certificates,
    minVersion: fillMinVersion(options),
    cipherSuites: fillCipherSuites(options, warn),
    sniStrict: options.boolean('TLS.SniStrict'),
    defaultCertificate: fillDefaultCertificate(options),
    clientCA: fillClientCA(options, warn),
  };
}
