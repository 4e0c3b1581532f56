/** A TLS entrypoint as a worker has one, in this thread, and certificates as the main thread would send them. */
import { readFileSync } from 'node:fs';
import type { AddressInfo, Socket } from 'node:net';
import { createServer } from 'node:tls';
import { readPair } from '../../src/control/tls/certificate-pair.ts';
import type { EntryPointTls } from '../../src/kernel/entrypoint-options.ts';
import type { TicketKeyRing, WorkerCertificate } from '../../src/protocol/messages.ts';
import { CertificateStore } from '../../src/tls/certificate-store.ts';
import { TicketKeys } from '../../src/tls/ticket-keys.ts';
import { TlsEntryPoint } from '../../src/tls/tls-entrypoint.ts';
import { verifiedCertificates } from '../../src/tls/verified-client.ts';
import { TLS_DEFAULTS } from './defaults.ts';
import { OWN_HOST } from './own-host.ts';
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

/** `certificate`: the common name of the one that was verified; '' for none. */
export type AcceptedClient = { readonly resumed: boolean; readonly certificate: string };

export type TlsServing = {
  readonly port: number;
  readonly store: CertificateStore;
  readonly tickets: TicketKeys;
  /** Connections that were let in. */
  readonly accepted: readonly AcceptedClient[];
  /** Connections that are closed, let in or not. */
  readonly ended: readonly Socket[];
};

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
  const accepted: AcceptedClient[] = [];
  const server = createServer(entryPoint.serverOptions());
  entryPoint.attach(server, (socket) => {
    const [own] = verifiedCertificates(socket);
    accepted.push({ resumed: socket.isSessionReused(), certificate: own?.subject.replace('CN=', '') ?? '' });
    socket.on('error', () => {});
    socket.resume();
    socket.on('end', () => socket.end());
  });
  const ended: Socket[] = [];
  server.on('connection', (socket: Socket) => socket.once('close', () => ended.push(socket)));
  server.on('tlsClientError', () => {});
  await new Promise<void>((resolve) => server.listen(0, OWN_HOST, resolve));
  t.after(() => server.close());
  return { port: (server.address() as AddressInfo).port, store, tickets, accepted, ended };
}
