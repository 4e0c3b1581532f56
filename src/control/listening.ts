/** Whether an address can be listened on, and in words why not. */
import { type AddressInfo, createServer, type Server } from 'node:net';
import type { EntryPoint } from '../kernel/entrypoint-options.ts';
import { ListenError, type ListenFailure } from '../kernel/errors.ts';
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

/** Once for all workers, before they share it. @throws ListenError */
export async function checkAddress({ name: entrypoint, host, port }: EntryPoint): Promise<void> {
  const error = await tryListening({ host, port }, false);
  if (error === null) return;
  const failure = { entrypoint, address: addressText({ host, port }), reason: listenReason(error, { host, port }) };
  throw new ListenError('LISTEN_FAILED', failure);
}

/**
 * uWebSockets shares a port between workers only when it is told which: 'any' is settled here (`:0`, for tests). What is
 * put into `held` keeps it ours until the workers have it.
 */
export async function withPort(entryPoint: EntryPoint, held: Server[]): Promise<EntryPoint> {
  if (entryPoint.port !== 0) return entryPoint;
  const holder = createServer((socket) => socket.destroy());
  held.push(holder);
  await new Promise<void>((resolve, reject) => {
    holder.once('error', reject);
    holder.listen({ port: 0, reusePort: true, ...(entryPoint.host === '' ? {} : { host: entryPoint.host }) }, resolve);
  });
  return { ...entryPoint, port: (holder.address() as AddressInfo).port };
}
