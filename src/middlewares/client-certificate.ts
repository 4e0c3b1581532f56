/** What a server is told of its client's certificate: the keys `passtlsclientcert/…` (shared/spec kv-schema §5.1, §6.7). */
import type { Kind } from './kind.ts';
import type { OptionKeys } from './option-keys.ts';

/** Parts of the name of a certificate's subject or issuer. */
export type CertificateNameParts = {
  readonly commonName: boolean;
  readonly country: boolean;
  readonly domainComponent: boolean;
  readonly locality: boolean;
  readonly organization: boolean;
  readonly province: boolean;
  readonly serialNumber: boolean;
};

export type ClientCertificateOptions = {
  /** All of it. */
  readonly pem: boolean;
  readonly infos: {
    readonly notAfter: boolean;
    readonly notBefore: boolean;
    readonly sans: boolean;
    /** Of the subject and of the issuer. */
    readonly subject: CertificateNameParts | null;
  } | null;
};

const PARTS: readonly (keyof CertificateNameParts)[] = [
  'commonName',
  'country',
  'domainComponent',
  'locality',
  'organization',
  'province',
  'serialNumber',
];
const SUBJECT = PARTS.map((part) => `passtlsclientcert/infos/subject/${part.toLowerCase()}`);
const ISSUER = PARTS.map((part) => `passtlsclientcert/infos/issuer/${part.toLowerCase()}`);
const DATES = ['notafter', 'notbefore', 'sans'].map((name) => `passtlsclientcert/infos/${name}`);

function readSubject(keys: OptionKeys): CertificateNameParts | null {
  if (!SUBJECT.some((key) => keys.has(key))) return null;
  return Object.fromEntries(PARTS.map((part, i) => [part, keys.flag(SUBJECT[i])])) as CertificateNameParts;
}

export const CLIENT_CERTIFICATE: Kind<ClientCertificateOptions> = {
  name: 'passTLSClientCert',
  keys: ['passtlsclientcert/pem', ...DATES, ...SUBJECT, ...ISSUER],

  parse(keys) {
    for (const key of ISSUER) {
      if (keys.has(key))
        keys.ignored(key, 'as in Traefik 1.7, the issuer is shown with the parts that infos/subject names');
    }
    const pem = keys.flag('passtlsclientcert/pem');
    if (![...DATES, ...SUBJECT, ...ISSUER].some((key) => keys.has(key))) return { pem, infos: null };
    const [notAfter, notBefore, sans] = DATES.map((key) => keys.flag(key));
    return { pem, infos: { notAfter, notBefore, sans, subject: readSubject(keys) } };
  },

  /** All of its flags, and the issuer as the original has it. */
  show({ pem, infos }) {
    if (infos === null) return { pem };
    const { notAfter, notBefore, sans, subject } = infos;
    return { pem, infos: { notAfter, notBefore, sans, ...(subject !== null && { subject, issuer: subject }) } };
  },
};
