/** OCSP (RFC 6960): the request for a certificate, and what a response says of it. Nothing here has state or sockets. */
import { webcrypto, type X509Certificate } from 'node:crypto';
import type * as asn1js from 'asn1js';
import * as pkijs from 'pkijs';
import { TsujiError } from '../../kernel/errors.ts';

const ID_BASIC_RESPONSE = '1.3.6.1.5.5.7.48.1.1';
const SUCCESSFUL = 0;
const STATUS_TEXTS = ['', 'malformed request', 'internal error', 'try later', '', 'request unsigned', 'unauthorized'];
const [GOOD, REVOKED] = [0, 1];
/** A responder's clock may be so far ahead. */
const SKEW_MS = 5 * 60_000;

const crypto = new pkijs.CryptoEngine({ name: 'node', crypto: webcrypto as never });

function refuse(reason: string): never {
  throw new TsujiError('BAD_OCSP', reason);
}

function refuseRevoked(): never {
  throw new TsujiError('OCSP_REVOKED', 'the OCSP responder says that the certificate is revoked');
}

function certificateOf(certificate: X509Certificate): pkijs.Certificate {
  return pkijs.Certificate.fromBER(new Uint8Array(certificate.raw));
}

/** The URL of the responder that a certificate names, '' for none. Only http: what it says is signed. */
export function responderOf(certificate: X509Certificate): string {
  return /^OCSP - URI:(http:\/\/.+)$/m.exec(certificate.infoAccess ?? '')?.[1] ?? '';
}

/** DER of the question for one certificate. */
export async function ocspRequest(certificate: X509Certificate, issuer: X509Certificate): Promise<Uint8Array> {
  const request = new pkijs.OCSPRequest();
  const options = { hashAlgorithm: 'SHA-1', issuerCertificate: certificateOf(issuer) };
  await request.createForCertificate(certificateOf(certificate), options, crypto);
  return new Uint8Array(request.toSchema(true).toBER(false));
}

function basicResponse(der: Uint8Array): pkijs.BasicOCSPResponse {
  let response: pkijs.OCSPResponse;
  try {
    response = pkijs.OCSPResponse.fromBER(new Uint8Array(der));
  } catch {
    return refuse('the OCSP response is malformed');
  }
  const status = response.responseStatus.valueBlock.valueDec;
  if (status !== SUCCESSFUL) return refuse(`the OCSP responder answers: ${STATUS_TEXTS[status] ?? `status ${status}`}`);
  if (response.responseBytes?.responseType !== ID_BASIC_RESPONSE)
    return refuse('the OCSP response is of no known type');
  try {
    return pkijs.BasicOCSPResponse.fromBER(response.responseBytes.response.valueBlock.valueHexView.slice());
  } catch {
    return refuse('the OCSP response is malformed');
  }
}

async function isSigned(basic: pkijs.BasicOCSPResponse, issuer: pkijs.Certificate): Promise<boolean> {
  // An issuer that signs itself sends no certificate along, and pkijs looks for the signer among those that came.
  basic.certs = [...(basic.certs ?? []), issuer];
  try {
    return await basic.verify({ trustedCerts: [issuer] }, crypto);
  } catch {
    return false;
  }
}

/** Whom one of the answers is about: serial number and the hashes of the issuer. */
async function answerFor(
  basic: pkijs.BasicOCSPResponse,
  certificate: pkijs.Certificate,
  issuer: pkijs.Certificate,
): Promise<pkijs.SingleResponse | undefined> {
  for (const single of basic.tbsResponseData.responses) {
    const wanted = new pkijs.CertID();
    const algorithm = crypto.getAlgorithmByOID(single.certID.hashAlgorithm.algorithmId);
    if (!('name' in algorithm) || typeof algorithm.name !== 'string') continue;
    const hashAlgorithm = algorithm.name;
    await wanted.createForCertificate(certificate, { hashAlgorithm, issuerCertificate: issuer }, crypto);
    if (wanted.isEqual(single.certID)) return single;
  }
  return undefined;
}

/**
 * Checks a response as a client would, RFC 6960 §3.2: about this certificate, signed by its issuer or whom that has
 * authorized, of today, and good.
 * @returns Unix milliseconds from when on, and until when, it may be shown
 * @throws TsujiError BAD_OCSP or OCSP_REVOKED with the reason why it must not be stapled
 */
export async function checkOcspResponse(
  der: Uint8Array,
  certificate: X509Certificate,
  issuer: X509Certificate,
  now: number,
): Promise<{ thisUpdate: number; nextUpdate: number }> {
  const basic = basicResponse(der);
  const issuedBy = certificateOf(issuer);
  const single = await answerFor(basic, certificateOf(certificate), issuedBy);
  if (single === undefined) return refuse('the OCSP response is about another certificate');
  if (!(await isSigned(basic, issuedBy))) return refuse('the signature of the OCSP response is not of the issuer');
  const status = (single.certStatus as asn1js.BaseBlock<asn1js.ValueBlock>).idBlock.tagNumber;
  if (status === REVOKED) return refuseRevoked();
  if (status !== GOOD) return refuse('the OCSP responder does not know the certificate');
  const thisUpdate = single.thisUpdate.getTime();
  if (single.nextUpdate === undefined) return refuse('the OCSP response does not say until when it holds');
  const nextUpdate = single.nextUpdate.getTime();
  if (thisUpdate > now + SKEW_MS) return refuse('the OCSP response is of the future');
  if (nextUpdate <= now) return refuse(`the OCSP response is out of date since ${new Date(nextUpdate).toISOString()}`);
  return { thisUpdate, nextUpdate };
}
