/**
 * One check of one server (shared/spec kv-schema §4.5): a GET over a connection of its own, redirects followed, good when
 * the final status is 200 to 399. The names are resolved and certificates verified as they are when requests are forwarded.
 */

import type { IncomingMessage } from 'node:http';
import { connect as connectHttp2, constants } from 'node:http2';
import { connect as connectTcp, isIPv6 } from 'node:net';
import { performance } from 'node:perf_hooks';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { timerSpan } from '../../kernel/durations.ts';
import { reasonOf } from '../../kernel/errors.ts';
import { http } from '../../kernel/node-http.ts';
import { Resolver } from '../../kernel/resolve.ts';
import { TimerWheel } from '../../kernel/timer-wheel.ts';
import { type OwnTrust, TlsTrusts, type TrustSettings } from '../../kernel/tls-trust.ts';
import type { HealthCheck } from '../../model/health-keys.ts';
import type { Server } from '../../model/model.ts';

export type ProbeTarget = {
  readonly scheme: 'http' | 'https' | 'h2c';
  /** To connect to; an IPv6 literal without its brackets. */
  readonly host: string;
  readonly port: number;
  /** With the query. */
  readonly path: string;
  /** Value of the Host field. */
  readonly hostField: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** What is said of it by its backend; null: nothing. */
  readonly tls: OwnTrust | null;
};

export type ProbeResult = {
  readonly good: boolean;
  /** Why it is bad, '' for a good one. */
  readonly reason: string;
  readonly seconds: number;
};

type Answer = { readonly status: number; readonly location: string };

const MAX_REDIRECTS = 10;
const USER_AGENT: readonly [string, string] = ['User-Agent', 'tsuji health check'];
/** Read so much of a body that is not looked at, so that a server which sends a short one sees no broken connection. */
const READ_BYTES = 65_536;
/** Not sent on to another host: who asks for them trusts the server that they are for. */
const SECRET = new Set(['authorization', 'cookie']);

function bracketed(host: string): string {
  return isIPv6(host) ? `[${host.replace('%', '%25')}]` : host;
}

/** What is asked of a server: its URL, changed by what the check says. */
export function probeTarget(
  server: Pick<Server, 'url' | 'scheme' | 'host' | 'port' | 'hostHeader'>,
  check: Pick<HealthCheck, 'path' | 'scheme' | 'port' | 'hostname' | 'headers'>,
  tls: OwnTrust | null,
): ProbeTarget {
  const base = new URL(server.url.replace(/^[^:]*:/, 'http:'));
  const url = new URL(check.path, base);
  // A path may be a whole URL, which then leads elsewhere.
  const isServer = url.host === base.host && url.protocol === 'http:';
  const to = isServer
    ? { scheme: server.scheme, host: server.host, port: server.port, hostField: server.hostHeader }
    : addressOf(url);
  const scheme = check.scheme === '' ? to.scheme : check.scheme;
  // The default of the scheme that is asked with, not of the one that stands in the URL.
  const own = to.scheme === scheme || /:\d+$/.test(to.hostField) ? to.port : scheme === 'https' ? 443 : 80;
  const port = check.port === 0 ? own : check.port;
  const field = check.port === 0 ? to.hostField : `${bracketed(to.host)}:${port}`;
  return {
    scheme,
    host: to.host,
    port,
    path: url.pathname + url.search,
    hostField: check.hostname === '' ? field : check.hostname,
    headers: check.headers,
    tls: isServer ? tls : null,
  };
}

function addressOf(url: URL): Pick<ProbeTarget, 'scheme' | 'host' | 'port' | 'hostField'> {
  if (url.protocol !== 'http:' && url.protocol !== 'https:') throw new Error(`${url.protocol} is not asked`);
  const scheme = url.protocol === 'https:' ? 'https' : 'http';
  const host = url.hostname.replace(/^\[|\]$/g, '');
  return { scheme, host, port: Number(url.port) || (scheme === 'https' ? 443 : 80), hostField: url.host };
}

/** Where a redirect leads. Throws for what cannot be asked. */
export function redirected(from: ProbeTarget, location: string): ProbeTarget {
  const scheme = from.scheme === 'h2c' ? 'http' : from.scheme;
  const base = new URL(from.path, `${scheme}://${bracketed(from.host)}:${from.port}`);
  const url = new URL(location, base);
  const path = url.pathname + url.search;
  if (url.origin === base.origin) return { ...from, path };
  const headers = from.headers.filter(([name]) => !SECRET.has(name.toLowerCase()) && name !== 'Host');
  return { ...addressOf(url), path, headers, tls: null };
}

/** A status that is followed, as Go's client does it: 307 and 308 without a Location stand for themselves. */
function follows({ status, location }: Answer): boolean {
  if (status === 301 || status === 302 || status === 303) return true;
  return (status === 307 || status === 308) && location !== '';
}

function errorText(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(reasonOf).join('; ');
  return reasonOf(error);
}

export class Prober {
  readonly #trusts: TlsTrusts;
  readonly #resolver = new Resolver(new TimerWheel());

  constructor(settings: TrustSettings) {
    this.#trusts = new TlsTrusts(settings);
  }

