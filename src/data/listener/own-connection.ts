/**
 * A connection of a worker to itself, over 127.0.0.1: some of what uWebSockets can do is only to be had from a live one.
 * Anybody on this host may connect first, or in between, or stand on the port that was ours a moment ago. So the path
 * that is asked for is a secret, strangers are sent away, each try has a deadline, and there are several.
 */
import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { reasonOf, TsujiError } from '../../kernel/errors.ts';
import type { TemplatedApp, Uws, us_listen_socket } from './uws.ts';

const LOOPBACK = '127.0.0.1';
const TRIES = 5;
const TRY_MS = 2_000;
const READ_BYTES = 65_536;

/** A worker's end and the client's end of one connection. */
export type OwnConnection<Found> = { readonly found: Found; readonly socket: Socket };

export type OwnConnectionOptions<Found> = {
  /** Behind the request line and Host, each with CRLF. */
  readonly fields: string;
  readonly secure: boolean;
  /** In the clear: hears how many bytes have come, which nobody keeps. Else they come as `data` events of the socket. */
  readonly onBytes?: (count: number) => void;
  /** Registers `path` with `app`; whoever asks for it is us. `found`: called with what was wanted, once. */
  readonly serve: (app: TemplatedApp, path: string, found: (found: Found) => void) => void;
};

/** @throws TsujiError NO_OWN_CONNECTION when a worker cannot connect to itself */
export async function ownConnection<Found>(
  uws: Uws,
  app: TemplatedApp,
  options: OwnConnectionOptions<Found>,
): Promise<OwnConnection<Found>> {
  const path = `/${randomBytes(16).toString('hex')}`;
  let settle: (found: Found) => void = () => {};
  options.serve(app, path, (found) => settle(found));
  app.any('/*', (response) => {
    response.close();
  });
  let reason: unknown = null;
  for (let i = 0; i < TRIES; i++) {
    try {
      return await attempt(uws, app, path, options, (found) => {
        settle = found;
      });
    } catch (error) {
      reason = error;
    }
  }
  throw new TsujiError(
    'NO_OWN_CONNECTION',
    `a worker cannot connect to itself over ${LOOPBACK}, which Engine:uws needs once: ${reasonOf(reason)}`,
  );
}

function attempt<Found>(
  uws: Uws,
  app: TemplatedApp,
  path: string,
  { fields, secure, onBytes }: OwnConnectionOptions<Found>,
  waitFor: (found: (found: Found) => void) => void,
): Promise<OwnConnection<Found>> {
  return new Promise((resolve, reject) => {
    let listening: us_listen_socket | null = null;
    app.listen(LOOPBACK, 0, (socket) => {
      if (socket !== false) listening = socket;
    });
    if (listening === null) {
      reject(new Error('cannot listen there'));
      return;
    }
    const to = { port: uws.us_socket_local_port(listening), host: LOOPBACK };
    // It is sure to be us only when the secret has come, and until then is told nothing else.
    const took = (count: number): boolean => {
      onBytes?.(count);
      return true;
    };
    const onread = onBytes && { buffer: Buffer.alloc(READ_BYTES), callback: took };
    const socket = secure
      ? connectTls({ ...to, rejectUnauthorized: false })
      : connect({ ...to, ...(onread && { onread }) });
    const stop = (): void => {
      clearTimeout(timer);
      uws.us_listen_socket_close(listening!);
      waitFor(() => {});
      socket.removeAllListeners();
      socket.on('error', () => {});
    };
    const fail = (error: Error): void => {
      stop();
      socket.destroy();
      reject(error);
    };
    const timer = setTimeout(() => fail(new Error(`no answer within ${TRY_MS / 1000} s`)), TRY_MS);
    socket.on('error', fail);
    socket.once('close', () => fail(new Error('the connection was closed')));
    waitFor((found) => {
      stop();
      // Not within the handler that brought it.
      setImmediate(resolve, { found, socket });
    });
    socket.write(`GET ${path} HTTP/1.1\r\nHost: tsuji\r\n${fields}\r\n`);
  });
}
