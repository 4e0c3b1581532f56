/** A TLS entrypoint as a worker has one, in this thread, and certificates as the main thread would send them. */
import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:tls';
import { readPair } from '../../src/control/tls/certificate-pair.ts';
import { CertificateStore } from '../../src/data/tls/certificate-store.ts';
import { TicketKeys } from '../../src/data/tls/ticket-keys.ts';
import { TlsEntryPoint } from '../../src/data/tls/tls-entrypoint.ts';
import type { EntryPointTls } from '../../src/kernel/entrypoint-options.ts';
import type { TicketKeyRing, WorkerCertificate } from '../../src/protocol/messages.ts';
import type { Certificate } from './tls.ts';

let lastId = 0;

/** As `Certificates` publishes it. */
export function workerCertificate(files: Certificate, fields: Partial<WorkerCertificate> = {}): WorkerCertificate {
  const pair = readPair(readFileSync(files.cert, 'utf8'), readFileSync(files.key, 'utf8'));
  return {
    id: ++lastId,
    entryPoints: 1,
    defaultOf: 0,
    names: pair.names,
    precedence: `1${pair.commonName}`,
    cert: Buffer.from(pair.cert),
    key: Buffer.from(pair.key),
    fingerprint: pair.fingerprint,
    staple: null,
    ...fields,
  };
}

export const TLS_DEFAULTS: EntryPointTls = {
  certificates: [],
  minVersion: 'TLSv1.2',
  cipherSuites: [],
  sniStrict: false,
  defaultCertificate: null,
  clientCA: null,
};

export type TlsServing = { readonly port: number; readonly store: CertificateStore; readonly tickets: TicketKeys };

export async function serveTls(
  t: { after(fn: () => unknown): unknown },
  ring: TicketKeyRing,
  certificates: readonly WorkerCertificate[],
  tls: Partial<EntryPointTls> = {},
  clientCAs: readonly string[] = [],
): Promise<TlsServing> {
  const store = new CertificateStore();
  store.apply(certificates, []);
  const tickets = new TicketKeys(ring);
  const entryPoint = new TlsEntryPoint(0, { ...TLS_DEFAULTS, ...tls }, clientCAs, store, tickets);
  const server = createServer(entryPoint.serverOptions(), (socket) => {
    socket.on('error', () => {});
    socket.resume();
    socket.on('end', () => socket.end());
  });
  entryPoint.attach(server);
  server.on('tlsClientError', () => {});
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  return { port: (server.address() as AddressInfo).port, store, tickets };
}
