/**
 * Child process: TLS handshakes and nothing else, `handshakes.ts PLAN`, `plan.connections` at a time. With `resumed` each
 * begins with the ticket of a first one, and one that does not go on from it counts as an error.
 */
import { performance } from 'node:perf_hooks';
import { connect, type TLSSocket } from 'node:tls';
import { LatencyCounter, type LoadPlan, type LoadResult, planFromArguments } from './plan.ts';

const plan = planFromArguments<LoadPlan & { readonly resumed: boolean }>();
/** With the key exchange that all peers know: one of them alone would do the dearer one against quantum computers. */
const TLS = {
  port: plan.port,
  host: '127.0.0.1',
  rejectUnauthorized: false,
  ALPNProtocols: ['http/1.1'],
  ecdhCurve: 'X25519',
};

function ticket(): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = connect(TLS);
    socket.on('error', reject);
    socket.once('session', (session) => {
      resolve(session);
      socket.destroy();
    });
  });
}

const session = plan.resumed ? await ticket() : undefined;
const latencies = new LatencyCounter();
let requests = 0;
let errors = 0;
const began = performance.now();
const until = began + plan.seconds * 1_000;

function shake(): Promise<void> {
  return new Promise((resolve) => {
    const from = performance.now();
    const socket: TLSSocket = connect(session === undefined ? TLS : { ...TLS, session });
    socket.on('secureConnect', () => {
      if (socket.isSessionReused() === plan.resumed) requests++;
      else errors++;
      latencies.record((performance.now() - from) * 1_000);
      socket.destroy();
    });
    socket.on('error', () => errors++);
    socket.on('close', () => resolve());
  });
}

await Promise.all(
  Array.from({ length: plan.connections }, async () => {
    while (performance.now() < until) await shake();
  }),
);
const result: LoadResult = {
  requests,
  microseconds: (performance.now() - began) * 1_000,
  errors,
  latencies: latencies.pairs(),
};
console.log(JSON.stringify(result));
