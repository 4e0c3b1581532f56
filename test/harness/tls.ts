/** Certificates made by openssl, and servers that speak TLS and otherwise do nothing by themselves. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createServer, type TLSSocket, type TlsOptions } from 'node:tls';
import { RawConnection } from './raw.ts';
import { run } from './tools.ts';

type Scope = { after(fn: () => unknown): unknown };

/** Paths of PEM files. */
export type Certificate = { readonly cert: string; readonly key: string };

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

async function openssl(...args: string[]): Promise<void> {
  const result = await run('openssl', args);
  assert.equal(result.code, 0, result.stderr);
}

/** A self-signed certificate that may sign others. */
export async function makeAuthority(folder: string, name: string): Promise<Certificate> {
  const made = { cert: join(folder, `${name}.pem`), key: join(folder, `${name}.key`) };
  const files = ['-keyout', made.key, '-out', made.cert];
  await openssl('req', '-x509', ...NEW_KEY, ...files, '-subj', `/CN=${name}`, '-days', '2');
  return made;
}

type CertificateOptions = {
  /** 0 for one that has expired. */
  days?: number;
  /** As in an extension file of openssl. */
  extensions?: string[];
  /** It begins to be valid in the year 2099. */
  future?: boolean;
};

/** `names`: as in subjectAltName, such as `DNS:localhost,IP:127.0.0.1`. */
export async function makeCertificate(
  folder: string,
  authority: Certificate,
  name: string,
  names: string,
  { days = 2, extensions = [], future = false }: CertificateOptions = {},
): Promise<Certificate> {
  const made = { cert: join(folder, `${name}.pem`), key: join(folder, `${name}.key`) };
  const request = join(folder, `${name}.csr`);
  const extensionFile = join(folder, `${name}.ext`);
  writeFileSync(extensionFile, [`subjectAltName=${names}`, ...extensions, ''].join('\n'));
  await openssl('req', ...NEW_KEY, '-keyout', made.key, '-out', request, '-subj', `/CN=${name}`);
  const files = ['-in', request, '-out', made.cert, '-extfile', extensionFile];
  if (future) {
    const config = join(folder, `${name}.cnf`);
    const database = join(folder, `${name}.db`);
    writeFileSync(database, '');
    writeFileSync(
      config,
      `[ca]\ndefault_ca=d\n[d]\ndatabase=${database}\nnew_certs_dir=${folder}\npolicy=p\nrand_serial=yes\ndefault_md=sha256\n[p]\ncommonName=supplied\n`,
    );
    const dates = ['-startdate', '20990101000000Z', '-enddate', '20990201000000Z'];
    const signer = ['-cert', authority.cert, '-keyfile', authority.key, '-notext'];
    await openssl('ca', '-batch', '-config', config, ...signer, ...files, ...dates);
    return made;
  }
  const signer = ['-CA', authority.cert, '-CAkey', authority.key];
  await openssl('x509', '-req', ...signer, ...files, '-days', String(days));
  return made;
}

/** One that may sign others, and is signed itself. */
export function makeIntermediate(folder: string, authority: Certificate, name: string): Promise<Certificate> {
  return makeCertificate(folder, authority, name, `DNS:${name}.test`, {
    extensions: ['basicConstraints=critical,CA:TRUE'],
  });
}

/** Of servers on localhost: `here` is to be believed by whoever believes `authority`, each of the others is not. */
export async function makeServerCertificates(folder: string) {
  const localhost = 'DNS:localhost,IP:127.0.0.1';
  const authority = await makeAuthority(folder, 'authority');
  const stranger = await makeAuthority(folder, 'stranger');
  return {
    authority,
    /** Signed by itself. */
    stranger,
    here: await makeCertificate(folder, authority, 'here', localhost),
    elsewhere: await makeCertificate(folder, authority, 'elsewhere', 'DNS:elsewhere.test'),
    expired: await makeCertificate(folder, authority, 'expired', localhost, { days: 0 }),
    unknown: await makeCertificate(folder, stranger, 'unknown', localhost),
  };
}

export class TlsServer {
  /** Those whose handshake has succeeded. */
  readonly connections: RawConnection[] = [];
  readonly port: number;
  /** Of each connection: whether it resumed a session. */
  readonly resumed: boolean[] = [];

  constructor(port: number) {
    this.port = port;
  }

  url(host: string): string {
    return `https://${host}:${this.port}`;
  }

  socket(index: number): TLSSocket {
    return this.connections[index].socket as TLSSocket;
  }
}

/** On 127.0.0.1 unless told otherwise, so that the name localhost leads to it. */
export async function startTlsServer(
  t: Scope,
  certificate: Certificate,
  onConnection?: (connection: RawConnection) => void,
  { port = 0, host = '127.0.0.1', ...options }: TlsOptions & { port?: number; host?: string } = {},
): Promise<TlsServer> {
  const files = { cert: readFileSync(certificate.cert), key: readFileSync(certificate.key) };
  const server = createServer({ ...files, ALPNProtocols: ['http/1.1'], ...options });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  const started = new TlsServer((server.address() as AddressInfo).port);
  server.on('secureConnection', (socket) => {
    const connection = new RawConnection(socket);
    started.connections.push(connection);
    started.resumed.push(socket.isSessionReused());
    onConnection?.(connection);
  });
  server.on('tlsClientError', () => {});
  t.after(() => {
    server.close();
    for (const connection of started.connections) connection.destroy();
  });
  return started;
}
