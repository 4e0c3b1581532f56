/**
 * Child process: idle client connections, `idle.ts PLAN`. Opens them a few at a time, makes one request on each so that
 * it is a kept-alive connection and not a bare socket, then writes `open` and stays until it is stopped. A line on how
 * many are still open follows at every SIGUSR2.
 */
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { type LoadPlan, planFromArguments } from './plan.ts';

const AT_ONCE = 100;
/** With the key exchange that all peers know: one of them alone would keep the longer key of the other one. */
const TLS = { rejectUnauthorized: false, ecdhCurve: 'X25519' };

const plan = planFromArguments<LoadPlan>();
const fields = Object.entries(plan.fields).map(([name, value]) => `${name}: ${value}\r\n`);
const request = `GET ${plan.path} HTTP/1.1\r\n${fields.join('')}\r\n`;
const sockets = new Set<Socket>();

/** Resolves once the first bytes of the answer are here; small answers come in one piece. */
function open(): Promise<void> {
  return new Promise((resolve) => {
    const at = { port: plan.port, host: '127.0.0.1' };
    const ready = (): void => {
      socket.write(request);
    };
    const socket = plan.secure ? connectTls({ ...at, ...TLS }, ready) : connect(at, ready);
    sockets.add(socket);
    socket.on('data', () => resolve());
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      sockets.delete(socket);
      resolve();
    });
  });
}

process.on('SIGUSR2', () => console.log(`open ${sockets.size}`));
const stay = setInterval(() => undefined, 60_000);
process.on('SIGTERM', () => {
  clearInterval(stay);
  process.exit(0);
});

let left = plan.connections;
await Promise.all(
  Array.from({ length: AT_ONCE }, async () => {
    while (left-- > 0) await open();
  }),
);
console.log(`open ${sockets.size}`);
