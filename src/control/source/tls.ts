/** TLS material of a connection of main's own: each of ca, cert and key is a path or PEM text. */
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

function refuse(setting: string, reason: string): never {
  throw new TsujiError('TLS_MATERIAL', `${setting}: ${reason}`);
}

/** A path if such a file exists, else PEM text. The text itself is never shown: it may be a private key. */
function load(section: string, part: 'ca' | 'cert' | 'key', given: string): Buffer | null {
  if (given === '') return null;
  let content: Buffer;
  try {
    content = readFileSync(given);
  } catch (error) {
    if (!given.includes('-----BEGIN ')) {
      const shown = given.startsWith('/') ? `${given}: ` : '';
      refuse(
        `${section}.${part}`,
        `neither a readable file nor PEM text (${shown}${(error as NodeJS.ErrnoException).code})`,
      );
    }
    content = Buffer.from(given);
  }
  try {
    if (part === 'key') createPrivateKey(content);
    else new X509Certificate(content);
  } catch (error) {
    refuse(`${section}.${part}`, `not a PEM ${part === 'key' ? 'private key' : 'certificate'} (${reasonOf(error)})`);
  }
  return content;
}

/**
 * `section`: of the settings that they come from. Throws a TsujiError that names the setting at fault. Reads the files anew each
 * time, so a renewed one is taken up.
 */
export function loadTls(settings: TlsSettings, section = 'etcd.tls'): TlsMaterial {
  const ca = load(section, 'ca', settings.ca);
  const cert = load(section, 'cert', settings.cert);
  const key = load(section, 'key', settings.key);
  if (cert !== null && key === null) refuse(`${section}.key`, `missing, but ${section}.cert is given`);
  if (cert === null && key !== null) refuse(`${section}.cert`, `missing, but ${section}.key is given`);
  if (cert !== null && key !== null) {
    try {
      createSecureContext({ cert, key });
    } catch (error) {
      refuse(`${section}.key`, `does not belong to ${section}.cert (${reasonOf(error)})`);
    }
  }
  return { ca, cert, key, insecureSkipVerify: settings.insecureSkipVerify };
}
