import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { NO_BODY, TUNNEL, UNKNOWN_LENGTH } from '../../../../src/data/downstream.ts';
import { NO_LENGTH } from '../../../../src/http/response-head.ts';
import { Http1Memory } from '../../../harness/http1-memory.ts';

const HOST = 'Host: a.test\r\n';
const get = (target: string, fields = ''): string => `GET ${target} HTTP/1.1\r\n${HOST}${fields}\r\n`;
const post = (target: string, body: string, fields = ''): string =>
  `POST ${target} HTTP/1.1\r\n${HOST}${fields}Content-Length: ${body.length}\r\n\r\n${body}`;
const chunked = (target: string, body: string): string =>
  `POST ${target} HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n${body}`;
const undated = (text: string): string => text.replaceAll(/Date: [^\r]*\r\n/g, '');
const ok = (body: string, more = ''): string =>
  `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n${more}\r\n${body}`;

test('requests behind each other are answered in their order, and use one pair again where they can', async () => {
  const place = new Http1Memory();
  for (let i = 0; i < 5; i++) {
    place.socket.give(get(`/now${i}`));
    assert.equal(undated(await place.sent()), ok(`/now${i}`));
  }
  assert.equal(place.made, 1);
  place.socket.give(get('/a') + get('/now') + get('/b') + get('/now2'));
  assert.deepEqual(place.targets.slice(5), ['/a', '/now', '/b', '/now2']);
  place.seen[7].respond('b');
  assert.equal(await place.sent(), '');
  place.seen[5].respond('a');
  assert.equal(undated(await place.sent()), ok('a') + ok('/now') + ok('b') + ok('/now2'));
  place.connection.close();
  await place.closed();
});

test('a drain waits for the request that may be on its way, on a connection that rests, and for a head in pieces', async () => {
  const place = new Http1Memory();
  place.socket.give(get('/now1'));
  assert.equal(undated(await place.sent()), ok('/now1'));
  place.connection.drain();
  assert.equal(place.wheel.size, 1);
  place.socket.give(get('/now2').slice(0, 20));
  assert.ok(place.connection.isBusy);
  place.socket.give(get('/now2').slice(20));
  assert.equal(undated(await place.sent()), ok('/now2'));
  assert.equal(place.connection.isBusy, false);
  place.connection.drain();
  assert.equal(place.socket.endSent, false);
  // Nothing has come within that time.
  place.connection.expired();
  assert.ok(place.socket.endSent);
  place.connection.close();
  await place.closed();
});

test('an answer in pieces that comes before its turn is held, up to a bound, and told of', async () => {
  const place = new Http1Memory();
  place.socket.give(get('/a') + get('/b'));
  const [a, b] = place.seen;
  b.downstream.begin('200 OK', UNKNOWN_LENGTH, false);
  assert.equal(b.downstream.write(Buffer.alloc(10)), true);
  assert.equal(b.downstream.write(Buffer.alloc(100_000)), false);
  assert.ok(place.budget.heldBytes > 100_000);
  assert.equal(b.writable, 0);
  a.respond('a');
  assert.equal(b.writable, 1);
  assert.equal(b.downstream.end('x: y\r\n'), true);
  b.release();
  const sent = undated(await place.sent());
  assert.ok(sent.startsWith(`${ok('a')}HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\n`));
  assert.ok(sent.endsWith('\r\n0\r\nx: y\r\n\r\n'));
  place.connection.close();
  await place.closed();
});

test('what is not harmless waits for those before it, and nothing is read meanwhile', async () => {
  const place = new Http1Memory();
  place.socket.give(get('/a') + post('/b', 'body') + get('/c'));
  assert.deepEqual(place.targets, ['/a']);
  assert.ok(place.socket.unread > 0);
  place.seen[0].respond('a');
  await place.sent();
  assert.deepEqual(place.targets, ['/a', '/b']);
  assert.equal(place.seen[1].body, 'body');
  place.seen[1].respond('b');
  await place.sent();
  assert.deepEqual(place.targets, ['/a', '/b', '/c']);
  place.seen[2].respond('c');
  place.connection.close();
  await place.closed();
});

