/** The keys `passtlsclientcert/…` of a frontend (shared/spec kv-schema §5.1, §6.7). */
import type { CertificateNameParts, PassTlsClientCert } from '../kernel/entrypoint-options.ts';
import type { ProblemList } from '../kernel/problems.ts';
import { readBool } from '../kernel/values.ts';

const NAME_PARTS: readonly (keyof CertificateNameParts)[] = [
  'commonName',
  'country',
  'domainComponent',
  'locality',
  'organization',
  'province',
  'serialNumber',
];

/** @param keys key below the frontend → value; null when there is none */
export function readPassClientCertificate(
  keys: ReadonlyMap<string, string>,
  problems: ProblemList,
): PassTlsClientCert | null {
  if (keys.size === 0) return null;
  const flag = (name: string): boolean => {
    const key = `passtlsclientcert/${name}`;
    const { value, problem } = readBool(keys.get(key) ?? '', false);
    if (problem !== '') problems.add(key, 'defaulted', problem);
    return value;
  };
  const below = (path: string): boolean => [...keys.keys()].some((key) => key.startsWith(`passtlsclientcert/${path}/`));
  for (const key of keys.keys()) {
    if (!key.startsWith('passtlsclientcert/infos/issuer/')) continue;
    problems.add(key, 'ignored', 'as in Traefik 1.7, the issuer is shown with the parts that infos/subject names');
  }
  const parts = (): CertificateNameParts =>
    Object.fromEntries(
      NAME_PARTS.map((part) => [part, flag(`infos/subject/${part.toLowerCase()}`)]),
    ) as CertificateNameParts;
  return {
    pem: flag('pem'),
    infos: !below('infos')
      ? null
      : {
          notAfter: flag('infos/notafter'),
          notBefore: flag('infos/notbefore'),
          sans: flag('infos/sans'),
          subject: below('infos/subject') ? parts() : null,
        },
  };
}
