/**
 * No bytes of a client make a server see another request than the one that was routed, no bytes of a server make a
 * client see another response than the one that is its own (RFC 9112 §11.1, §11.2).
 */
import assert from 'node:assert/strict';
import test, { after } from 'node:test';
import fc from 'fast-check';
import { exchangeTest, response } from '../harness/exchanges.ts';
import { ok, type RawConnection, rawClient, startRawServer } from '../harness/raw.ts';
import { startStrictServer } from '../harness/strict-server.ts';
import { addRoute, startTsuji } from '../harness/tsuji.ts';

const scope = { after };
const tsuji = await startTsuji(scope, { workers: 1 });
const server = await startStrictServer(scope);
const host = await addRoute(tsuji, [server.raw.url]);
const barrier = await startRawServer(scope, (connection) => {
  connection.socket.on('data', () => connection.send(ok('barrier')));
});
const barrierHost = await addRoute(tsuji, [barrier.url]);

const HOST = `Host: ${host}\r\n`;
const NEXT = `GET /smuggled HTTP/1.1\r\n${HOST}\r\n`;
/** Round trips through the one worker, after each of which it has dealt with everything that had come before. */
const SETTLING_TRIPS = 4;

const ask = await rawClient(scope, tsuji.port);

/** Until the worker has done all that follows from what was sent so far. */
async function settle(trips = SETTLING_TRIPS): Promise<void> {
  for (let i = 0; i < trips; i++) {
    ask.received = '';
    ask.send(`GET / HTTP/1.1\r\nHost: ${barrierHost}\r\n\r\n`);
    while (!ask.received.endsWith('barrier')) {
      assert.equal(ask.closed, false, 'the worker answers no more');
      await eventOf(ask);
    }
  }
}

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
function readResponses(text: string): number[] {
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
    at += length === null ? 0 : Number(length[1]);
    assert.ok(at <= text.length, `a torn body: ${JSON.stringify(head)}`);
  }
  return statuses;
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
  const statuses = readResponses(received).filter((status) => status >= 200);
  for (const [, id] of received.matchAll(/\r\n\r\n#(\d+) /g)) {
    assert.ok(Number(id) > first && Number(id) <= server.requests.length, 'an answer that belongs to somebody else');
  }
  return { received, closed, targets, statuses };
}

function post(fields: string, body = 'a', target = '/in'): string {
  return `POST ${target} HTTP/1.1\r\n${HOST}${fields}\r\n\r\n${body}`;
}

function chunked(body: string): string {
  return post('Transfer-Encoding: chunked', body);
}