test('at most 32 requests run together', async () => {
  const place = new Http1Memory();
  const many = Array.from({ length: 40 }, (_, i) => get(`/${i}`));
  place.socket.give(many.join(''));
  await place.sent();
  assert.equal(place.seen.length, 32);
  for (let i = 0; i < 40; i++) {
    place.seen[i].respond(`${i}`);
    await place.socket.settle();
  }
  assert.equal(undated(await place.sent()), many.map((_, i) => ok(`${i}`)).join(''));
  place.connection.close();
  await place.closed();
});

test('two requests with bodies are the same wherever they are cut', async () => {
  const text = chunked('/a', '3\r\nabc\r\n2;x="y"\r\nde\r\n0\r\nT: u\r\n\r\n') + post('/b', 'fgh') + get('/now');
  for (let cut = 1; cut < text.length; cut++) {
    const place = new Http1Memory();
    place.socket.give(text.slice(0, cut));
    await place.socket.settle(1);
    place.socket.give(text.slice(cut));
    await place.socket.settle(1);
    const [a] = place.seen;
    assert.deepEqual([a.body, a.trailers, a.complete], ['abcde', 't: u\r\n', true], `cut at ${cut}`);
    a.respond('a');
    await place.socket.settle(1);
    const b = place.seen[1];
    assert.deepEqual([b.target, b.body, b.complete], ['/b', 'fgh', true], `cut at ${cut}`);
    b.respond('b');
    assert.equal(undated(await place.sent()), ok('a') + ok('b') + ok('/now'), `cut at ${cut}`);
    place.connection.close();
    await place.closed();
  }
});

test('any requests cut anywhere are answered in order, and every exchange ends', async () => {
  const request = fc.oneof(
    fc.constantFrom(get('/now'), get('/later'), get('/later', 'Connection: keep-alive\r\n'), '\r\n'),
    fc.constantFrom(post('/later', 'abc'), post('/now', ''), chunked('/later', '1\r\na\r\n0\r\n\r\n')),
    fc.constantFrom('BAD\r\n', get('/now', 'Connection: close\r\n'), 'GET /now HTTP/1.0\r\n\r\n'),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(request, { maxLength: 6 }),
      fc.array(fc.nat(400), { maxLength: 4 }),
      async (all, cuts) => {
        const text = all.join('');
        const place = new Http1Memory();
        let from = 0;
        const answerAll = async (): Promise<void> => {
          for (const exchange of [...place.seen].reverse()) {
            if (!exchange.ended && exchange.complete) exchange.respond('later');
          }
          await place.socket.settle(2);
        };
        for (const to of [...cuts.sort((a, b) => a - b), text.length]) {
          if (to > from) place.socket.give(text.slice(from, to));
          from = Math.max(from, to);
          await answerAll();
        }
        for (let i = 0; i < all.length; i++) await answerAll();
        place.socket.giveEnd();
        const answers = (await place.sent()).split('HTTP/1.1 ').length - 1;
        assert.equal(answers, place.seen.length);
        assert.ok(place.seen.every(({ ended }) => ended));
        place.connection.close();
        await place.closed();
      },
    ),
    { numRuns: 200 },
  );
});

test('who speaks HTTP/1.0 gets no chunks and no interim responses, and keeps its connection only when it asks for that', async () => {
  const place = new Http1Memory();
  place.socket.give('GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n');
  place.seen[0].downstream.inform('103 Early Hints');
  place.seen[0].respond('a');
  assert.equal(undated(await place.sent()), ok('a', 'Connection: keep-alive\r\n'));
  place.socket.give('GET /b HTTP/1.0\r\nConnection: keep-alive\r\n\r\n');
  const b = place.seen[1].downstream;
  b.begin('200 OK', UNKNOWN_LENGTH, false);
  b.write(Buffer.from('body'));
  assert.equal(b.end(''), true);
  place.seen[1].release();
  assert.equal(undated(await place.sent()), 'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nbody');
  assert.ok(place.socket.endSent);
  const other = new Http1Memory();
  other.socket.give('GET /now HTTP/1.0\r\n\r\nGET /now HTTP/1.0\r\n\r\n');
  assert.equal(undated(await other.sent()), ok('/now', 'Connection: close\r\n'));
});

