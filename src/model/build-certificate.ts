/**
 * The keys below `tls/<name>/` → where one certificate is and who serves it. Whether it can be used is judged by
 * src/control/tls. Source: shared/spec kv-schema §7.
 */

import { ProblemList } from '../kernel/problems.ts';
import { quoted } from '../kernel/quote.ts';
import { unescapeValue } from '../kernel/unescape.ts';
import { readList } from '../kernel/values.ts';
import type { Built } from './built.ts';
import type { ObjectKeys } from './kv-tree.ts';
import type { ConfiguredCertificate } from './model.ts';
import { CERTIFICATE_KEYS } from './schema.ts';

export type CertificateOptions = {
  /** The prefix of all keys, without a slash at its end. */
  readonly prefix: string;
  /** Names of the entrypoints → whether they have TLS. */
  readonly entryPoints: ReadonlyMap<string, boolean>;
};

/** TOML drops a line break right after the quotes that open a text of several lines. */
function readMaterial(value: string): string {
  return unescapeValue(value).replace(/^\r?\n/, '');
}

export function buildCertificate(
  name: string,
  keys: ObjectKeys,
  options: CertificateOptions,
): Built<ConfiguredCertificate> {
  const problems = new ProblemList(`${options.prefix}/tls/${name}/`);
  const texts = { entryPoints: '', cert: '', key: '' };
  const items = new Map<string, string>();
  for (const [key, value] of keys) {
    const match = CERTIFICATE_KEYS.find(key);
    if (match.kind === 'unknown') problems.addUnused(key, match);
    else if (match.field === 'entryPointItem') items.set(match.names[0], unescapeValue(value));
    else texts[match.field] = value;
  }
  const value = readCertificate(name, texts, items, options, problems);
  return { value, problems: problems.list };
}

function readCertificate(
  name: string,
  texts: { readonly entryPoints: string; readonly cert: string; readonly key: string },
  items: ReadonlyMap<string, string>,
  options: CertificateOptions,
  problems: ProblemList,
): ConfiguredCertificate | null {
  const wanted = [...new Set(readList(unescapeValue(texts.entryPoints), items))];
  if (wanted.length === 0 && texts.cert === '' && texts.key === '') return null;
  if (wanted.length === 0) {
    problems.add(
      'entrypoints',
      'rejected',
      'it names no entrypoint, and a certificate is served only where it says so',
    );
    return null;
  }
  const missing = texts.cert === '' ? 'certfile' : texts.key === '' ? 'keyfile' : '';
  if (missing !== '') {
    problems.add(`certificate/${missing}`, 'rejected', 'missing: a certificate needs both certfile and keyfile');
    return null;
  }
  const entryPoints = wanted.filter((entryPoint) => options.entryPoints.get(entryPoint) === true);
  const others = wanted.filter((entryPoint) => !entryPoints.includes(entryPoint));
  if (others.length > 0) {
    const reasons = others.map((entryPoint) =>
      options.entryPoints.has(entryPoint)
        ? `${quoted(entryPoint)} has no TLS`
        : `${quoted(entryPoint)} is no entrypoint`,
    );
    problems.add('entrypoints', entryPoints.length > 0 ? 'ignored' : 'rejected', reasons.join(', '));
  }
  if (entryPoints.length === 0) return null;
  const key = `${options.prefix}/tls/${name}`;
  return { name, key, entryPoints, certText: readMaterial(texts.cert), keyText: readMaterial(texts.key) };
}
