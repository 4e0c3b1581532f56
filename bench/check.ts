/** Checks that a proxy really does the work, before anything about it is timed. */
import { Agent, type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { encodeFrame, FrameReader } from './frames.ts';

export type Expectation = {
  readonly port: number;
  readonly path: string;
  readonly fields: Readonly<Record<string, string>>;
  readonly bodyBytes: number;
  /** Bytes of the response body. */
  readonly length: number;
};

const ROUNDS = 6;
const LIMIT_MS = 5_000;
const ROUTED_MS = 15_000;

type Answer = { readonly status: number; readonly fields: IncomingMessage['headers']; readonly body: Buffer };

function ask(what: Omit<Expectation, 'length'>, agent: Agent): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const method = what.bodyBytes > 0 ? 'POST' : 'GET';
    const sent = request(
      { host: '127.0.0.1', port: what.port, path: what.path, method, headers: what.fields, agent, timeout: LIMIT_MS },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () =>
          resolve({ status: response.statusCode!, fields: response.headers, body: Buffer.concat(chunks) }),
        );
        response.on('error', reject);
      },
    );
    sent.on('timeout', () => sent.destroy(new Error(`no answer within ${LIMIT_MS} ms`)));
    sent.on('error', reject);
    sent.end(what.bodyBytes > 0 ? Buffer.alloc(what.bodyBytes, 'u') : undefined);
  });
}

/** A proxy that has just begun to listen may not have its routes yet: its 404 and 503 are waited out. */
async function untilRouted(what: Expectation, agent: Agent): Promise<void> {
  const deadline = Date.now() + ROUTED_MS;
  for (;;) {
    const { status } = await ask(what, agent);
    if (status === 200 || (status !== 404 && status !== 503) || Date.now() > deadline) return;
    await sleep(20);
  }
}

/**
 * Status, length and server of several answers: each server answers equally often and never twice in a row.
 *
 * @returns what is wrong, or null.
 */
export async function checkAnswers(what: Expectation): Promise<string | null> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  try {
    await untilRouted(what, agent);
    const servers: string[] = [];
    for (let i = 0; i < ROUNDS; i++) {
      const answer = await ask(what, agent);
      if (answer.status !== 200) return `answered ${answer.status}`;
      if (answer.body.length !== what.length) return `sent ${answer.body.length} bytes instead of ${what.length}`;
      servers.push(String(answer.fields['x-server']));
    }
    if (servers.some((server, i) => server === servers[i - 1])) return `does not alternate: ${servers.join(' ')}`;
    return null;
  } catch (error) {
    return (error as Error).message;
  } finally {
    agent.destroy();
  }
}

/** That the server is told of the client, and its connections are used again. @returns what is wrong, or null. */
export async function checkForwarding(what: Omit<Expectation, 'length' | 'bodyBytes'>): Promise<string | null> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  try {
    let last: Record<string, string | number> = {};
    for (let i = 0; i < ROUNDS; i++) {
      const answer = await ask({ ...what, path: '/forwarded', bodyBytes: 0 }, agent);
      if (answer.status !== 200) return `answered ${answer.status} for /forwarded`;
      last = JSON.parse(answer.body.toString()) as Record<string, string | number>;
    }
    const missing = ['for', 'proto', 'host'].filter((name) => last[name] === '');
    if (missing.length > 0) return `forwards no ${missing.map((name) => `X-Forwarded-${name}`).join(', ')}`;
    if (last.name !== what.fields.Host) return `changes Host to ${last.name}`;
    if (last.reused === 1) return 'opens a new connection to the server for every request';
    return null;
  } catch (error) {
    return (error as Error).message;
  } finally {
    agent.destroy();
  }
}

/** One upgrade and one echo. @returns what is wrong, or null. */
export function checkEcho(what: Omit<Expectation, 'length' | 'bodyBytes'>): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = connect(what.port, '127.0.0.1');
    const end = (problem: string | null) => {
      socket.destroy();
      resolve(problem);
    };
    const message = Buffer.from('echo');
    const reader = new FrameReader();
    let head = '';
    let upgraded = false;
    socket.setTimeout(LIMIT_MS, () => end(upgraded ? 'echoed nothing' : 'did not answer the upgrade'));
    socket.on('error', (error) => end(error.message));
    socket.on('close', () => end('closed the connection instead of an upgrade'));
    socket.on('connect', () => {
      const fields = { ...what.fields, Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': '13' };
      const lines = Object.entries({ ...fields, 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==' });
      socket.write(
        `GET ${what.path} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`,
      );
    });
    socket.on('data', (chunk: Buffer) => {
      if (upgraded) {
        const [payload] = reader.push(chunk);
        if (payload !== undefined) end(payload.equals(message) ? null : 'echoed other bytes');
        return;
      }
      head += chunk.toString('latin1');
      if (!head.includes('\r\n\r\n')) return;
      if (!head.startsWith('HTTP/1.1 101 ')) return end(`answered an upgrade with ${head.slice(9, 12)}`);
      upgraded = true;
      socket.write(encodeFrame(message, Buffer.from([1, 2, 3, 4])));
    });
  });
}
