/** Certificates that an option connects with: each a PEM text or the path of a file on this host. */
import { X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { reasonOf } from '../kernel/errors.ts';
import { quoted } from '../kernel/quote.ts';
import { type Known, REJECTED } from './kind.ts';
import type { OptionKeys } from './option-keys.ts';

/** PEM texts, '' for none. */
export type TlsTexts = {
  /** The only authorities whose certificates are believed. */
  readonly ca: string;
  /** Of our own, with its key. */
  readonly cert: string;
  readonly key: string;
};

/** Names of their keys. */
type TlsKeys = TlsTexts;

/** Why OpenSSL cannot use it, '' when it can. */
function problemOf(use: () => unknown): string {
  try {
    use();
    return '';
  } catch (error) {
    return reasonOf(error);
  }
}

export function readTlsTexts(keys: OptionKeys, known: Known, names: TlsKeys): TlsTexts | typeof REJECTED {
  const refuse = (name: keyof TlsTexts, reason: string): typeof REJECTED => {
    keys.rejected(names[name], reason);
    return REJECTED;
  };
  const texts = { ca: '', cert: '', key: '' };
  for (const name of ['ca', 'cert', 'key'] as const) {
    const value = keys.text(names[name]);
    texts[name] = value;
    if (value === '' || value.includes('-----BEGIN ')) continue;
    const file = known.readFile(value);
    if (file.problem !== '') return refuse(name, `${quoted(value)} is no PEM text, and as a file: ${file.problem}`);
    texts[name] = file.text;
  }
  const { ca, cert, key } = texts;
  const caProblem = ca === '' ? '' : problemOf(() => new X509Certificate(ca));
  if (caProblem !== '') return refuse('ca', `it holds no certificate: ${caProblem}`);
  if ((cert === '') !== (key === '')) {
    return refuse(cert === '' ? 'cert' : 'key', 'a certificate and its key belong together');
  }
  const pairProblem = cert === '' ? '' : problemOf(() => createSecureContext({ cert, key }));
  return pairProblem === '' ? texts : refuse('cert', `it cannot be used with its key: ${pairProblem}`);
}
