/** One handshake of a TLS client, and what came of it. */
import { type ConnectionOptions, connect } from 'node:tls';
import { OWN_HOST } from './own-host.ts';

export type Handshake = {
  /** Common name of the certificate that the server has shown; '' when the handshake failed. */
  readonly name: string;
  readonly resumed: boolean;
  readonly protocol: string;
  /** Cipher suite, as IANA names it; '' when the handshake failed. */
  readonly suite: string;
  /** To resume with; null when the server gave none. */
  readonly session: Buffer | null;
  /** The OCSP response that was stapled. */
  readonly staple: Buffer | null;
  /** Why it failed; '' when it did not. */
  readonly error: string;
};

/**
 * Connects to a port of `OWN_HOST`, trusting everybody; `request`: sent when the handshake is through. Ends when the
 * server closes or, without a request, when a ticket has come.
 */
export async function handshake(port: number, options: ConnectionOptions = {}): Promise<Handshake> {
  const socket = connect({ port, host: OWN_HOST, rejectUnauthorized: false, ...options });
  let session: Buffer | null = null;
  let staple: Buffer | null = null;
  let shown = { name: '', resumed: false, protocol: '', suite: '' };
  socket.on('OCSPResponse', (response: Buffer | null) => {
    staple = response === null || response.length === 0 ? null : response;
  });
  const { promise, resolve } = Promise.withResolvers<string>();
  socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  socket.on('close', () => resolve(shown.name === '' ? 'closed' : ''));
  socket.on('session', (bytes: Buffer) => {
    session = bytes;
    if (shown.name !== '') socket.end();
  });
  socket.on('secureConnect', () => {
    const resumed = socket.isSessionReused();
    const subject = socket.getPeerCertificate().subject as { CN?: string } | undefined;
    const suite = socket.getCipher().standardName;
    shown = { name: subject?.CN ?? '?', resumed, protocol: socket.getProtocol() ?? '', suite };
    // A resumed session brings a new ticket only sometimes; with TLS 1.2 it came with the handshake.
    if (resumed || shown.protocol !== 'TLSv1.3' || session !== null) socket.end();
  });
  socket.resume();
  const error = await promise;
  socket.destroy();
  return { ...shown, session, staple, error };
}
