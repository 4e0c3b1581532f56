/** What a server is told of a client's certificate (shared/spec kv-schema §6.7). */
import type { X509Certificate } from 'node:crypto';
import type { CertificateNameParts, ClientCertificateOptions } from '../../middlewares/client-certificate.ts';

export const PEM_FIELD = 'x-forwarded-tls-client-cert';
export const INFOS_FIELD = 'x-forwarded-tls-client-cert-infos';

/** In the order in which they are written, with the name that OpenSSL has for each. */
const NAME_PARTS: readonly (readonly [part: keyof CertificateNameParts, written: string, openSsl: string])[] = [
  ['domainComponent', 'DC', 'DC'],
  ['country', 'C', 'C'],
  ['province', 'ST', 'ST'],
  ['locality', 'L', 'L'],
  ['organization', 'O', 'O'],
  ['serialNumber', 'SN', 'serialNumber'],
  ['commonName', 'CN', 'CN'],
];

const SAN_KINDS = ['DNS', 'email', 'IP Address', 'URI'];
const ALT_NAME = /(?:^|, )(DNS|email|IP Address|URI):("(?:[^"\\]|\\.)*"|[^,]*)/g;

/** As Go's url.QueryEscape does it. */
function queryEscape(text: string): string {
  return encodeURIComponent(text)
    .replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll('%20', '+');
}

/** `name`: as OpenSSL writes it, one `KEY=value` per line. '' when nothing of it is asked for or there. */
function nameText(name: string, wanted: CertificateNameParts): string {
  const lines = name.split('\n').map((line) => line.split(/=(.*)/s, 2));
  const parts = NAME_PARTS.filter(([part]) => wanted[part]).flatMap(([, written, openSsl]) =>
    lines.filter(([key]) => key === openSsl).map(([, value]) => `${written}=${value}`),
  );
  return parts.join(',');
}

function altNamesText(certificate: X509Certificate): string {
  const found = [...(certificate.subjectAltName ?? '').matchAll(ALT_NAME)].map(([, kind, value]) => ({
    kind: SAN_KINDS.indexOf(kind),
    value: value.startsWith('"') ? (JSON.parse(value) as string) : value,
  }));
  return found
    .sort((a, b) => a.kind - b.kind)
    .map(({ value }) => value)
    .join(',');
}

function infosOf(certificate: X509Certificate, infos: NonNullable<ClientCertificateOptions['infos']>): string {
  const parts: string[] = [];
  if (infos.subject !== null) {
    // The original takes the parts of the subject for the issuer as well.
    const subject = nameText(certificate.subject ?? '', infos.subject);
    const issuer = nameText(certificate.issuer ?? '', infos.subject);
    if (subject !== '') parts.push(`Subject="${subject}"`);
    if (issuer !== '') parts.push(`Issuer="${issuer}"`);
  }
  if (infos.notBefore) parts.push(`NB=${certificate.validFromDate.getTime() / 1000}`);
  if (infos.notAfter) parts.push(`NA=${certificate.validToDate.getTime() / 1000}`);
  const names = infos.sans ? altNamesText(certificate) : '';
  if (names !== '') parts.push(`SAN=${names}`);
  return parts.join(',');
}

/** The lines that a request gets, each with its CRLF; '' without a certificate. */
export function clientCertificateLines(chain: readonly X509Certificate[], pass: ClientCertificateOptions): string {
  if (chain.length === 0) return '';
  let lines = '';
  if (pass.pem) {
    lines += `${PEM_FIELD}: ${chain.map((one) => queryEscape(one.raw.toString('base64'))).join(',')}\r\n`;
  }
  if (pass.infos !== null) {
    const { infos } = pass;
    lines += `${INFOS_FIELD}: ${queryEscape(chain.map((one) => infosOf(one, infos)).join(';'))}\r\n`;
  }
  return lines;
}
