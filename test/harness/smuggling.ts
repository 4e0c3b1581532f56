/**
 * No bytes of a client make a server see another request than the one that was routed, no bytes of a server make a
 * client see another response than the one that is its own (RFC 9112 §11.1, §11.2). The same tests for every engine that
 * reads HTTP/1.
 */
import assert from 'node:assert/strict';
import test, { after } from 'node:test';
import fc from 'fast-check';
import { exchangeTest, response } from './exchanges.ts';
import {
  BEGINNINGS,
  CARELESS,
  chunked,
  FRAGMENTS,
  GOOD_CHUNKS,
  get,
  HOST_NAME,
  NEXT,
  post,
  REFUSED,
  TAKEN,
  TSUJI_DIFFERS,
  TSUJI_REFUSES,
} from './hostile-requests.ts';
import { OWN_HOST } from './own-host.ts';
import { ok, type RawConnection, rawClient, startRawServer } from './raw.ts';
import { startStrictServer } from './strict-server.ts';
import { addRoute, routeKeys, startTsuji } from './tsuji.ts';

const BARRIER_NAME = 'barrier.test';
/** Round trips through the one worker, after each of which it has dealt with everything that had come before. */
const SETTLING_TRIPS = 4;

async function eventOf(connection: RawConnection): Promise<void> {
  await new Promise<void>((resolve) => {
    const { socket } = connection;
    const done = (): void => {
      socket.off('data', done).off('close', done);
      resolve();
    };
    socket.on('data', done).on('close', done);
  });
}

type Outcome = { received: string; closed: boolean; targets: string[]; statuses: number[] };

/** Statuses of all responses on a connection; each must be framed by a length, and nothing may stand between them. */
function readResponses(text: string, hasHead: boolean): number[] {
  const statuses: number[] = [];
  for (let at = 0; at < text.length; ) {
    const headEnd = text.indexOf('\r\n\r\n', at);
    assert.ok(headEnd >= 0, `a torn head: ${JSON.stringify(text.slice(at, at + 300))}`);
    const head = text.slice(at, headEnd);
    const status = /^HTTP\/1\.1 (\d{3}) /.exec(head);
    assert.ok(status !== null, `no response: ${JSON.stringify(text.slice(at, at + 300))}`);
    statuses.push(Number(status[1]));
    at = headEnd + 4;
    const length = /\r\nContent-Length: (\d+)/.exec(head);
    // What uWebSockets refuses by itself ends with the connection.
    if (length === null && /uWebSockets/.test(text.slice(at))) break;
    // The answer to a HEAD announces a body that does not come; no body begins like the next answer.
    const bodiless = hasHead && (at === text.length || text.startsWith('HTTP/1.1 ', at));
    at += length === null || bodiless ? 0 : Number(length[1]);
    assert.ok(at <= text.length, `a torn body: ${JSON.stringify(head)}`);
  }
  return statuses;
}

const NONE: ReadonlySet<string> = new Set();
/** What an engine serves that is refused elsewhere, and the other way round. */
const DIFFERS = { uws: NONE, tsuji: TSUJI_DIFFERS };
const REFUSES = { uws: NONE, tsuji: TSUJI_REFUSES };

