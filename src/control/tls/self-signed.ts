/**
 * The certificate for clients whose name no other has: made at the start, the same for all workers (proxying §12). Its
 * names are those of the original, so that a monitor that knows them sees what is missing. Unlike the original's its
 * key is an elliptic one, whose signatures cost less.
 */
import { randomBytes, webcrypto } from 'node:crypto';
import * as asn1js from 'asn1js';
import * as pkijs from 'pkijs';

const COMMON_NAME = 'TRAEFIK DEFAULT CERT';
const ID_COMMON_NAME = '2.5.4.3';
const ID_ALT_NAME = '2.5.29.17';
const DNS_NAME = 2;
const DAY_MS = 24 * 3600 * 1000;
const DAYS = 365;

function pem(label: string, der: ArrayBuffer): string {
  const lines = Buffer.from(der)
    .toString('base64')
    .match(/.{1,64}/g)!;
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

function commonName(): pkijs.AttributeTypeAndValue {
  return new pkijs.AttributeTypeAndValue({
    type: ID_COMMON_NAME,
    value: new asn1js.Utf8String({ value: COMMON_NAME }),
  });
}

/** PEM texts of a pair that is valid for a year. */
export async function makeSelfSigned(): Promise<{ cert: string; key: string }> {
  const crypto = new pkijs.CryptoEngine({ name: 'node', crypto: webcrypto as never });
  const keys = await webcrypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify']);
  const name = `${randomBytes(16).toString('hex')}.${randomBytes(16).toString('hex')}.traefik.default`;
  const certificate = new pkijs.Certificate();
  certificate.version = 2;
  // Positive: the first bit is the sign.
  certificate.serialNumber = new asn1js.Integer({ valueHex: Uint8Array.from([1, ...randomBytes(15)]).buffer });
  certificate.issuer.typesAndValues.push(commonName());
  certificate.subject.typesAndValues.push(commonName());
  certificate.notBefore.value = new Date(Date.now() - DAY_MS);
  certificate.notAfter.value = new Date(Date.now() + DAYS * DAY_MS);
  const altNames = new pkijs.GeneralNames({ names: [new pkijs.GeneralName({ type: DNS_NAME, value: name })] });
  certificate.extensions = [
    new pkijs.Extension({
      extnID: ID_ALT_NAME,
      extnValue: altNames.toSchema().toBER(false),
      parsedValue: altNames,
    }),
  ];
  await certificate.subjectPublicKeyInfo.importKey(keys.publicKey, crypto);
  await certificate.sign(keys.privateKey, 'SHA-256', crypto);
  return {
    cert: pem('CERTIFICATE', certificate.toSchema(true).toBER(false)),
    key: pem('PRIVATE KEY', await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)),
  };
}
