/** The authorities of client certificates of one entrypoint: each item is a PEM file or PEM text, of one or several. */
import { X509Certificate } from 'node:crypto';
import type { EntryPoint } from '../../kernel/entrypoint-options.ts';
import { reasonOf, TsujiError } from '../../kernel/errors.ts';
import { readPemTextNow } from './pem-text.ts';

const CERTIFICATE = /-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----/gs;

function read(entryPoint: string, item: string): string[] {
  try {
    const found = readPemTextNow('CA', item).match(CERTIFICATE) ?? [];
    if (found.length === 0) throw new Error('CA: there is no certificate in it');
    for (const pem of found) new X509Certificate(pem);
    return found;
  } catch (error) {
    throw new TsujiError('BAD_ENTRY_POINT', `--entryPoints: "${entryPoint}": ${reasonOf(error)}`);
  }
}

/**
 * PEM texts of one certificate each; empty when the entrypoint asks for no client certificates.
 * @throws TsujiError BAD_ENTRY_POINT: to go on with fewer authorities would shut clients out
 */
export function loadClientCAs({ name, tls }: Pick<EntryPoint, 'name' | 'tls'>): string[] {
  return (tls?.clientCA?.files ?? []).flatMap((item) => read(name, item));
}