  /** Never rejects. `timeoutMs`: for all of it; `signal`: nobody wants to know any more. */
  readonly probe = async (target: ProbeTarget, timeoutMs: number, signal: AbortSignal): Promise<ProbeResult> => {
    const startedAt = performance.now();
    const deadline = AbortSignal.timeout(timerSpan(Math.ceil(timeoutMs)));
    let reason = '';
    try {
      reason = await this.#reason(target, AbortSignal.any([signal, deadline]));
    } catch (error) {
      reason = deadline.aborted ? `no answer within ${timeoutMs / 1000} s` : errorText(error);
    }
    return { good: reason === '', reason, seconds: (performance.now() - startedAt) / 1000 };
  };

  /** Whether a server takes connections: '' when it does, else why not. Never rejects. */
  connect({ host, port }: Pick<Server, 'host' | 'port'>, timeoutMs: number): Promise<string> {
    return new Promise((resolve) => {
      const socket = connectTcp({ host, port, lookup: this.#resolver.lookup });
      const end = (reason: string): void => {
        socket.destroy();
        resolve(reason);
      };
      socket.setTimeout(timerSpan(timeoutMs), () => end(`no connection within ${timeoutMs / 1000} s`));
      socket.on('connect', () => end(''));
      socket.on('error', (error) => end(errorText(error)));
    });
  }

  async #reason(first: ProbeTarget, signal: AbortSignal): Promise<string> {
    let target = first;
    for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
      const answer = await this.#ask(target, signal);
      const { status, location } = answer;
      if (!follows(answer)) return status >= 200 && status < 400 ? '' : `status ${status}`;
      if (location === '') return `status ${status} without Location`;
      target = redirected(target, location);
    }
    return `more than ${MAX_REDIRECTS} redirects`;
  }

  /** In HTTP/2 when a server behind TLS chooses it, as requests are forwarded. */
  async #ask(target: ProbeTarget, signal: AbortSignal): Promise<Answer> {
    if (target.scheme === 'h2c') return await this.#askHttp2(target, signal, null);
    if (target.scheme === 'http') return await this.#askHttp1(target, signal, null);
    const socket = await this.#connectTls(target, signal);
    if (socket.alpnProtocol === 'h2') return await this.#askHttp2(target, signal, socket);
    return await this.#askHttp1(target, signal, socket);
  }

  /** The name that is asked for and verified is the host that is connected to, never the Host field. */
  #connectTls({ host, port, tls }: ProbeTarget, signal: AbortSignal): Promise<TLSSocket> {
    const trust = this.#trusts.of(tls);
    return new Promise((resolve, reject) => {
      const socket = connectTls({
        host,
        port,
        lookup: this.#resolver.lookup,
        ALPNProtocols: ['h2', 'http/1.1'],
        secureContext: trust.context(),
        rejectUnauthorized: trust.verifies,
        servername: trust.nameAt(host),
      });
      const stop = (): void => {
        socket.destroy(signal.reason as Error);
      };
      signal.addEventListener('abort', stop);
      socket.once('close', () => {
        signal.removeEventListener('abort', stop);
        reject(new Error('the server closed the connection'));
      });
      socket.once('error', reject);
      socket.once('secureConnect', () => resolve(socket));
      if (signal.aborted) stop();
    });
  }

  #askHttp1(target: ProbeTarget, signal: AbortSignal, socket: TLSSocket | null): Promise<Answer> {
    const { host, port, path, hostField, headers } = target;
    const options = {
      host,
      port,
      path,
      // No connection is kept.
      headers: Object.fromEntries([['Host', hostField], USER_AGENT, ['Connection', 'close'], ...headers]),
      signal,
      ...(socket === null
        ? { agent: false as const, lookup: this.#resolver.lookup }
        : { createConnection: () => socket }),
    };
    return new Promise((resolve, reject) => {
      const answered = (response: IncomingMessage): void => {
        let bytes = 0;
        response.on('data', (chunk: Buffer) => {
          bytes += chunk.length;
          if (bytes > READ_BYTES) response.destroy();
        });
        // The verdict is made: how the rest of it ends does not matter.
        response.on('error', () => {});
        resolve({ status: response.statusCode ?? 0, location: response.headers.location ?? '' });
      };
      const request = http.request(options, answered);
      request.on('error', reject);
      request.end();
    });
  }

  #askHttp2(target: ProbeTarget, signal: AbortSignal, socket: TLSSocket | null): Promise<Answer> {
    const { host, port, path, hostField, headers } = target;
    return new Promise((resolve, reject) => {
      const session =
        socket === null
          ? connectHttp2(`http://${bracketed(host)}:${port}`, { lookup: this.#resolver.lookup })
          : connectHttp2(`https://${bracketed(host)}:${port}`, { createConnection: () => socket });
      const fail = (error: Error): void => {
        session.destroy();
        reject(error);
      };
      session.on('error', fail);
      const own = Object.fromEntries([USER_AGENT, ...headers].map(([name, value]) => [name.toLowerCase(), value]));
      const { host: hostOfCheck = hostField, ...fields } = own;
      try {
        const stream = session.request({ ':authority': hostOfCheck, ':path': path, ...fields }, { signal });
        stream.on('error', fail);
        stream.on('close', () => fail(new Error('the server closed the stream without an answer')));
        stream.on('response', (answer) => {
          resolve({ status: Number(answer[constants.HTTP2_HEADER_STATUS]), location: String(answer.location ?? '') });
          session.destroy();
        });
        stream.end();
      } catch (error) {
        // A field that HTTP/2 forbids: without this the connection would stay.
        fail(error as Error);
      }
    });
  }
}
