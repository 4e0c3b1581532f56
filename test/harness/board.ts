/**
 * The dashboard's files, with made-up answers of `/api/ui/`: states that a real tsuji is rarely in, at once and each time the
 * same.
 */
import http, { type ServerResponse } from 'node:http';
import type { AdminRequest } from '../../src/control/admin/request.ts';
import { StaticFiles } from '../../src/control/admin/static-files.ts';
import type { Scenario } from './board-data.ts';
import { type BoardWorld, boardWorld } from './board-world.ts';
import { OWN_HOST } from './own-host.ts';

export type Board = {
  readonly url: string;
  /** What has been asked for: path and query below `/api/ui/`. */
  readonly asked: string[];
  /** From now on another one; open streams are told. */
  show(scenario: Scenario, change?: (world: BoardWorld) => void): void;
  /** Nothing is answered and nothing told until `show`: as a process that is stopped. */
  freeze(): void;
  close(): Promise<void>;
};

function sent(response: ServerResponse, body: unknown, etag = ''): void {
  const headers: Record<string, string> = { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' };
  if (etag !== '') headers.ETag = etag;
  response.writeHead(200, headers).end(JSON.stringify(body));
}

/** `path`: prefix of the dashboard, with `/` at both ends. */
export async function startBoard(path = '/'): Promise<Board> {
  const files = new StaticFiles();
  const streams = new Set<ServerResponse>();
  const tails = new Set<ServerResponse>();
  const asked: string[] = [];
  let world = boardWorld('healthy');
  let isFrozen = false;

  const tell = (stream: ServerResponse) => {
    stream.write(`event: findings\ndata: ${JSON.stringify(world.findings)}\n\n`);
    stream.write(`event: overview\ndata: ${JSON.stringify(world.overview())}\n\n`);
  };
  const timer = setInterval(() => {
    if (!isFrozen) for (const stream of streams) tell(stream);
    if (!isFrozen)
      for (const tail of tails) for (const row of world.tail()) tail.write(`data: ${JSON.stringify(row)}\n\n`);
  }, 1000);

  const open = (response: ServerResponse, set: Set<ServerResponse>) => {
    response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
    set.add(response);
    response.on('close', () => set.delete(response));
  };
  const server = http.createServer(async (request, response) => {
    const url = new URL(request.url ?? '/', 'http://x');
    if (isFrozen || !url.pathname.startsWith(path)) {
      if (!isFrozen) response.writeHead(404).end();
      return;
    }
    const below = url.pathname.slice(path.length);
    if (below.startsWith('dashboard/')) {
      const file = files.find(below.slice('dashboard/'.length));
      if (file === undefined) {
        response.writeHead(404).end();
        return;
      }
      const fields = new Map([['accept-encoding', String(request.headers['accept-encoding'] ?? '')]]);
      const answer = await file.answer({ fields } as unknown as AdminRequest);
      response.writeHead(200, answer.fields).end(Buffer.concat(answer.page?.pieces ?? []));
      return;
    }
    const asks = below.slice('api/ui/'.length);
    asked.push(asks + url.search);
    if (asks === 'stream') {
      open(response, streams);
      tell(response);
    } else if (asks === 'tail') {
      open(response, tails);
      for (const row of world.tail()) response.write(`data: ${JSON.stringify(row)}\n\n`);
    } else {
      const answer = world.answer(asks, url.searchParams);
      if (answer === undefined) response.writeHead(404, { 'Content-Type': 'text/plain' }).end(`there is no ${asks}\n`);
      else sent(response, answer);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, OWN_HOST, resolve));
  const { port } = server.address() as { port: number };
  return {
    url: `http://${OWN_HOST}:${port}${path}dashboard/`,
    asked,
    show(scenario, change) {
      isFrozen = false;
      world = boardWorld(scenario);
      change?.(world);
      for (const stream of streams) tell(stream);
    },
    freeze() {
      isFrozen = true;
    },
    async close() {
      clearInterval(timer);
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
