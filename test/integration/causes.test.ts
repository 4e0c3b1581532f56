/** What exchanges say of their end: one cause each, on either engine (shared/spec logs §2.2). */
import assert from 'node:assert/strict';
import { after } from 'node:test';
import { CAUSES } from '../../src/kernel/causes.ts';
import { atOnce, exchangeTest, type Scope } from '../harness/exchanges.ts';
import { OWN_HOST } from '../harness/own-host.ts';
import { ok, type RawConnection, rawClient, startRawServer } from '../harness/raw.ts';
import { addRoute, startTsuji } from '../harness/tsuji.ts';
import { waitFor } from '../harness/wait.ts';
import { accept, closeFrame, frame, handshake } from '../harness/websocket.ts';

const tsuji = await startTsuji(
  { after },
  {
    flags: [
      `--entryPoints=Name:uws Address:${OWN_HOST}:0`,
      `--entryPoints=Name:tsuji Address:${OWN_HOST}:0 Engine:tsuji`,
      '--defaultEntryPoints=uws,tsuji',
      '--respondingTimeouts.downloadTimeout=300ms',
      '--ejection.failures=0',
    ],
  },
);

/** By cause, of one entrypoint. */
async function ended(entrypoint: string): Promise<Map<string, number>> {
  const line = /^tsuji_requests_ended_total\{entrypoint="(\w+)",cause="(\w+)"\} (\d+)$/gm;
  const found = new Map<string, number>();
  for (const [, at, cause, count] of (await tsuji.metrics()).matchAll(line)) {
    if (at === entrypoint) found.set(cause, Number(count));
  }
  return found;
}

type Place = { readonly entrypoint: string; readonly t: Scope };

async function client({ entrypoint, t }: Place, bytes: string): Promise<RawConnection> {
  const made = await rawClient(t, tsuji.portOf(entrypoint));
  made.send(bytes);
  return made;
}

const ENTRY_POINTS = ['uws', 'tsuji'];
type Story = { readonly cause: string; readonly what: string; readonly story: (place: Place) => Promise<void> };
/** They wait for more than they compute, so that all run at once. */
const stories: Story[] = [];

/** After `story` one exchange has ended, for `cause`. */
function endsFor(cause: string, what: string, story: Story['story']): void {
  stories.push({ cause, what, story });
}

const get = (host: string, path = '/'): string => `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`;

/** A server of its own, and the host of a route to it. */
async function site(t: Scope, keys: Record<string, string> = {}) {
  const server = await startRawServer(t);
  return { server, host: await addRoute(tsuji, [server.url], keys) };
}

exchangeTest('all causes have a series from the start', tsuji, async () => {
  const names = CAUSES.map(({ name }) => name);
  for (const entrypoint of ENTRY_POINTS) {
    assert.deepEqual([...(await ended(entrypoint))], [...names.map((name) => [name, 0])]);
  }
});

endsFor('no_route', 'nobody serves that host', async (place) => {
  await (await client(place, get('nobody.test'))).until('404 page not found');
});

endsFor('strip_mismatch', 'there is nothing to strip', async (place) => {
  const { host } = await site(place.t, { 'frontends/$/routes/s/rule': 'PathStrip:/a/{x:[0-9]+}' });
  await (await client(place, get(host, '/a/5'))).until('404');
});

endsFor('dns_failed', 'the name of the server does not resolve', async (place) => {
  const host = await addRoute(tsuji, ['http://nobody.invalid:80']);
  await (await client(place, get(host))).until('502');
});

endsFor('connect_failed', 'nobody listens', async (place) => {
  const server = await startRawServer({ after() {} });
  const { url } = server;
  await new Promise((resolve) => server.server.close(resolve));
  await (await client(place, get(await addRoute(tsuji, [url])))).until('502');
});

endsFor('client_closed', 'the client leaves before it is answered', async (place) => {
  const { server, host } = await site(place.t);
  const asking = await client(place, get(host));
  await (await server.next()).until('\r\n\r\n');
  // What only ends its side may be waiting for its answer.
  asking.socket.resetAndDestroy();
});