test('a response says what its head and its body are, and gets a Date where it has none', async () => {
  const place = new Http1Memory();
  const answer = async (head: string, length: number, headLength = NO_LENGTH): Promise<string> => {
    place.socket.give(get('/a'));
    const exchange = place.seen.at(-1)!;
    exchange.downstream.respond(head, length, null, headLength, false);
    exchange.release();
    return place.sent();
  };
  assert.equal(await answer('204 No Content\r\nDate: x', NO_BODY), 'HTTP/1.1 204 No Content\r\nDate: x\r\n\r\n');
  assert.equal(await answer('304 Not Modified\r\ndate: x', NO_BODY), 'HTTP/1.1 304 Not Modified\r\ndate: x\r\n\r\n');
  assert.equal(
    await answer('200 OK\r\nDATE: x', NO_BODY, 7),
    'HTTP/1.1 200 OK\r\nDATE: x\r\nContent-Length: 7\r\n\r\n',
  );
  assert.equal(await answer('205 R\r\nDate: x', 0), 'HTTP/1.1 205 R\r\nDate: x\r\nContent-Length: 0\r\n\r\n');
  const [, date] = /\r\nDate: ([^\r]+ GMT)\r\n/.exec(await answer('200 OK\r\nX-Date: y', 0))!;
  assert.ok(Math.abs(Date.parse(date) - Date.now()) < 10_000);
});

test('who begins with another protocol than HTTP is not answered in HTTP', async () => {
  for (const [text, answer] of [
    ['INVALID CONNECTION PREFACE\r\n\r\n', ''],
    ['EHLO mail example\r\n', ''],
    ['GET / HTTQ/1.1\r\n\r\n', 'HTTP/1.1 400'],
    ['GET /\r\n\r\n', 'HTTP/1.1 400'],
  ]) {
    const place = new Http1Memory();
    place.socket.give(text);
    if (answer === '') await place.closed();
    assert.equal((await place.sent()).slice(0, 12), answer, text);
  }
});

test('the expectation of a client is met by its server, or ends the connection', async () => {
  const place = new Http1Memory();
  place.socket.give(`POST /a HTTP/1.1\r\n${HOST}Content-Length: 3\r\nExpect: 100-continue\r\n\r\n`);
  assert.equal(await place.sent(), '', 'nobody but the server says 100');
  place.seen[0].downstream.inform('100 Continue');
  assert.equal(await place.sent(), 'HTTP/1.1 100 Continue\r\n\r\n');
  place.socket.give('abc');
  place.seen[0].respond('a');
  assert.equal(undated(await place.sent()), ok('a'));
  place.socket.give(`POST /a HTTP/1.1\r\n${HOST}Content-Length: 3\r\nExpect: 100-continue\r\n\r\n`);
  place.seen[1].downstream.respond('417 No', 0, null, NO_LENGTH, false);
  place.seen[1].release();
  assert.match(await place.sent(), /\r\nConnection: close\r\n/);
  assert.ok(place.socket.endSent, 'a body that was not asked for may never come');
});

test('an upgrade holds what follows until the server agrees; behind a refusal nothing is served', async () => {
  const upgrade = get('/chat', 'Connection: Upgrade\r\nUpgrade: chat\r\n');
  const place = new Http1Memory();
  place.socket.give(`${upgrade}early`);
  const [exchange] = place.seen;
  assert.deepEqual([exchange.tunnel, exchange.body, place.socket.unread], [true, '', 5]);
  exchange.downstream.begin('101 Switching\r\nConnection: upgrade\r\nUpgrade: chat', TUNNEL, false);
  assert.match(await place.sent(), /^HTTP\/1\.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: chat\r\n\r\n$/);
  assert.equal(exchange.body, 'early');
  place.socket.give('\x81\x00');
  exchange.downstream.write(Buffer.from('to the client'));
  assert.equal(await place.sent(), 'to the client');
  assert.equal(exchange.body, 'early\x81\x00');
  place.socket.giveEnd();
  await place.socket.settle();
  assert.ok(exchange.complete && !place.socket.closed, 'the other direction goes on');
  exchange.downstream.write(Buffer.from('bye'));
  assert.equal(exchange.downstream.end(''), true);
  exchange.release();
  assert.equal(await place.sent(), 'bye');
  assert.ok(place.socket.endSent);

  const other = new Http1Memory();
  other.socket.give(upgrade + get('/now'));
  assert.deepEqual(other.targets, ['/chat']);
  other.seen[0].respond('no');
  assert.equal(undated(await other.sent()), ok('no', 'Connection: close\r\n'));
  assert.deepEqual([other.targets, other.socket.endSent], [['/chat'], true]);

  const behind = new Http1Memory();
  behind.socket.give(get('/now') + get('/a') + upgrade);
  assert.deepEqual([behind.seen[2].target, behind.seen[2].tunnel], ['/chat', false]);
});