/** Refused, and nothing of it reaches a server. A next request stands behind each, which nobody may serve. */
const REFUSED: Record<string, string> = {
  'a length with a sign': post('Content-Length: +1'),
  'a negative length': post('Content-Length: -1'),
  'a hexadecimal length': post('Content-Length: 0x1'),
  'an empty length': post('Content-Length:', ''),
  'a length in exponents': post('Content-Length: 1e0'),
  'a length with a blank inside': post('Content-Length: 1 1'),
  'a list of equal lengths': post('Content-Length: 1,1'),
  'a list of different lengths': post('Content-Length: 1, 2'),
  'two different lengths': post('Content-Length: 1\r\nContent-Length: 2'),
  'two lengths, the second empty': post('Content-Length: 1\r\nContent-Length:'),
  'two lengths, the first empty': post('Content-Length:\r\nContent-Length: 1'),
  'a length beyond 64 bits that is 1 modulo 2^64': post('Content-Length: 18446744073709551617'),
  'a length beyond all numbers': post(`Content-Length: ${'9'.repeat(400)}`),
  'a length with leading zeros beyond 15 digits': post('Content-Length: 0000000000000001'),
  'a length with a vertical tab': post('Content-Length: \x0b1'),
  'a length and a coding': post('Content-Length: 5\r\nTransfer-Encoding: chunked', '0\r\n\r\n'),
  'a coding and a length': post('Transfer-Encoding: chunked\r\nContent-Length: 5', '0\r\n\r\n'),
  'a coding and an empty length': post('Transfer-Encoding: chunked\r\nContent-Length:', '0\r\n\r\n'),
  'an empty coding': post('Transfer-Encoding:', ''),
  'an empty coding and a length': post('Transfer-Encoding:\r\nContent-Length: 1'),
  'the coding identity': post('Transfer-Encoding: identity', '0\r\n\r\n'),
  'the coding xchunked': post('Transfer-Encoding: xchunked', '0\r\n\r\n'),
  'the coding gzip, chunked': post('Transfer-Encoding: gzip, chunked', '0\r\n\r\n'),
  'the coding chunked twice in one field': post('Transfer-Encoding: chunked, chunked', '0\r\n\r\n'),
  'the coding chunked twice in two fields': post(
    'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked',
    '0\r\n\r\n',
  ),
  'identity, then chunked': post('Transfer-Encoding: identity\r\nTransfer-Encoding: chunked', '0\r\n\r\n'),
  'chunked, then identity': post('Transfer-Encoding: chunked\r\nTransfer-Encoding: identity', '0\r\n\r\n'),
  'a coding with a parameter': post('Transfer-Encoding: chunked;q=1', '0\r\n\r\n'),
  'a quoted coding': post('Transfer-Encoding: "chunked"', '0\r\n\r\n'),
  'a coding with a tab inside': post('Transfer-Encoding: chun\tked', '0\r\n\r\n'),
  'a coding with a vertical tab': post('Transfer-Encoding: \x0bchunked', '0\r\n\r\n'),
  'a coding with a form feed': post('Transfer-Encoding: chunked\x0c', '0\r\n\r\n'),
  'a coding with a NUL': post('Transfer-Encoding: chunked\0', '0\r\n\r\n'),
  'a coding with a no-break space': post('Transfer-Encoding: \xc2\xa0chunked', '0\r\n\r\n'),
  'a coding with a small letter that lower-cases to k': post('Transfer-Encoding: chun\xe2\x84\xaaed', '0\r\n\r\n'),
  'a tab before the colon of a coding': post('Transfer-Encoding\t: chunked', '0\r\n\r\n'),
  'a blank before the colon of a coding': post('Transfer-Encoding : chunked', '0\r\n\r\n'),
  'a blank before the colon of a length': post('Content-Length : 1'),
  'a blank before the name of a coding': post('X: y\r\n Transfer-Encoding: chunked', '0\r\n\r\n'),
  'a folded coding': post('Transfer-Encoding:\r\n chunked', '0\r\n\r\n'),
  'a folded field': post('X: a\r\n b', ''),
  'a folded first line': `GET /in HTTP/1.1\r\n ${HOST}${HOST}\r\n`,
  'a field without a colon': post('Transfer-Encoding chunked', ''),
  'a name with a parenthesis': post('X(: y', ''),
  'a name with a byte above ASCII': post('X\xe9: y', ''),
  'a NUL in a field': post('X: a\0b', ''),
  'a control character in a field': post('X: a\x01b', ''),
  'a bare LF after a field': `GET /in HTTP/1.1\r\n${HOST}X: y\nZ: z\r\n\r\n`,
  'a bare LF at the end of a head': `GET /in HTTP/1.1\r\n${HOST}\n`,
  'bare LFs everywhere': `GET /in HTTP/1.1\n${HOST.replace('\r', '')}\n`,
  'a NUL in a target': `GET /in\0 HTTP/1.1\r\n${HOST}\r\n`,
  'a DEL in a target': `GET /in\x7f HTTP/1.1\r\n${HOST}\r\n`,
  'a byte in a target that is no UTF-8': `GET /in\xff HTTP/1.1\r\n${HOST}\r\n`,
  'an overlong LF in a target': `GET /in\xc0\x8a HTTP/1.1\r\n${HOST}\r\n`,
  'a blank in a target': `GET /in /x HTTP/1.1\r\n${HOST}\r\n`,
  'a tab before the version': `GET /in\tHTTP/1.1\r\n${HOST}\r\n`,
  'two blanks before the version': `GET /in  HTTP/1.1\r\n${HOST}\r\n`,
  'a blank after the version': `GET /in HTTP/1.1 \r\n${HOST}\r\n`,
  'a method that is no token': `GE(T /in HTTP/1.1\r\n${HOST}\r\n`,
  'a method with a byte above ASCII': `G\xc3\x89T /in HTTP/1.1\r\n${HOST}\r\n`,
  'an absolute target for another host': `GET http://other.test/in HTTP/1.1\r\n${HOST}\r\n`,
  'an authority as target': `CONNECT ${host}:80 HTTP/1.1\r\n${HOST}\r\n`,
  'an asterisk as target': `OPTIONS * HTTP/1.1\r\n${HOST}\r\n`,
  'a target without its slash': `GET in HTTP/1.1\r\n${HOST}\r\n`,
  'no Host': `GET /in HTTP/1.1\r\nX: y\r\n\r\n`,
  'two equal Hosts': `GET /in HTTP/1.1\r\n${HOST}${HOST}\r\n`,
  'two different Hosts': `GET /in HTTP/1.1\r\n${HOST}Host: other.test\r\n\r\n`,
  'a Host with userinfo': `GET /in HTTP/1.1\r\nHost: other.test@${host}\r\n\r\n`,
  'a Host whose port hides another host': `GET /in HTTP/1.1\r\nHost: ${host}:80@other.test\r\n\r\n`,
  'a Host with a path': `GET /in HTTP/1.1\r\nHost: ${host}:80/other\r\n\r\n`,
  'a Host with a query': `GET /in HTTP/1.1\r\nHost: ${host}:80?other\r\n\r\n`,
  'a Host with a blank': `GET /in HTTP/1.1\r\nHost: ${host} other.test\r\n\r\n`,
  'a Host with a backslash': `GET /in HTTP/1.1\r\nHost: ${host}:80\\other\r\n\r\n`,
  'HTTP/0.9': 'GET /in\r\n',
  'HTTP/1.0': `GET /in HTTP/1.0\r\n${HOST}\r\n`,
  'HTTP/1.2': `GET /in HTTP/1.2\r\n${HOST}\r\n`,
  'HTTP in small letters': `GET /in http/1.1\r\n${HOST}\r\n`,
  'the preface of HTTP/2': 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  'more than 100 fields': `GET /in HTTP/1.1\r\n${HOST}${'X: y\r\n'.repeat(120)}\r\n`,
  'a chunk size with a sign': chunked('+1\r\na\r\n0\r\n\r\n'),
  'a negative chunk size': chunked('-1\r\na\r\n0\r\n\r\n'),
  'a chunk size with a prefix': chunked('0x1\r\na\r\n0\r\n\r\n'),
  'a chunk size with a letter behind': chunked('1x\r\na\r\n0\r\n\r\n'),
  'a chunk size beyond 64 bits': chunked('10000000000000001\r\na\r\n0\r\n\r\n'),
  'a chunk longer than its size': chunked('1\r\nabcdef\r\n0\r\n\r\n'),
};

