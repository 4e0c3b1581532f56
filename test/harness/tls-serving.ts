/** A TLS entrypoint as a worker has one, in this thread, and certificates as the main thread would send them. */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type AddressInfo, createServer as createTcp, type Server, type Socket } from 'node:net';
import { createServer } from 'node:tls';
import { readPair } from '../../src/control/tls/certificate-pair.ts';
import { acceptHandles, type RawHandle } from '../../src/data/socket/handles.ts';
import { alpnList } from '../../src/data/socket/tls-handshake.ts';
import { TlsServerSocket } from '../../src/data/socket/tls-server-socket.ts';
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
  readonly ended: readonly object[];
};

/** Who makes the handshakes of an entrypoint: a server of node's, or our engine. */
export const HANDSHAKES = ["node's handshakes", 'our handshakes'] as const;
export type Handshakes = (typeof HANDSHAKES)[number];

/** With certificates that stay, for all who come. */
export function tlsEntryPoint(certificates: readonly WorkerCertificate[]): TlsEntryPoint {
  const store = new CertificateStore();
  store.apply(certificates, []);
  return new TlsEntryPoint(0, TLS_DEFAULTS, [], store, new TicketKeys([randomBytes(48)]));
}

export async function serveTls(
  t: { after(fn: () => unknown): unknown },
  ring: TicketKeyRing,
  certificates: readonly WorkerCertificate[],
  tls: Partial<EntryPointTls> = {},
  clientCAs: readonly string[] = [],
  by: Handshakes = "node's handshakes",
): Promise<TlsServing> {
  const store = new CertificateStore();
  store.apply(certificates, []);
  const tickets = new TicketKeys(ring);
  const entryPoint = new TlsEntryPoint(0, { ...TLS_DEFAULTS, ...tls }, clientCAs, store, tickets);
  const accepted: AcceptedClient[] = [];
  const ended: object[] = [];
  const server = by === 'our handshakes' ? createTcp() : serveByNode(entryPoint, accepted, ended);
  t.after(() => server.close());
  await new Promise<void>((resolve) => server.listen(0, OWN_HOST, resolve));
  if (by === 'our handshakes') takeHandles(server, entryPoint, accepted, ended);
  return { port: (server.address() as AddressInfo).port, store, tickets, accepted, ended };
}

function serveByNode(entryPoint: TlsEntryPoint, accepted: AcceptedClient[], ended: object[]): Server {
  const server = createServer(entryPoint.serverOptions());
  entryPoint.attach(server, (socket) => {
    const [own] = verifiedCertificates(socket);
    accepted.push({ resumed: socket.isSessionReused(), certificate: own?.subject.replace('CN=', '') ?? '' });
    socket.on('error', () => {});
    socket.resume();
    socket.on('end', () => socket.end());
  });
  server.on('connection', (socket: Socket) => socket.once('close', () => ended.push(socket)));
  server.on('tlsClientError', () => {});
  return server;
}

/** To be called when it listens. */
function takeHandles(server: Server, entryPoint: TlsEntryPoint, accepted: AcceptedClient[], ended: object[]): void {
  const take = (raw: RawHandle): void => {
    const secured = (socket: TlsServerSocket): void => {
      const [own] = socket.clientCertificates();
      accepted.push({ resumed: isResumed(socket), certificate: own?.subject.replace('CN=', '') ?? '' });
    };
    const socket = new TlsServerSocket(raw, entryPoint, alpnList(['http/1.1']), { secured });
    socket.begin({
      socketRead: (_bytes, _start, end) => end,
      socketEnded: () => socket.end(),
      socketDrained() {},
      socketClosed: () => ended.push(socket),
      socketCrashed(error) {
        throw error;
      },
    });
    socket.beginHandshake(new Uint8Array(0));
  };
  if (!acceptHandles(server, 60_000, take, () => {})) throw new Error('handles cannot be had');
}

/** What no part of the engine asks for. */
function isResumed(socket: TlsServerSocket): boolean {
  const { handshake } = socket as unknown as { handshake: { wrap: { isSessionReused(): boolean } } };
  return handshake.wrap.isSessionReused();
}