/** Registers the tests. */
export async function smugglingTests(engine: 'uws' | 'tsuji'): Promise<void> {
  const scope = { after };
  const differs = DIFFERS[engine];
  const refuses = REFUSES[engine];
  const server = await startStrictServer(scope);
  const barrier = await startRawServer(scope, (connection) => {
    connection.socket.on('data', () => connection.send(ok('barrier')));
  });
  const tsuji = await startTsuji(scope, {
    workers: 1,
    flags: [`--entryPoints=Name:http Address:${OWN_HOST}:0 Engine:${engine}`],
    keys: {
      ...routeKeys([server.raw.url], HOST_NAME),
      'backends/barrier/servers/s/url': barrier.url,
      'frontends/barrier/backend': 'barrier',
      'frontends/barrier/routes/r/rule': `Host:${BARRIER_NAME}`,
    },
  });
  const ask = await rawClient(scope, tsuji.port);

  /** Until the worker has done all that follows from what was sent so far. */
  async function settle(trips = SETTLING_TRIPS): Promise<void> {
    for (let i = 0; i < trips; i++) {
      ask.received = '';
      ask.send(`GET / HTTP/1.1\r\nHost: ${BARRIER_NAME}\r\n\r\n`);
      while (!ask.received.endsWith('barrier')) {
        assert.equal(ask.closed, false, 'the worker answers no more');
        await eventOf(ask);
      }
    }
  }

  /** Sends `pieces`, each in a packet of its own, and says what both sides saw. */
  async function attack(pieces: readonly string[], settleBetween = false): Promise<Outcome> {
    const first = server.requests.length;
    const client = await rawClient(scope, tsuji.port);
    for (const piece of pieces) {
      if (client.closed) break;
      await new Promise<void>((resolve) => client.socket.write(Buffer.from(piece, 'latin1'), () => resolve()));
      if (settleBetween) await settle();
      else await new Promise(setImmediate);
    }
    await settle();
    client.destroy();
    assert.deepEqual(server.violations, [], `the server saw what is no HTTP; sent ${JSON.stringify(pieces)}`);
    const { received, closed } = client;
    const targets = server.requests.slice(first).map((request) => request.target);
    const statuses = readResponses(received, pieces.join('').includes('HEAD ')).filter((status) => status >= 200);
    for (const [, id] of received.matchAll(/\r\n\r\n#(\d+) /g)) {
      assert.ok(Number(id) > first && Number(id) <= server.requests.length, 'an answer that belongs to somebody else');
    }
    return { received, closed, targets, statuses };
  }

  for (const [what, bytes] of Object.entries(REFUSED)) {
    if (differs.has(what)) continue;
    test(`refused with its connection: ${what}`, async () => {
      const alone = await attack([bytes]);
      assert.deepEqual(alone.targets, [], 'a server saw it');
      assert.ok(alone.closed, 'the connection stays open');
      assert.equal(alone.statuses.length, 1);
      assert.match(alone.received, /^HTTP\/1\.1 (400|431|501|505) /);
      // A client that sends on, in the same packet or behind the answer, is not served.
      assert.deepEqual((await attack([bytes + NEXT])).targets, []);
      assert.deepEqual((await attack([bytes, NEXT], true)).targets, []);
    });
  }

  for (const [what, { bytes, bodies }] of Object.entries(TAKEN)) {
    test(`taken, and framed anew: ${what}`, async () => {
      const first = server.requests.length;
      const { targets, statuses, closed } = await attack([bytes]);
      const seen = server.requests.slice(first);
      if (refuses.has(what)) {
        assert.deepEqual([targets, statuses, closed], [[], [400], true]);
        return;
      }
      assert.deepEqual(targets, ['/in']);
      assert.deepEqual(
        seen.map((request) => request.body),
        bodies,
      );
      assert.deepEqual(statuses, [200]);
      for (const name of ['x-injected', 'http2-settings']) assert.equal(seen[0].fields.has(name), false, name);
    });
  }

  for (const [what, body] of Object.entries(CARELESS)) {
    test(`nothing is served behind a chunked request that is careless: ${what}`, async () => {
      const bytes = chunked(body);
      for (const pieces of [[bytes], [bytes + NEXT], [bytes, NEXT]]) {
        const { targets, closed, statuses } = await attack(pieces, true);
        if (engine !== 'uws' && GOOD_CHUNKS.has(what)) {
          // Read as RFC 9112 §7.1 has it, so what stands behind it is another request.
          assert.deepEqual(targets, pieces.join('').endsWith(NEXT) ? ['/in', '/smuggled'] : ['/in']);
          continue;
        }
        assert.ok(targets.length <= 1 && !targets.includes('/smuggled'), `the server saw ${targets}`);
        assert.ok(statuses.length <= 1);
        // Taken or refused, its connection ends; a body that is thought to go on is waited for.
        if (statuses.length === 1) assert.ok(closed);
      }
    });
  }

  const testOfUws: typeof test = engine === 'uws' ? test : ((() => {}) as never);
  testOfUws('a chunked request has its whole answer, large or none, and then the connection ends', async (t) => {
    const answers: Record<string, { response: string; status: string; body: number }> = {
      '/large': { response: ok('x'.repeat(300_000)), status: '200 OK', body: 300_000 },
      '/stream': {
        response: `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n`,
        status: '200 OK',
        body: 4,
      },
      '/none': { response: 'HTTP/1.1 204 No Content\r\n\r\n', status: '204 No Content', body: 0 },
      '/empty': { response: ok(''), status: '200 OK', body: 0 },
    };
    const before = server.answer;
    t.after(() => {
      server.answer = before;
    });
    server.answer = (request) => answers[request.target].response;
    for (const [target, answer] of Object.entries(answers)) {
      const client = await rawClient(t, tsuji.port);
      client.send(post('Transfer-Encoding: chunked', '1\r\na\r\n0\r\n\r\n', target));
      const { statusLine, fields, body } = await response(client);
      assert.equal(statusLine, `HTTP/1.1 ${answer.status}`);
      assert.equal(body.length, answer.body);
      const seen = server.requests.length;
      assert.deepEqual(fields.get('connection'), ['close']);
      if (target === '/stream') {
        // Not ended by us at once, but nothing is served on it.
        client.send(get('/in'));
        await settle();
        assert.equal(client.received, '');
        assert.equal(server.requests.length, seen);
      } else {
        assert.equal(await client.untilClosed(), '');
      }
    }
  });

  test('an answer that comes before the end of a chunked request leaves nothing of it to be served', async (t) => {
    const early = await startRawServer(t, (connection) => {
      connection.socket.once('data', () => connection.send(ok('early')));
    });
    const earlyHost = await addRoute(tsuji, [early.url]);
    const client = await rawClient(t, tsuji.port);
    const first = server.requests.length;
    client.send(`POST / HTTP/1.1\r\nHost: ${earlyHost}\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n`);
    await client.until('early');
    client.send(`0\r\nxx${NEXT}`);
    await client.untilClosed();
    await settle();
    assert.equal(server.requests.length, first);
  });

  test('requests that stand behind each other in one packet are served in their order or not at all', async () => {
    const two = await attack([get('/1') + get('/2')]);
    assert.ok(two.targets.length <= 2 && two.targets.every((target, i) => target === `/${i + 1}`), `${two.targets}`);
    const local = await attack([get('/1', 'Host: nobody.test\r\n') + get('/2')]);
    assert.deepEqual(local.statuses, [404, 200]);
    assert.deepEqual(local.targets, ['/2']);
    const body = await attack([post('Content-Length: 5', 'hello', '/1') + get('/2')]);
    assert.ok(
      body.targets.every((target, i) => target === `/${i + 1}`),
      `${body.targets}`,
    );
  });

  test('a request that is cut at any byte reaches the server whole or not at all', async () => {
    const bytes = post('Content-Length: 3\r\nX: y', 'abc');
    const first = server.requests.length;
    for (let cut = 1; cut < bytes.length; cut++) {
      const client = await rawClient(scope, tsuji.port);
      client.send(bytes.slice(0, cut));
      await settle(1);
      if (cut % 2 === 0) {
        client.send(bytes.slice(cut));
        assert.match(await client.until(' abc'), /^HTTP\/1\.1 200 /);
      }
      client.destroy();
    }
    await settle();
    const seen = server.requests.slice(first);
    assert.equal(seen.length, Math.floor((bytes.length - 1) / 2));
    assert.ok(seen.every((request) => request.target === '/in' && request.body === 'abc'));
    assert.deepEqual(server.violations, []);
  });

  const CASES = 300;
  const soup = fc.record({
    begins: fc.constantFrom(...BEGINNINGS),
    fragments: fc.array(fc.constantFrom(...FRAGMENTS), { minLength: 1, maxLength: 9 }),
    cuts: fc.array(fc.nat(400), { maxLength: 3 }),
  });

  test('whatever a client sends, a server sees well-formed requests, and each answer is that of one of them', async () => {
    await fc.assert(
      fc.asyncProperty(soup, async ({ begins, fragments, cuts }) => {
        const bytes = begins + fragments.join('');
        const at = [...new Set([0, ...cuts.filter((cut) => cut < bytes.length), bytes.length])].sort((a, b) => a - b);
        const pieces = at.slice(0, -1).map((start, i) => bytes.slice(start, at[i + 1]));
        const { targets, statuses } = await attack(pieces);
        assert.ok(statuses.filter((status) => status === 200).length <= targets.length, 'more answers than requests');
        assert.ok(targets.length <= bytes.split(/HTTP\/1\.1\r\n/).length - 1, 'more requests than were sent');
      }),
      { numRuns: CASES, interruptAfterTimeLimit: 20_000 },
    );
  });

  exchangeTest('every request that a server has seen was routed, and every exchange has ended', tsuji, async () => {
    const routed = async (): Promise<number> => {
      const lines = (await tsuji.metrics()).matchAll(
        /^traefik_service_requests_total\{[^}]*service="backend1"[^}]*\} (\d+)$/gm,
      );
      return [...lines].reduce((sum, [, count]) => sum + Number(count), 0);
    };
    // Those that were broken off on their way were routed as well.
    assert.ok((await routed()) >= server.requests.length);
    assert.deepEqual(server.violations, []);
    ask.destroy();
    server.raw.close();
    barrier.close();
  });
}