for (const [what, bytes] of Object.entries(REFUSED)) {
  test(`refused with its connection: ${what}`, async () => {
    const alone = await attack([bytes]);
    assert.deepEqual(alone.targets, [], 'a server saw it');
    assert.ok(alone.closed, 'the connection stays open');
    assert.equal(alone.statuses.length, 1);
    assert.match(alone.received, /^HTTP\/1\.1 (400|431|505) /);
    // A client that sends on, in the same packet or behind the answer, is not served.
    assert.deepEqual((await attack([bytes + NEXT])).targets, []);
    assert.deepEqual((await attack([bytes, NEXT], true)).targets, []);
  });
}

/** Taken: the server sees these targets and bodies, in framing of ours. */
const TAKEN: Record<string, { bytes: string; bodies: string[] }> = {
  'a length with blanks around it': { bytes: post('Content-Length: \t 1 \t'), bodies: ['a'] },
  'a length with a leading zero': { bytes: post('Content-Length: 01'), bodies: ['a'] },
  'equal lengths in two fields': { bytes: post('Content-Length: 1\r\nContent-Length: 1'), bodies: ['a'] },
  'a coding in capitals with tabs around it': {
    bytes: post('TRANSFER-ENCODING:\tCHUNKED\t', '1\r\na\r\n0\r\n\r\n'),
    bodies: ['a'],
  },
  'a field whose name only looks like a coding': { bytes: post('Transfer_Encoding: chunked', ''), bodies: [''] },
  'a coding that Connection names': {
    bytes: post('Connection: Transfer-Encoding, close\r\nTransfer-Encoding: chunked', '1\r\na\r\n0\r\n\r\n'),
    bodies: ['a'],
  },
  'a Host that Connection names': { bytes: post('Connection: host, content-length\r\nContent-Length: 1'), bodies: ['a'] },
  'a chunk size with many zeros': { bytes: chunked('00000000000000000005\r\nhello\r\n0\r\n\r\n'), bodies: ['hello'] },
  'chunk sizes in capitals': { bytes: chunked('A\r\n0123456789\r\n0\r\n\r\n'), bodies: ['0123456789'] },
  'a body that looks like a request': { bytes: post(`Content-Length: ${NEXT.length}`, NEXT), bodies: [NEXT] },
  'chunks that look like requests': {
    bytes: chunked(`${NEXT.length.toString(16)}\r\n${NEXT}\r\n5\r\n0\r\n\r\n\r\n0\r\n\r\n`),
    bodies: [`${NEXT}0\r\n\r\n`],
  },
  'characters that become line ends when their high byte is lost': {
    bytes: post('X: \xc4\x8d\xc4\x8aX-Injected: 1\xe0\xb4\x8a\xe2\x80\xa8', ''),
    bodies: [''],
  },
  'an upgrade to HTTP/2 in the clear': {
    bytes: post('Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA', ''),
    bodies: [''],
  },
};

