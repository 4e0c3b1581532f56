/** What `npm run bench -- tls` and `-- engines` measure, and what is to hold. */

/** `h2`: h2load · `http1`: wrk · `close`: wrk, a connection per request · `handshakes`: our own client · `idle`: memory. */
export type Load = 'h2' | 'http1' | 'close' | 'handshakes' | 'idle';

export type Goal = {
  /** The one of them that spends least is the measure. */
  readonly against: readonly string[];
  readonly limit: number;
};

export type Work = {
  readonly name: string;
  readonly title: string;
  readonly command: 'tls' | 'engines';
  readonly load: Load;
  readonly secure: boolean;
  readonly path: string;
  readonly connections: number;
  /** Of HTTP/2, on each connection. */
  readonly streams: number;
  /** Handshakes begin with a ticket. */
  readonly resumed: boolean;
  /** Calls of gRPC, through servers of h2c. */
  readonly grpc: boolean;
  readonly goals: readonly Goal[];
};

const NGINX = ['nginx'];
const HAPROXY = ['haproxy'];
const BETTER = ['nginx', 'haproxy'];
const BASE = { secure: true, path: '/', connections: 64, streams: 1, resumed: false, grpc: false };
const H2 = { ...BASE, command: 'tls', load: 'h2', connections: 8, streams: 16 } as const;

export const WORKS: readonly Work[] = [
  {
    ...H2,
    name: 'h2-small',
    title: 'HTTP/2 over TLS, small body, 8 connections × 16 streams',
    goals: [
      { against: HAPROXY, limit: 1.2 },
      { against: NGINX, limit: 0.9 },
    ],
  },
  {
    ...H2,
    name: 'h2-10k',
    title: 'HTTP/2 over TLS, 10 KiB, 8 × 16',
    path: '/10k',
    goals: [{ against: HAPROXY, limit: 1.3 }],
  },
  {
    ...H2,
    name: 'h2-1m',
    title: 'HTTP/2 over TLS, 1 MiB, 8 × 2',
    path: '/1m',
    streams: 2,
    goals: [{ against: HAPROXY, limit: 1.1 }],
  },
  {
    ...BASE,
    command: 'tls',
    load: 'http1',
    name: 'https-small',
    title: 'HTTP/1.1 over TLS, small body, 64 connections',
    goals: [{ against: BETTER, limit: 1.1 }],
  },
  {
    ...H2,
    name: 'grpc',
    title: 'unary calls of gRPC over TLS to servers of h2c, 8 × 16',
    path: '/bench.Echo/Say',
    grpc: true,
    goals: [{ against: NGINX, limit: 2 }],
  },
  {
    ...BASE,
    command: 'tls',
    load: 'handshakes',
    name: 'handshakes',
    title: 'full handshakes, TLS 1.3, P-256',
    connections: 8,
    goals: [{ against: NGINX, limit: 1 / 0.9 }],
  },
  {
    ...BASE,
    command: 'tls',
    load: 'handshakes',
    name: 'resumed',
    title: 'resumed handshakes, TLS 1.3',
    connections: 8,
    resumed: true,
    goals: [{ against: NGINX, limit: 1 / 0.9 }],
  },
  {
    ...BASE,
    command: 'tls',
    load: 'idle',
    name: 'idle-tls',
    title: '10 000 idle TLS connections',
    connections: 10_000,
    goals: [{ against: NGINX, limit: 1.3 }],
  },
  {
    ...BASE,
    command: 'engines',
    load: 'http1',
    secure: false,
    name: 'clear-small',
    title: 'HTTP/1.1 in the clear, small body, 64 connections',
    goals: [
      { against: BETTER, limit: 1.12 },
      { against: ['tsuji-uws'], limit: 1 },
    ],
  },
  {
    ...BASE,
    command: 'engines',
    load: 'close',
    secure: false,
    name: 'clear-close',
    title: 'HTTP/1.1 in the clear, a connection per request, 64 at a time',
    goals: [{ against: NGINX, limit: 1.5 }],
  },
];
