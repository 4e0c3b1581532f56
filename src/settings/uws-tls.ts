/** What uWebSockets (20.57, with BoringSSL) has no means for is refused: to leave it out would protect less than was asked for. */
import type { EntryPointTls } from '../kernel/entrypoint-options.ts';
import type { OptionReader } from './option-reader.ts';

const CIPHERS = ['AES128-GCM-SHA256', 'AES256-GCM-SHA384', 'AES128-SHA', 'AES256-SHA'];
/** Suites of TLS 1.2 that BoringSSL has, by OpenSSL's names. Those of TLS 1.3 it always offers, all three. */
const CIPHER_SUITES: ReadonlySet<string> = new Set(
  ['ECDHE-ECDSA-', 'ECDHE-RSA-', '']
    .flatMap((exchange) => CIPHERS.map((cipher) => exchange + cipher))
    .concat('ECDHE-ECDSA-CHACHA20-POLY1305', 'ECDHE-RSA-CHACHA20-POLY1305'),
);

/** @throws TsujiError BAD_ENTRY_POINT */
export function checkUwsTls(options: OptionReader, { minVersion, cipherSuites, clientCA }: EntryPointTls): void {
  if (clientCA !== null) options.refuse('CA', 'Engine:uws asks for no client certificates; Engine:tsuji does');
  if (minVersion !== 'TLSv1.2') {
    options.refuse(
      'TLS.MinVersion',
      'Engine:uws speaks TLS 1.2 and 1.3 and cannot be told otherwise; Engine:tsuji can',
    );
  }
  const missing = cipherSuites.find((name) => !CIPHER_SUITES.has(name));
  if (missing !== undefined) {
    const why = missing.startsWith('TLS_') ? 'always offers all suites of TLS 1.3' : 'does not have it';
    options.refuse('TLS.CipherSuites', `${missing}: Engine:uws ${why}; Engine:tsuji can be told`);
  }
}