test('an upgrade with a body has its body first, and its tunnel behind it', async () => {
  const place = new Http1Memory();
  place.socket.give(`${post('/attach', 'abc', 'Connection: Upgrade\r\nUpgrade: tcp\r\n')}raw`);
  const [exchange] = place.seen;
  assert.deepEqual([exchange.tunnel, exchange.body, exchange.complete], [true, 'abc', true]);
  exchange.downstream.begin('101 Switching', TUNNEL, false);
  await place.sent();
  assert.equal(exchange.body, 'abcraw');
});

test('nothing is served behind a refusal, the last request, or an answer that ends the connection', async () => {
  const behind = get('/now');
  const bad = new Http1Memory();
  bad.socket.give(get('/a') + get('/b', 'X : y\r\n') + behind);
  bad.seen[0].respond('a');
  assert.equal(
    undated(await bad.sent()),
    `${ok('a')}HTTP/1.1 400 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`,
  );
  const last = new Http1Memory();
  last.socket.give(get('/now', 'Connection: close\r\n') + behind);
  assert.equal(undated(await last.sent()), ok('/now', 'Connection: close\r\n'));
  const ending = new Http1Memory();
  ending.socket.give(get('/a'));
  ending.seen[0].respond('a', true);
  ending.socket.give(behind);
  assert.equal(undated(await ending.sent()), ok('a', 'Connection: close\r\n'));
  const careless = new Http1Memory();
  careless.socket.give(chunked('/a', 'x\r\n') + behind);
  assert.match(await careless.sent(), /^HTTP\/1\.1 400 /);
  for (const place of [bad, last, ending, careless]) {
    assert.ok(place.socket.endSent);
    place.socket.give(behind);
    place.connection.expired();
    await place.closed();
    assert.equal(place.targets.includes('/smuggled'), false);
  }
});

test('an answer before the end of an upload leaves the rest unread by anybody, and then the next request is served', async () => {
  const place = new Http1Memory();
  place.socket.give(post('/a', 'x'.repeat(1_000)).slice(0, -500));
  place.seen[0].respond('early');
  assert.equal(undated(await place.sent()), ok('early'));
  place.socket.give('x'.repeat(500) + get('/now'));
  assert.equal(undated(await place.sent()), ok('/now'));
  assert.equal(place.seen[0].body.length, 500);
});

test('a body that is paused waits unread, and goes on', async () => {
  const place = new Http1Memory();
  place.socket.give(post('/a', 'abcdef').slice(0, -4));
  const [exchange] = place.seen;
  exchange.downstream.pauseBody();
  place.socket.give('cdef');
  await place.socket.settle();
  assert.equal(exchange.body, 'ab');
  exchange.downstream.resumeBody();
  await place.socket.settle();
  assert.equal(exchange.body, 'abcdef');
});

test('a client that has ended its side gets its answers, and then the end', async () => {
  const place = new Http1Memory();
  place.socket.give(get('/a') + get('/b'));
  place.socket.giveEnd();
  place.seen[1].respond('b');
  place.seen[0].respond('a');
  assert.equal(undated(await place.sent()), ok('a') + ok('b'));
  assert.ok(place.socket.endSent);
});

test('a client that ends within a head or a body is told so, and its exchange hears of it', async () => {
  const head = new Http1Memory();
  head.socket.give('GET / HT');
  head.socket.giveEnd();
  assert.match(await head.sent(), /^HTTP\/1\.1 400 /);
  const body = new Http1Memory();
  body.socket.give(post('/a', 'abc').slice(0, -1));
  body.socket.giveEnd();
  assert.match(await body.sent(), /^HTTP\/1\.1 400 /);
  assert.match(body.seen[0].failure, /ended/);
  const idle = new Http1Memory();
  idle.socket.giveEnd();
  await idle.sent();
  assert.ok(idle.socket.endSent);
});

