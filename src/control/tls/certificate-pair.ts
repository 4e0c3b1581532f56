/** PEM texts of a certificate and its key → what is in them, or why they cannot be used. */
import { X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { reasonOf, TsujiError } from '../../kernel/errors.ts';

const CERTIFICATE = /-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----.+?-----END (?:TRUSTED |X509 )?CERTIFICATE-----/gs;
const PRIVATE_KEY = /-----BEGIN ([A-Z0-9 ]*)PRIVATE KEY-----/;
/** One entry of the text that OpenSSL makes of subjectAltName; a value with odd characters is a JSON string. */
const ALT_NAME = /(?:^|, )(DNS|IP Address):("(?:[^"\\]|\\.)*"|[^,]*)/g;

/** A pair that OpenSSL accepts. */
export type CertificatePairContent = {
  /** The text that it was read from. */
  readonly source: string;
  /** PEM: the certificate first, then its chain, and nothing else. */
  readonly cert: string;
  readonly key: string;
  readonly certificate: X509Certificate;
  /** The next one of the chain, null when the file has none. */
  readonly issuer: X509Certificate | null;
  /** '' when it has none. */
  readonly commonName: string;
  /** Lower case: common name, DNS names, IP addresses in their short form; each once. */
  readonly names: readonly string[];
  /** The same for all certificates with this set of names. */
  readonly namesKey: string;
  readonly dnsNames: readonly string[];
  /** Unix milliseconds. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** Decimal. */
  readonly serial: string;
  /** SHA-256 of the DER, hex in lower case. */
  readonly fingerprint: string;
  /** Such as `EC prime256v1` or `RSA 2048`. */
  readonly keyType: string;
};

function refuse(reason: string): never {
  throw new TsujiError('BAD_CERTIFICATE', reason);
}

function parseCertificate(pem: string, which: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (error) {
    return refuse(`${which} cannot be parsed (${reasonOf(error)})`);
  }
}

/** What a TLS server asks for, as users understand it. */
function explain(error: unknown): string {
  const reason = reasonOf(error);
  if (reason.includes('key values mismatch') || reason.includes('KEY_VALUES_MISMATCH')) {
    return 'the key does not belong to the certificate';
  }
  if (reason.includes('key type mismatch')) return 'the key is of another kind than the certificate';
  return `OpenSSL refuses the pair (${reason})`;
}

/** Would a server with this pair start? */
function checkTogether(cert: string, key: string): void {
  try {
    const context = createSecureContext({ cert, key, ca: [] }) as { context: { close?: () => void } };
    // Tens of kilobytes that the garbage collector does not see: with thousands of certificates they add up.
    context.context.close?.();
  } catch (error) {
    refuse(explain(error));
  }
}

/** An IP address as sockets give it: IPv6 in its short form. */
function shortAddress(address: string): string {
  if (!address.includes(':')) return address;
  const url = URL.parse(`http://[${address}]/`);
  return url === null ? address : url.hostname.slice(1, -1);
}

function plainName(name: string): string {
  return name.toLowerCase().replace(/\.+$/, '');
}

function commonNameOf(certificate: X509Certificate): string {
  return /^CN=(.*)$/m.exec(certificate.subject ?? '')?.[1] ?? '';
}

function altNamesOf(certificate: X509Certificate): { dnsNames: string[]; addresses: string[] } {
  const dnsNames: string[] = [];
  const addresses: string[] = [];
  for (const [, kind, text] of (certificate.subjectAltName ?? '').matchAll(ALT_NAME)) {
    const value = text.startsWith('"') ? (JSON.parse(text) as string) : text;
    if (kind === 'DNS') dnsNames.push(plainName(value));
    else addresses.push(shortAddress(value));
  }
  return { dnsNames, addresses };
}

function keyTypeOf(certificate: X509Certificate): string {
  const { asymmetricKeyType = '', asymmetricKeyDetails = {} } = certificate.publicKey;
  const detail = asymmetricKeyDetails.namedCurve ?? asymmetricKeyDetails.modulusLength ?? '';
  return `${asymmetricKeyType.toUpperCase()} ${detail}`.trim();
}

/**
 * @throws TsujiError BAD_CERTIFICATE whose message never holds a part of the key
 */
export function readPair(certText: string, keyText: string): CertificatePairContent {
  const blocks = certText.match(CERTIFICATE) ?? [];
  if (blocks.length === 0) refuse('there is no certificate in certfile');
  const chain = blocks.map((pem, i) => parseCertificate(pem, i === 0 ? 'the certificate' : `certificate ${i + 1}`));
  const kind = PRIVATE_KEY.exec(keyText);
  if (kind === null) refuse('there is no private key in keyfile');
  if (kind[1] === 'ENCRYPTED ' || keyText.includes('Proc-Type: 4,ENCRYPTED')) refuse('the private key is encrypted');
  const cert = blocks.join('\n');
  checkTogether(cert, keyText);
  const [certificate] = chain;
  const commonName = commonNameOf(certificate);
  const { dnsNames, addresses } = altNamesOf(certificate);
  const own = commonName === '' ? [] : [shortAddress(plainName(commonName))];
  const names = [...new Set([...own, ...dnsNames, ...addresses])];
  return {
    source: certText,
    cert,
    key: keyText,
    certificate,
    issuer: chain.length > 1 ? chain[1] : null,
    commonName,
    names,
    namesKey: [...names].sort().join(),
    dnsNames,
    notBefore: certificate.validFromDate.getTime(),
    notAfter: certificate.validToDate.getTime(),
    serial: BigInt(`0x${certificate.serialNumber}`).toString(),
    fingerprint: certificate.fingerprint256.replaceAll(':', '').toLowerCase(),
    keyType: keyTypeOf(certificate),
  };
}
