/**
 * The subject of a certificate as Go prints it (crypto/x509/pkix, `Name.String`; RFC 2253 §2): attributes that it knows in an order of
 * its own, whatever the certificate has, and behind them all others by number, with their value in DER.
 */
import type { X509Certificate } from 'node:crypto';

/** By their names in OpenSSL, the last one first in the text. */
const KNOWN: readonly (readonly [name: string, shown: string, hasOne: boolean])[] = [
  ['C', 'C', false],
  ['ST', 'ST', false],
  ['L', 'L', false],
  ['street', 'STREET', false],
  ['postalCode', 'POSTALCODE', false],
  ['O', 'O', false],
  ['OU', 'OU', false],
  ['CN', 'CN', true],
  ['serialNumber', 'SERIALNUMBER', true],
];
/** Of those that OpenSSL has a name for. */
const NUMBERS: Readonly<Record<string, string>> = {
  DC: '0.9.2342.19200300.100.1.25',
  UID: '0.9.2342.19200300.100.1.1',
  emailAddress: '1.2.840.113549.1.9.1',
  SN: '2.5.4.4',
  title: '2.5.4.12',
  businessCategory: '2.5.4.15',
  GN: '2.5.4.42',
  initials: '2.5.4.43',
  dnQualifier: '2.5.4.46',
};
const PRINTABLE = /^[A-Za-z0-9 '()+,\-./:=?]*$/;
const PRINTABLE_STRING = 0x13;
const UTF8_STRING = 0x0c;

/** RFC 2253 §2.4: what would be taken for the end of a value or of an attribute. */
function escapedValue(value: string): string {
  return value.replace(/[,+"\\<>;]|^[ #]| $/g, '\\$&');
}

/** A string as Go's encoding/asn1 writes it, in hexadecimal digits. */
function derOf(value: string): string {
  const bytes = Buffer.from(value);
  const { length } = bytes;
  const lengths = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  const tag = PRINTABLE.test(value) ? PRINTABLE_STRING : UTF8_STRING;
  return Buffer.concat([Buffer.from([tag, ...lengths]), bytes]).toString('hex');
}

export function subjectText(certificate: X509Certificate): string {
  // The text that it has itself is escaped in another way.
  const subject = Object.entries<string | string[] | undefined>({ ...certificate.toLegacyObject().subject });
  const values = new Map(subject.map(([name, value]) => [name, [value ?? []].flat()]));
  const valuesOf = (name: string): readonly string[] => values.get(name) ?? [];
  const names = new Set(KNOWN.map(([name]) => name));
  const others = [...values.keys()]
    .filter((name) => !names.has(name))
    .flatMap((name) => valuesOf(name).map((value) => `${NUMBERS[name] ?? name}=#${derOf(value)}`));
  const known = KNOWN.map(([name, shown, hasOne]) => {
    const shownValues = hasOne ? valuesOf(name).slice(-1) : valuesOf(name);
    return shownValues.map((value) => `${shown}=${escapedValue(value)}`).join('+');
  });
  return [...others, ...known.filter((text) => text !== '')].reverse().join(',');
}
