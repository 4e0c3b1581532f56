/** Whether an address can be listened on, and in words why not. */
import { createServer } from 'node:net';
import type { ListenFailure } from '../kernel/errors.ts';
import { EVENTS } from '../kernel/events.ts';
import { log } from '../kernel/log.ts';
import { portOwner } from './port-owner.ts';

export type Address = { readonly host: string; readonly port: number };

const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'this user may not listen on that port (below 1024 it takes the capability CAP_NET_BIND_SERVICE)',
  EADDRNOTAVAIL: 'this machine does not have that address',
  ENOTFOUND: 'the name of the host does not resolve',
  EMFILE: 'there are no file descriptors left (ulimit -n)',
};

/** `host:port`, an IPv6 address in brackets. */
export function addressText({ host, port }: Address): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/**
 * Null when it can be listened on, otherwise why not. `shared`: as workers do, among themselves; else it is free only when
 * nobody listens there, not even another tsuji, with which the kernel would share it without a word.
 */
export async function tryListening({ host, port }: Address, shared: boolean): Promise<NodeJS.ErrnoException | null> {
  const server = createServer();
  const error = await new Promise<NodeJS.ErrnoException | null>((resolve) => {
    server.once('error', resolve);
    server.listen({ port, reusePort: shared, ...(host === '' ? {} : { host }) }, () => resolve(null));
  });
  if (error === null) await new Promise((resolve) => server.close(resolve));
  return error;
}

export function listenReason({ code = '', message }: NodeJS.ErrnoException, { port }: Address): string {
  if (code === 'EADDRINUSE') return `the port is taken by ${portOwner(port)}`;
  return REASONS[code] ?? message;
}

export function tellListenFailure(failure: ListenFailure): void {
  log.event(EVENTS.listenFailed, failure.address, { ...failure });
}