for (const [what, { bytes, bodies }] of Object.entries(TAKEN)) {
  test(`taken, and framed anew: ${what}`, async () => {
    const first = server.requests.length;
    const { targets, statuses } = await attack([bytes]);
    const seen = server.requests.slice(first);
    assert.deepEqual(targets, ['/in']);
    assert.deepEqual(
      seen.map((request) => request.body),
      bodies,
    );
    assert.deepEqual(statuses, [200]);
    for (const name of ['x-injected', 'http2-settings']) assert.equal(seen[0].fields.has(name), false, name);
  });
}

/** uWebSockets reads these otherwise than RFC 9112 does. Whatever it makes of them, it must stay one request. */
const CARELESS: Record<string, string> = {
  'an extension': '5;a=b\r\nhello\r\n0\r\n\r\n',
  'an extension with a quoted line end': '5;a="\r\n"\r\nhello\r\n0\r\n\r\n',
  'an extension with a bare LF': '5;a\nb\r\nhello\r\n0\r\n\r\n',
  'an extension with a bare CR': '5;a\rb\r\nhello\r\n0\r\n\r\n',
  'an extension of the last chunk': '0;a=b\r\n\r\n',
  'a size that ends with a bare LF': '5\nhello\r\n0\r\n\r\n',
  'a size with a blank before': ' 5\r\nhello\r\n0\r\n\r\n',
  'a size with a blank behind': '5 \r\nhello\r\n0\r\n\r\n',
  'a size with a control character behind': '5\x01\r\nhello\r\n0\r\n\r\n',
  'an empty size': '\r\nhello\r\n0\r\n\r\n',
  'a size with the digit g': 'g\r\nhellohellohelloh\r\n0\r\n\r\n',
  'a size with the digit :': ':\r\nhellohello\r\n0\r\n\r\n',
  'no line end behind the data': '5\r\nhello0\r\n\r\n',
  'anything for the line end behind the data': '5\r\nhelloXX0\r\n\r\n',
  'anything for the line end behind the last chunk': '0\r\nXX',
  'bare LFs at the end': '0\n\n',
  'a trailer': '0\r\nX: y\r\n\r\n',
  'a trailer that looks like a request': `0\r\n${NEXT}`,
  'a trailer that is a request but for two bytes': `0\r\nxx${NEXT}`,
};