test('a connection that breaks ends all that runs on it', async () => {
  const place = new Http1Memory();
  place.socket.give(get('/a') + get('/b') + post('/c', 'abc'));
  place.socket.fail('reset');
  await place.closed();
  assert.deepEqual(
    place.seen.map(({ aborted }) => aborted),
    [1, 1],
  );
});

test('a slow head is refused, silence is no request, and an idle connection ends', async () => {
  const silent = new Http1Memory();
  silent.connection.expired();
  assert.equal(await silent.sent(), '');
  await silent.closed();
  const slow = new Http1Memory();
  slow.socket.give('GET / HTTP/1.1\r\n');
  slow.connection.expired();
  assert.match(await slow.sent(), /^HTTP\/1\.1 408 /);
  const idle = new Http1Memory();
  idle.socket.give(get('/now'));
  await idle.sent();
  idle.connection.expired();
  assert.equal(await idle.sent(), '');
  assert.ok(idle.socket.endSent);
});

test('who neither brings its body nor takes its answer is ended, who waits for a server is not', async () => {
  const upload = new Http1Memory();
  upload.socket.give(post('/a', 'abc').slice(0, -1));
  for (let i = 0; i < 4; i++) await upload.look(300);
  assert.equal(upload.seen[0].failure, '');
  await upload.look(300);
  assert.match(await upload.sent(), /^HTTP\/1\.1 408 /);

  const download = new Http1Memory();
  download.socket.limit(0);
  download.socket.give(get('/a'));
  download.seen[0].respond('a');
  await download.socket.settle();
  for (let i = 0; i < 6; i++) await download.look(300);
  await download.closed();

  const waits = new Http1Memory();
  waits.socket.give(get('/a'));
  for (let i = 0; i < 20; i++) await waits.look(300);
  assert.equal(waits.socket.closed, false);
});

test('a slow client holds its answer back, piece by piece, and its exchange ends when it has all', async () => {
  const place = new Http1Memory();
  place.socket.limit(1_000);
  place.socket.give(get('/a'));
  const [{ downstream }] = place.seen;
  downstream.begin('200 OK', 300_000, false);
  assert.equal(downstream.write(Buffer.alloc(200_000, 'x')), false);
  assert.ok(place.budget.heldBytes > 0);
  place.socket.take(500_000);
  await place.socket.settle();
  assert.equal(place.seen[0].writable, 1);
  place.socket.limit(0);
  downstream.write(Buffer.alloc(100_000, 'x'));
  assert.equal(downstream.end(''), false);
  assert.equal(place.connection.isBusy, true);
  place.socket.take(500_000);
  await place.socket.settle();
  assert.equal(place.seen[0].writable, 2);
  place.seen[0].release();
  assert.equal(place.connection.isBusy, false);
  assert.equal((await place.sent()).length, 300_000 + 'HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n'.length + 37);
});

test('a client that does not take its answers is not read from', async () => {
  const place = new Http1Memory();
  place.socket.limit(0);
  for (let i = 0; i < 4; i++) {
    place.socket.give(get('/a'));
    place.seen.at(-1)?.respond('x'.repeat(50_000));
    await place.socket.settle();
  }
  const { length } = place.seen;
  assert.ok(length < 4, `${length} requests`);
  place.socket.take(10_000_000);
  await place.socket.settle();
  assert.equal(place.seen.length, length + 1);
});

test('a flood of requests in one read takes its share of a turn, and the rest later', async () => {
  const place = new Http1Memory();
  const count = 200;
  place.socket.give(get('/now').repeat(count));
  assert.ok(place.seen.length < 64, `${place.seen.length} at once`);
  await place.socket.settle(20);
  assert.equal(place.seen.length, count);
});

test('a broken answer breaks the connection', async () => {
  const place = new Http1Memory();
  place.socket.give(get('/a'));
  place.seen[0].downstream.begin('200 OK', 10, false);
  place.seen[0].downstream.abort();
  place.seen[0].release();
  assert.ok(place.socket.wasReset);
  await place.socket.settle();
  assert.ok(place.hasLeft);
});
