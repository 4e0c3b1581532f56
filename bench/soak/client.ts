/** One HTTP exchange of a soak, with node's own client: everything that comes back is compared with what was asked for. */
import { type Agent, type ClientRequest, type IncomingMessage, request as startRequest } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { BodyCheck, type BodyPlan, pieceOf } from './body.ts';
import { written } from './flow.ts';
import type { Ending, Outcome } from './ledger.ts';

export type Visit = {
  readonly kind: string;
  readonly backend: string;
  readonly method: 'GET' | 'HEAD' | 'POST';
  readonly path: '/length' | '/late' | '/chunked' | '/upload' | '/upload-slow';
  /** Of the response, and for POST of the request. */
  readonly body: BodyPlan;
  /** POST: without Content-Length. */
  readonly chunked?: boolean;
  /** Bytes that are sent or read at a time, with a pause of `pauseMs` after each; without: as fast as it goes. */
  readonly pieceBytes?: number;
  readonly pauseMs?: number;
  /** The client goes after so many bytes of the body. */
  readonly leaveAfter?: number;
};

/** A visit that takes longer has been forgotten by somebody. */
const VISIT_MS = 60_000;
const FAST_PIECE = 65_536;

/** Host in the rules; nobody resolves it. */
export function hostOf(backend: string): string {
  return `${backend}.test`;
}

async function sendBody(request: ClientRequest, visit: Visit): Promise<void> {
  const { body, pieceBytes = FAST_PIECE, pauseMs = 0, leaveAfter = Number.POSITIVE_INFINITY } = visit;
  for (let at = 0; at < body.length && !request.destroyed; ) {
    if (at >= leaveAfter) {
      request.destroy();
      return;
    }
    const piece = pieceOf(body, at, pieceBytes);
    at += piece.length;
    if (!(await written(request, piece))) return;
    if (pauseMs > 0) await sleep(pauseMs);
  }
  request.end();
}

/** Reads a response to its end. @returns what was wrong with it, '' when it came whole; null when it was broken off. */
async function readBody(response: IncomingMessage, visit: Visit): Promise<string | null> {
  if (response.statusCode !== 200) {
    response.resume();
    await new Promise((resolve) => response.once('close', resolve));
    return response.complete ? '' : null;
  }
  const { body, method, pieceBytes, pauseMs = 0, leaveAfter = Number.POSITIVE_INFINITY } = visit;
  if (method === 'HEAD') {
    response.resume();
    const length = response.headers['content-length'];
    return length === String(body.length) ? '' : `Content-Length of HEAD is ${length}, not ${body.length}`;
  }
  const check = new BodyCheck(body);
  let text = '';
  let pauseAt = pieceBytes ?? Number.POSITIVE_INFINITY;
  try {
    for await (const chunk of response) {
      if (method === 'POST') text += (chunk as Buffer).toString('latin1');
      else check.push(chunk as Buffer);
      if (method === 'GET' && check.received >= leaveAfter) return ''; // leaving the loop destroys the response
      if (method === 'GET' && check.received >= pauseAt) {
        pauseAt += pieceBytes!;
        await sleep(pauseMs);
      }
    }
  } catch {
    return null;
  }
  if (method !== 'POST') return check.verdict();
  return text === 'whole' ? '' : `the server found the upload ${text}`;
}

/** Never throws: whatever happens is the outcome. */
export async function visit(agent: Agent | undefined, port: number, what: Visit): Promise<Outcome> {
  const startedAt = performance.now();
  const { kind, backend, method, path, body } = what;
  let status = 0;
  let server = '';
  const outcome = (ending: Ending, detail: string): Outcome => ({
    kind,
    backend,
    repeatable: method !== 'POST',
    startedAt,
    endedAt: performance.now(),
    status,
    ending,
    detail,
    server,
    reused: request.reusedSocket,
  });
  const request = startRequest({
    agent,
    host: '127.0.0.1',
    port,
    method,
    path: `${path}?seed=${body.seed}&length=${body.length}`,
    headers: {
      Host: hostOf(backend),
      ...(method !== 'POST'
        ? {}
        : what.chunked
          ? { 'Transfer-Encoding': 'chunked' }
          : { 'Content-Length': body.length }),
    },
  });
  let late = false;
  const deadline = setTimeout(() => {
    late = true;
    request.destroy();
  }, VISIT_MS);
  let failure = '';
  const answered = new Promise<IncomingMessage | null>((resolve) => {
    request.on('response', resolve);
    request.on('error', (error) => {
      failure ||= error.message;
      resolve(null);
    });
    request.on('close', () => resolve(null));
  });
  try {
    if (method === 'POST') void sendBody(request, what);
    else request.end();
    const response = await answered;
    const leaves = what.leaveAfter !== undefined && !late;
    if (response === null) {
      if (late) return outcome('wrong', 'no end in time');
      return leaves && failure === 'socket hang up' ? outcome('left', '') : outcome('broken', failure);
    }
    status = response.statusCode!;
    server = String(response.headers['x-server'] ?? '');
    const verdict = await readBody(response, what);
    if (late) return outcome('wrong', 'no end in time');
    if (verdict === null) return outcome('broken', failure || 'the response was broken off');
    if (verdict !== '') return outcome('wrong', verdict);
    return outcome(leaves && status === 200 ? 'left' : 'whole', `from ${server || 'tsuji'}`);
  } finally {
    clearTimeout(deadline);
  }
}