for (const [what, body] of Object.entries(CARELESS)) {
  test(`nothing is served behind a chunked request that is careless: ${what}`, async () => {
    const bytes = chunked(body);
    for (const pieces of [[bytes], [bytes + NEXT], [bytes, NEXT]]) {
      const { targets, closed, statuses } = await attack(pieces, true);
      assert.ok(targets.length <= 1 && !targets.includes('/smuggled'), `the server saw ${targets}`);
      assert.ok(statuses.length <= 1);
      // Taken or refused, its connection ends; a body that is thought to go on is waited for.
      if (statuses.length === 1) assert.ok(closed);
    }
  });
}

test('a chunked request has its whole answer, large or none, and then the connection ends', async (t) => {
  const answers: Record<string, { response: string; status: string; body: number }> = {
    '/large': { response: ok('x'.repeat(300_000)), status: '200 OK', body: 300_000 },
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
    assert.deepEqual(fields.get('connection'), ['close']);
    assert.equal(await client.untilClosed(), '');
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
  const get = (target: string, to = HOST): string => `GET ${target} HTTP/1.1\r\n${to}\r\n`;
  const two = await attack([get('/1') + get('/2')]);
  assert.ok(two.targets.length <= 2 && two.targets.every((target, i) => target === `/${i + 1}`), `${two.targets}`);
  const local = await attack([get('/1', 'Host: nobody.test\r\n') + get('/2')]);
  assert.deepEqual(local.statuses, [404, 200]);
  assert.deepEqual(local.targets, ['/2']);
  const body = await attack([post('Content-Length: 5', 'hello', '/1') + get('/2')]);
  assert.ok(body.targets.every((target, i) => target === `/${i + 1}`), `${body.targets}`);
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
const FRAGMENTS = [
  'GET /a HTTP/1.1\r\n',
  'POST /b HTTP/1.1\r\n',
  'HEAD /c HTTP/1.1\r\n',
  'GET /\r\n',
  HOST,
  HOST,
  HOST,
  'Host: nobody.test\r\n',
  'Content-Length: 5\r\n',
  'Content-Length: 0\r\n',
  'content-length:5\r\n',
  'Content-Length: 5, 5\r\n',
  'Content-Length:\r\n',
  'Transfer-Encoding: chunked\r\n',
  'Transfer-Encoding:chunked\r\n',
  'Transfer-Encoding: identity\r\n',
  'Transfer-Encoding : chunked\r\n',
  'Connection: close\r\n',
  'Connection: content-length, transfer-encoding, host\r\n',
  'Expect: 100-continue\r\n',
  'Upgrade: websocket\r\n',
  'X: y\r\n',
  ': empty\r\n',
  'X: a\rb\r\n',
  '\r\n',
  '\r\n',
  '\r\n\r\n',
  '\n',
  '\r',
  '\0',
  ' ',
  '\t',
  'hello',
  '5\r\nhello\r\n',
  '5;x=y\r\nhello\r\n',
  '5\nhello\r\n',
  '0\r\n\r\n',
  '0\r\nX: y\r\n\r\n',
  '0',
  'ffffffff\r\n',
  NEXT,
  `POST /whole HTTP/1.1\r\n${HOST}Content-Length: 5\r\n\r\nhello`,
  `POST /whole HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n`,
  `GET /whole HTTP/1.1\r\n${HOST}\r\n`,
];
const soup = fc.record({
  begins: fc.constantFrom('', FRAGMENTS[0] + HOST, FRAGMENTS[1] + HOST, `${FRAGMENTS[1]}${HOST}${FRAGMENTS[13]}`),
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
    const name = host.split('.')[0];
    const lines = (await tsuji.metrics()).matchAll(
      new RegExp(`^traefik_backend_requests_total\\{[^}]*backend="${name}"[^}]*\\} (\\d+)$`, 'gm'),
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
