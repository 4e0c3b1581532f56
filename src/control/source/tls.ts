/** TLS material of a connection to etcd: each of ca, cert and key is a path or PEM text. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { reasonOf, TsujiError } from '../../kernel/errors.ts';
import type { TlsSettings } from '../../settings/settings.ts';

export type TlsMaterial = {
  /** null: the authorities that Node trusts by default. */
  readonly ca: Buffer | null;
  readonly cert: Buffer | null;
  readonly key: Buffer | null;
  readonly insecureSkipVerify: boolean;
};

function refuse(part: string, reason: string): never {
  throw new TsujiError('TLS_MATERIAL', `etcd.tls.${part}: ${reason}`);
}

/** A path if such a file exists, else PEM text. The text itself is never shown: it may be a private key. */
function load(part: 'ca' | 'cert' | 'key', given: string): Buffer | null {
  if (given === '') return null;
  let content: Buffer;
  try {
    content = readFileSync(given);
  } catch (error) {
    if (!given.includes('-----BEGIN ')) {
      const shown = given.startsWith('/') ? `${given}: ` : '';
      refuse(part, `neither a readable file nor PEM text (${shown}${(error as NodeJS.ErrnoException).code})`);
    }
    content = Buffer.from(given);
  }
  try {
    if (part === 'key') createPrivateKey(content);
    else new X509Certificate(content);
  } catch (error) {
    refuse(part, `not a PEM ${part === 'key' ? 'private key' : 'certificate'} (${reasonOf(error)})`);
  }
  return content;
}

/** Throws a TsujiError that names the setting at fault. Reads the files anew each time, so a renewed one is taken up. */
export function loadTls(settings: TlsSettings): TlsMaterial {
  const ca = load('ca', settings.ca);
  const cert = load('cert', settings.cert);
  const key = load('key', settings.key);
  if (cert !== null && key === null) refuse('key', 'missing, but etcd.tls.cert is given');
  if (cert === null && key !== null) refuse('cert', 'missing, but etcd.tls.key is given');
  if (cert !== null && key !== null) {
    try {
      createSecureContext({ cert, key });
    } catch (error) {
      refuse('key', `does not belong to etcd.tls.cert (${reasonOf(error)})`);
    }
  }
  return { ca, cert, key, insecureSkipVerify: settings.insecureSkipVerify };
}