endsFor('client_reset', 'the client leaves within the response', async (place) => {
  const { server, host } = await site(place.t);
  const asking = await client(place, get(host));
  const upstream = await server.next();
  await upstream.until('\r\n\r\n');
  upstream.send('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf');
  await asking.until('half');
  asking.socket.resetAndDestroy();
});

endsFor('client_slow', 'the client does not read', async (place) => {
  const { server, host } = await site(place.t);
  const asking = await client(place, get(host));
  asking.socket.pause();
  const upstream = await server.next();
  await upstream.until('\r\n\r\n');
  upstream.send(`HTTP/1.1 200 OK\r\nContent-Length: ${16 << 20}\r\n\r\n`);
  upstream.send(Buffer.alloc(16 << 20));
});

endsFor('truncated', 'the server leaves within the response', async (place) => {
  const { server, host } = await site(place.t);
  const asking = await client(place, get(host));
  const upstream = await server.next();
  await upstream.until('\r\n\r\n');
  upstream.send('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf');
  await asking.until('half');
  upstream.destroy();
  await asking.untilClosed();
});

endsFor('header_timeout', 'the server says nothing', async (place) => {
  const { host } = await site(place.t, { 'backends/$/timeouts/responseheader': '100ms' });
  await (await client(place, get(host))).until('504');
});

endsFor('ok', 'a WebSocket that both sides close', async (place) => {
  const { server, host } = await site(place.t);
  const asking = await client(place, handshake(host));
  const upstream = await server.next();
  upstream.send(accept(await upstream.until('\r\n\r\n')));
  await asking.until('\r\n\r\n');
  asking.send(closeFrame(1000, '', true));
  await waitFor(() => upstream.received.length > 0, 'the close frame');
  upstream.send(closeFrame(1000, '', false));
  upstream.socket.end();
  await asking.untilClosed();
});

endsFor('client_reset', 'a WebSocket whose client is gone', async (place) => {
  const { server, host } = await site(place.t);
  const asking = await client(place, handshake(host));
  const upstream = await server.next();
  upstream.send(accept(await upstream.until('\r\n\r\n')));
  await asking.until('\r\n\r\n');
  asking.socket.resetAndDestroy();
  await upstream.untilClosed();
});

endsFor('truncated', 'a WebSocket whose server is gone', async (place) => {
  const { server, host } = await site(place.t);
  const asking = await client(place, handshake(host));
  const upstream = await server.next();
  upstream.send(accept(await upstream.until('\r\n\r\n')));
  await asking.until('\r\n\r\n');
  upstream.send(frame(1, 'last', false));
  await asking.until('last');
  upstream.socket.resetAndDestroy();
  await asking.untilClosed();
});

endsFor('ok', 'an answer', async (place) => {
  const { server, host } = await site(place.t);
  const asking = await client(place, get(host));
  const upstream = await server.next();
  await upstream.until('\r\n\r\n');
  upstream.send(ok('fine'));
  await asking.until('fine');
});

exchangeTest('each exchange ends for one cause, the one that decided it', tsuji, async (t) => {
  const parts = ENTRY_POINTS.flatMap((entrypoint) =>
    stories.map(
      ({ cause, what, story }) => [`${entrypoint}: ${what}: ${cause}`, () => story({ entrypoint, t })] as const,
    ),
  );
  await atOnce(Object.fromEntries(parts));
  const wanted = new Map<string, number>();
  for (const { cause } of stories) wanted.set(cause, (wanted.get(cause) ?? 0) + 1);
  for (const entrypoint of ENTRY_POINTS) {
    const counts = await waitFor(async () => {
      const now = await ended(entrypoint);
      return [...now.values()].reduce((sum, count) => sum + count, 0) >= stories.length ? now : null;
    }, 'all exchanges to be counted');
    const told = [...counts].filter(([, count]) => count > 0);
    assert.deepEqual(new Map(told.sort()), new Map([...wanted].sort()), entrypoint);
  }
});
