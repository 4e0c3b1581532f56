/**
 * Child process: `origin.ts NAME PORT [JOURNAL]`, one server behind tsuji in a soak. Its answers say in their target what they
 * have to be: `?seed=S&length=N` (body.ts).
 *
 *     GET  /length       N bytes with Content-Length (HEAD as well)
 *     GET  /late         the same, later by milliseconds that its target sets (0 to 999)
 *     GET  /chunked      N bytes in chunks of all sizes, with pauses
 *     POST /upload       reads N bytes and answers what was wrong with them, in a word
 *     POST /upload-slow  the same, but takes its time
 *     upgrade            echoes WebSocket messages
 *
 * The targets of uploads go into the file JOURNAL, each before anything else is done about it.
 *
 * A request body that was complete and not the one announced is also told on stdout: the client may be gone.
 */
import { appendFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocketServer } from 'ws';
import { BodyCheck, type BodyPlan, pieceOf, planFromTarget } from './body.ts';
import { written } from './flow.ts';

const [name = '', port = '0', journal = ''] = process.argv.slice(2);
const LENGTH_PIECE = 65_536;
/** So that idle connections end soon after the traffic: the soak looks whether they do. */
const KEEP_ALIVE_MS = 4_000;
const LATE_MS = 1_000;
const SLOW_READ_BYTES = 262_144;
const SLOW_READ_MS = 60;

async function sendLength(response: ServerResponse, plan: BodyPlan, head: boolean): Promise<void> {
  response.writeHead(200, { 'X-Server': name, 'Content-Length': plan.length });
  for (let at = 0; !head && at < plan.length; ) {
    const piece = pieceOf(plan, at, LENGTH_PIECE);
    if (!(await written(response, piece))) return;
    at += piece.length;
  }
  response.end();
}

async function sendChunked(response: ServerResponse, plan: BodyPlan): Promise<void> {
  response.writeHead(200, { 'X-Server': name });
  let size = 1 + (plan.seed % 7);
  for (let at = 0; at < plan.length; ) {
    const piece = pieceOf(plan, at, size);
    if (!(await written(response, piece))) return;
    at += piece.length;
    if (size > 20_000) await sleep(1);
    size = size > 40_000 ? 1 + (at % 7) : size * 3;
  }
  response.end();
}

async function receive(request: IncomingMessage, response: ServerResponse, slow: boolean): Promise<void> {
  if (journal !== '') appendFileSync(journal, `${request.url}\n`);
  const plan = planFromTarget(request.url!);
  const check = new BodyCheck(plan);
  try {
    let pauseAt = SLOW_READ_BYTES;
    for await (const chunk of request) {
      check.push(chunk as Buffer);
      if (slow && check.received >= pauseAt) {
        pauseAt += SLOW_READ_BYTES;
        await sleep(SLOW_READ_MS);
      }
    }
  } catch {
    return; // the client has gone in the middle, and that is what we were to see
  }
  const verdict = check.verdict();
  if (verdict !== '') process.stdout.write(`a complete upload was ${verdict}\n`);
  const body = verdict === '' ? 'whole' : verdict;
  response.writeHead(200, { 'X-Server': name, 'Content-Length': body.length });
  response.end(body);
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = request.url!.split('?')[0]!;
  if (path === '/upload' || path === '/upload-slow') await receive(request, response, path === '/upload-slow');
  else if (path === '/chunked') await sendChunked(response, planFromTarget(request.url!));
  else if (path === '/late') {
    const plan = planFromTarget(request.url!);
    await sleep(plan.seed % LATE_MS);
    await sendLength(response, plan, false);
  } else await sendLength(response, planFromTarget(request.url!), request.method === 'HEAD');
}

const server = createServer((request, response) => {
  response.on('error', () => {});
  answer(request, response).catch((error: Error) => {
    process.stdout.write(`the server failed: ${error.stack}\n`);
    response.destroy();
  });
});
server.keepAliveTimeout = KEEP_ALIVE_MS;
const webSockets = new WebSocketServer({ server, maxPayload: 4 * 1024 * 1024 });
webSockets.on('connection', (socket) => {
  socket.on('error', () => {});
  socket.on('message', (data, binary) => socket.send(data, { binary }));
});
server.listen(Number(port), '127.0.0.1');
