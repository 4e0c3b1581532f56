/**
 * Child process: WebSocket load, `websocket.ts PLAN`. Every connection sends one text message, waits for its echo,
 * compares it, and sends the next; a request of the result is one such round trip.
 */
import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { encodeFrame, FrameReader } from '../frames.ts';
import { LatencyCounter, type LoadPlan, type LoadResult, planFromArguments } from './plan.ts';

const MESSAGE = Buffer.from('the quick brown fox jumps over the lazy dog, sixty-four of them!');
const FRAME = encodeFrame(MESSAGE, Buffer.from([0x12, 0x34, 0x56, 0x78]));

const plan = planFromArguments<LoadPlan>();
const counter = new LatencyCounter();
let requests = 0;
let errors = 0;
let over = false;

function runConnection(): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(plan.port, '127.0.0.1');
    const reader = new FrameReader();
    let head = '';
    let upgraded = false;
    let sentAt = 0;
    const send = () => {
      sentAt = performance.now();
      socket.write(FRAME);
    };
    const onMessage = (payload: Buffer) => {
      if (!payload.equals(MESSAGE)) errors++;
      requests++;
      counter.record((performance.now() - sentAt) * 1_000);
      if (over) socket.destroy();
      else send();
    };
    const onHead = (chunk: Buffer) => {
      head += chunk.toString('latin1');
      if (!head.includes('\r\n\r\n')) return;
      if (!head.startsWith('HTTP/1.1 101 ')) {
        errors++;
        socket.destroy();
        return;
      }
      upgraded = true;
      send();
    };
    socket.setNoDelay(true);
    socket.on('connect', () => {
      const fields = Object.entries({
        ...plan.fields,
        Connection: 'Upgrade',
        Upgrade: 'websocket',
        'Sec-WebSocket-Version': '13',
        'Sec-WebSocket-Key': randomBytes(16).toString('base64'),
      });
      socket.write(
        `GET ${plan.path} HTTP/1.1\r\n${fields.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`,
      );
    });
    socket.on('data', (chunk: Buffer) => {
      if (upgraded) for (const payload of reader.push(chunk)) onMessage(payload);
      else onHead(chunk);
    });
    socket.on('error', () => {
      errors++;
    });
    socket.on('close', () => {
      if (!over) errors++;
      resolve();
    });
  });
}

const startedAt = performance.now();
setTimeout(() => {
  over = true;
}, plan.seconds * 1_000);
// A proxy that swallows messages must not keep us for ever.
setTimeout(() => process.exit(1), plan.seconds * 1_000 + 5_000).unref();
await Promise.all(Array.from({ length: plan.connections }, runConnection));
const result: LoadResult = {
  requests,
  microseconds: Math.round((performance.now() - startedAt) * 1_000),
  errors,
  latencies: counter.pairs(),
};
console.log(JSON.stringify(result));
