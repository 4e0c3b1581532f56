/** What goes on within streams: heads, bodies and their windows, trailers, tunnels, turns, and the end of a connection. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { TUNNEL, UNKNOWN_LENGTH } from '../../../../src/data/downstream.ts';
import { localReply } from '../../../../src/data/reply.ts';
import { FAULTS } from '../../../../src/kernel/errors.ts';
import { frame, hpackField } from '../../../harness/http2-frames.ts';
import { block, CODE, FLAG, FRAME, Http2Memory, type MemoryOptions, PREFACE } from '../../../harness/http2-memory.ts';

const HEADERS_END = FLAG.endHeaders | FLAG.endStream;
const WINDOW = 65_535;

function data(id: number, content: string | Buffer, flags = 0): Buffer {
  return frame(FRAME.data, flags, id, Buffer.from(content));
}

function windowUpdate(id: number, by: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(by);
  return frame(FRAME.windowUpdate, 0, id, payload);
}

function initialWindow(value: number): Buffer {
  const payload = Buffer.alloc(6);
  payload.writeUInt16BE(4);
  payload.writeUInt32BE(value, 2);
  return frame(FRAME.settings, 0, 0, payload);
}

function started(options: MemoryOptions = {}): Http2Memory {
  return new Http2Memory(options).start();
}

/** What credit a client has been given, on top of the first window. */
async function credit(memory: Http2Memory, id: number): Promise<number> {
  const updates = await memory.of(FRAME.windowUpdate, id);
  return updates.reduce((sum, { payload }) => sum + payload.readUInt32BE(0), 0);
}

/** The exchange that has waited goes its way; its response has been written by the test. */
function finish(memory: Http2Memory, at = 0): void {
  memory.asked[at].waiting.proceed(localReply(FAULTS.noRoute));
}

test('settings and a whole response are what they should be', async () => {
  const memory = started();
  memory.get(1, '/now');
  const frames = await memory.frames();
  const names = frames.map(({ type, flags, stream }) => `${type} ${flags} ${stream}`);
  assert.deepEqual(names, ['4 0 0', '8 0 0', '4 1 0', '1 4 1', '0 1 1']);
  assert.equal(
    frames[0].payload.toString('hex'),
    '0003000000fa0004000200000006000100000008000000010009 00000001'.replace(' ', ''),
  );
  assert.equal(frames[1].payload.readUInt32BE(0), 2 ** 31 - 1 - WINDOW);
  const heads = (await memory.heads()).get(1)!;
  assert.deepEqual(heads[0].slice(0, 2), [':status: 404', 'content-type: text/plain; charset=utf-8']);
  assert.ok(heads[0].includes('content-length: 19'));
  assert.equal(await memory.body(1), '404 page not found\n');
  await memory.ended();
});

test('a request is put into the words of HTTP/1.1', async () => {
  const memory = started();
  memory.get(1, '/a?b', [
    ['cookie', 'a=1'],
    ['x-plain', 'caf\u00c3\u00a9'],
    ['cookie', 'b=2'],
    ['te', 'trailers'],
    ['priority', 'u=1, i'],
    ['accept', 'text/event-stream'],
  ]);
  memory.get(3, '/', [['x-other', '\u00ff']]);
  memory.post(5, [['host', 'H']]);
  memory.post(7, [
    ['expect', '100-continue'],
    ['content-length', '3'],
  ]);
  await memory.frames();
  const [first, second, third, fourth] = memory.asked.map(({ head }) => head);
  assert.equal(`${first.method} ${first.target} ${first.path} ${first.host}`, 'GET /a?b /a h');
  assert.equal(
    first.fields,
    'x-plain: café\r\npriority: u=1, i\r\naccept: text/event-stream\r\ncookie: a=1; b=2\r\nconnection: te\r\nte: trailers\r\n',
  );
  assert.ok(first.wantsEvents && !first.latin1 && first.passesExpect);
  assert.deepEqual([memory.asked[0].out.outbox.urgency, memory.asked[0].out.outbox.incremental], [1, true]);
  assert.ok(second.latin1);
  assert.equal(second.fields, 'x-other: \u00ff\r\n');
  assert.equal(third.bodyFollows, true);
  assert.ok(fourth.expectsContinue && fourth.contentLength === 3);
  await memory.ended();
});

test('too many fields, cookie crumbs counted one by one, and too long ones are answered 431', async () => {
  const memory = started({ maxFields: 5 });
  const crumbs = (n: number) => Array.from({ length: n }, () => ['cookie', 'a=1'] as const);
  memory.get(1, '/now', crumbs(5));
  memory.get(3, '/now', crumbs(6));
  const long = Buffer.concat([block('/now'), hpackField('x', 'y'.repeat(20_000)), hpackField('x', 'y'.repeat(46_000))]);
  for (let at = 0; at < long.length; at += 16_384) {
    const flags = (at === 0 ? FLAG.endStream : 0) | (at + 16_384 >= long.length ? FLAG.endHeaders : 0);
    memory.send(frame(at === 0 ? FRAME.headers : FRAME.continuation, flags, 5, long.subarray(at, at + 16_384)));
  }
  memory.get(7, '/now', crumbs(5));
  const statuses = [...(await memory.heads())].map(([id, [fields]]) => `${id} ${fields[0]}`);
  assert.deepEqual(statuses, ['1 :status: 404', '3 :status: 431', '5 :status: 431', '7 :status: 404']);
  await memory.ended();
});

test('a response waits for the windows of its stream and of its connection', async () => {
  const memory = started();
  memory.get(1);
  memory.get(3);
  const [one, three] = memory.asked;
  one.out.begin('200 OK\r\n', 100_000);
  assert.equal(one.out.write(Buffer.alloc(100_000, 'a')), false);
  assert.equal((await memory.body(1)).length, WINDOW, 'both windows are used up');
  assert.equal(memory.budget.heldBytes >= 100_000 - WINDOW, true);
  three.out.begin('200 OK\r\n', 10);
  assert.equal(three.out.write(Buffer.alloc(10, 'b')), false);
  memory.send(windowUpdate(1, 50_000));
  assert.equal((await memory.body(1)).length, WINDOW, 'that of the connection is still closed');
  memory.send(windowUpdate(0, 20_000));
  assert.equal((await memory.body(3)).length, 10, 'it has a turn');
  assert.equal((await memory.body(1)).length, WINDOW + 20_000 - 10);
  memory.send(windowUpdate(0, 20_000));
  assert.equal((await memory.body(1)).length, 100_000);
  const frames = await memory.of(FRAME.data, 1);
  assert.ok(frames.every(({ payload }) => payload.length <= 16_384));
  assert.equal(frames.at(-1)!.flags, FLAG.endStream);
  finish(memory, 0);
  finish(memory, 1);
  await memory.ended();
});

test('a window that was made smaller may be below 0, and is filled from there', async () => {
  const memory = started();
  memory.get(1);
  const { out } = memory.asked[0];
  out.begin('200 OK\r\n', UNKNOWN_LENGTH);
  out.write(Buffer.alloc(1_000));
  memory.send(initialWindow(0));
  assert.equal(out.write(Buffer.alloc(100)), false);
  memory.send(windowUpdate(1, 1_000));
  assert.equal((await memory.body(1)).length, 1_000);
  memory.send(windowUpdate(1, 1));
  assert.equal((await memory.body(1)).length, 1_001);
  memory.send(initialWindow(WINDOW));
  assert.equal((await memory.body(1)).length, 1_100);
  assert.ok(out.end(''));
  assert.equal((await memory.of(FRAME.data, 1)).at(-1)!.flags, FLAG.endStream);
  finish(memory);
  await memory.ended();
});

test('streams take turns, the more urgent go first, and what is wanted whole is sent to its end', async () => {
  const memory = started();
  memory.send(initialWindow(1_000_000));
  memory.get(1);
  memory.get(3, '/', [['priority', 'u=5']]);
  memory.get(5);
  memory.get(7, '/', [['priority', 'u=1']]);
  memory.get(9, '/', [['priority', 'u=7']]);
  memory.send(frame(FRAME.priorityUpdate, 0, 0, Buffer.from('\0\0\0\x09u=0,i')));
  for (const { out } of memory.asked) {
    out.begin('200 OK\r\n', 40_000);
    out.write(Buffer.alloc(40_000));
  }
  const before = (await memory.frames()).length;
  memory.send(windowUpdate(0, 1_000_000));
  const order = (await memory.frames()).slice(before).filter(({ type }) => type === FRAME.data);
  // The first two were sent before the others were there, as far as the window went.
  assert.deepEqual(
    order.map(({ stream }) => stream),
    [9, 9, 9, 7, 7, 7, 5, 5, 5, 3],
  );
  for (const at of memory.asked.keys()) finish(memory, at);
  await memory.ended();
});

test('a client that reads slowly gets all, in turn, and no more is written ahead than a little', async () => {
  const memory = started();
  memory.send(initialWindow(10_000_000), windowUpdate(0, 10_000_000));
  memory.get(1);
  memory.get(3);
  await memory.frames();
  memory.socket.limit(0);
  for (const { out } of memory.asked) {
    out.begin('200 OK\r\n', 1_000_000);
    assert.equal(out.write(Buffer.alloc(1_000_000)), false);
  }
  assert.ok(memory.socket.backlog < 300_000);
  for (let i = 0; i < 50; i++) {
    memory.socket.take(50_000);
    await memory.socket.settle();
    const [one, three] = [(await memory.body(1)).length, (await memory.body(3)).length];
    // The first has had the start that it had, and no more.
    if (one < 900_000 && i > 6) assert.ok(one - three <= 320_000, `${one} and ${three}`);
  }
  assert.equal((await memory.body(1)).length, 1_000_000);
  assert.equal((await memory.body(3)).length, 1_000_000);
  finish(memory, 0);
  finish(memory, 1);
  await memory.ended();
});

test('a client may send more only when its server has taken it', async () => {
  const memory = started();
  memory.post(1);
  let sent = 0;
  for (; sent < 131_072; sent += 8_192) memory.send(data(1, Buffer.alloc(8_192)));
  // The exchange waits for a server, and takes no more than a part of it until then.
  assert.equal(await credit(memory, 1), 0);
  assert.equal(await memory.reset(1), -1);
  memory.asked[0].out.resumeBody();
  assert.ok((await credit(memory, 1)) >= 131_072);
  await memory.ended();
});

test('more than the window is an error of the stream, and padding is no loss', async () => {
  const memory = started();
  memory.post(1);
  memory.asked[0].out.pauseBody();
  for (let sent = 0; sent < 131_072; sent += 16_384) memory.send(data(1, Buffer.alloc(16_384)));
  assert.equal(await memory.reset(1), -1);
  memory.send(data(1, 'x'));
  assert.equal(await memory.reset(1), CODE.flowControl);
  memory.post(3);
  const padded = frame(FRAME.data, FLAG.padded, 3, Buffer.concat([Buffer.from([255]), Buffer.alloc(256)]));
  for (let i = 0; i < 2_000; i++) memory.send(padded);
  assert.equal(await memory.reset(3), -1);
  assert.equal(await memory.goaway(), -1);
  assert.ok((await credit(memory, 3)) > 2_000 * 257 - 131_072);
  await memory.ended();
});

test('tiny pieces of one read become one', async () => {
  const memory = started();
  memory.post(1);
  const pieces: string[] = [];
  const { out } = memory.asked[0];
  out.events.downstreamBody = (chunk, last) => {
    pieces.push(`${Buffer.from(chunk)} ${last}`);
  };
  memory.send(data(1, 'a'), data(1, 'b'), data(1, ''), data(1, 'c'));
  memory.send(data(1, 'd'), data(1, 'e', FLAG.endStream));
  assert.deepEqual(pieces, ['abc false', 'de true']);
  await memory.ended();
});

test('trailers go both ways', async () => {
  const memory = started();
  memory.post(1);
  const { out } = memory.asked[0];
  let told = '';
  out.events.downstreamTrailers = (lines) => {
    told = lines;
  };
  const trailers = Buffer.concat([hpackField('x-sum', '1'), hpackField('content-length', '7')]);
  memory.send(data(1, 'x'), frame(FRAME.headers, HEADERS_END, 1, trailers));
  assert.equal(told, 'x-sum: 1\r\n');
  out.begin('200 OK\r\n', UNKNOWN_LENGTH);
  out.write(Buffer.from('body'));
  assert.ok(out.end('Grpc-Status: 0\r\n'));
  assert.deepEqual((await memory.heads()).get(1)?.[1], ['grpc-status: 0']);
  const last = (await memory.frames()).at(-1)!;
  assert.deepEqual([last.type, last.flags], [FRAME.headers, HEADERS_END]);
  finish(memory);
  await memory.ended();
});

test('trailers behind a body that waits come behind it', async () => {
  const memory = started();
  memory.get(1);
  const { out } = memory.asked[0];
  memory.send(initialWindow(4));
  out.begin('200 OK\r\n', UNKNOWN_LENGTH);
  memory.send(initialWindow(0));
  assert.equal(out.write(Buffer.from('body')), false);
  assert.equal(out.end('x: y\r\n'), false);
  memory.send(windowUpdate(1, 4));
  const [body, end] = (await memory.frames()).slice(-2);
  assert.deepEqual([body.type, body.flags, end.type, end.flags], [FRAME.data, 0, FRAME.headers, HEADERS_END]);
  finish(memory);
  await memory.ended();
});

test('interim responses go before the final one, and none behind it', async () => {
  const memory = started();
  memory.post(1, [['expect', '100-continue']]);
  const { out } = memory.asked[0];
  out.inform('100 Continue');
  out.inform('103 Early Hints\r\nLink: </a>\r\n');
  out.respond('204 No Content\r\n', -1, null, -1);
  out.inform('103 Early Hints\r\n');
  const heads = (await memory.heads()).get(1)!;
  assert.deepEqual(
    heads.map((fields) => fields.slice(0, 2)),
    [[':status: 100'], [':status: 103', 'link: </a>'], [':status: 204']],
  );
  finish(memory);
  assert.equal(await memory.reset(1), CODE.noError, 'the rest of its body is not needed');
  memory.send(data(1, 'late'), data(1, 'r', FLAG.endStream));
  assert.equal((await memory.of(FRAME.rstStream, 1)).length, 1);
  await memory.ended();
});

test('a 205 has no body, and a head of any length arrives whole', async () => {
  const memory = started();
  memory.get(1);
  memory.get(3);
  memory.asked[0].out.begin('205 Reset Content\r\n', UNKNOWN_LENGTH);
  memory.asked[0].out.write(Buffer.from('not allowed'));
  memory.asked[0].out.end('');
  const long = 'x'.repeat(50_000);
  memory.asked[1].out.respond(`200 OK\r\nA: ${long}\r\nConnection: close\r\nB: c`, 2, 'hi', -1);
  const heads = await memory.heads();
  assert.equal(await memory.body(1), '');
  assert.equal((await memory.of(FRAME.headers, 1))[0].flags, HEADERS_END);
  assert.deepEqual(heads.get(3)?.[0], [':status: 200', `a: ${long}`, 'b: c', 'content-length: 2']);
  assert.equal(await memory.body(3), 'hi');
  finish(memory, 0);
  finish(memory, 1);
  await memory.ended();
});

test('a response that breaks off is reset', async () => {
  const memory = started();
  memory.get(1);
  const { out } = memory.asked[0];
  out.begin('200 OK\r\n', 100);
  out.write(Buffer.from('half'));
  out.abort(CODE.internal);
  assert.equal(await memory.reset(1), CODE.internal);
  finish(memory);
  await memory.ended();
});

const connect = (id: number, ...more: (readonly [string, string])[]): Buffer => {
  const pairs = [
    [':method', 'CONNECT'],
    [':protocol', 'websocket'],
    [':scheme', 'https'],
    [':path', '/chat'],
    [':authority', 'h'],
    ['sec-websocket-version', '13'],
    ...more,
  ] as const;
  return frame(FRAME.headers, FLAG.endHeaders, id, Buffer.concat(pairs.map(([n, v]) => hpackField(n, v))));
};

test('a WebSocket is an upgrade for its server, and bytes both ways once it agrees', async () => {
  const memory = started();
  memory.send(connect(1, ['sec-websocket-key', 'of the client'], ['origin', 'o']));
  const { head, out } = memory.asked[0];
  assert.equal(`${head.method} ${head.target}`, 'GET /chat');
  assert.ok(head.tunnel && head.webSocket && head.upgrade === 'websocket');
  assert.equal(Buffer.from(head.values('sec-websocket-key').join(), 'base64').length, 16);
  assert.match(head.fields, /^sec-websocket-version: 13\r\norigin: o\r\nsec-websocket-key: \S+\r\n$/);
  const got: string[] = [];
  out.events.downstreamBody = (chunk, last) => {
    got.push(`${Buffer.from(chunk)} ${last}`);
  };
  memory.send(data(1, 'early'));
  assert.deepEqual(got, [], 'nothing of it before the server has agreed');
  out.begin(
    '101 Switching Protocols\r\nSec-WebSocket-Accept: x\r\nSec-WebSocket-Protocol: p\r\nUpgrade: websocket',
    TUNNEL,
  );
  assert.deepEqual((await memory.heads()).get(1)?.[0], [':status: 200', 'sec-websocket-protocol: p']);
  assert.deepEqual(got, ['early false']);
  memory.send(data(1, 'more'));
  out.write(Buffer.from('from the server'));
  assert.equal(await memory.body(1), 'from the server');
  memory.send(data(1, '', FLAG.endStream));
  assert.deepEqual(got, ['early false', 'more false', ' true']);
  assert.ok(out.end(''));
  assert.equal((await memory.of(FRAME.data, 1)).at(-1)!.flags, FLAG.endStream);
  finish(memory);
  await memory.ended();
});

test('an answer that is no agreement is none for the client either; other protocols and bare CONNECTs are refused', async () => {
  const memory = started();
  memory.send(connect(1));
  memory.asked[0].out.respond('200 OK\r\n', 2, 'no', -1);
  finish(memory);
  const bare = Buffer.concat([hpackField(':method', 'CONNECT'), hpackField(':authority', 'h:443')]);
  memory.send(frame(FRAME.headers, FLAG.endHeaders, 3, bare));
  const other = Buffer.concat([
    ...[
      [':method', 'CONNECT'],
      [':protocol', 'connect-udp'],
      [':scheme', 'https'],
      [':path', '/'],
      [':authority', 'h'],
    ].map(([name, value]) => hpackField(name, value)),
  ]);
  memory.send(frame(FRAME.headers, FLAG.endHeaders, 5, other));
  memory.get(7, '/now');
  const statuses = [...(await memory.heads())].map(([id, [fields]]) => `${id} ${fields[0]}`);
  assert.deepEqual(statuses, ['1 :status: 502', '3 :status: 501', '5 :status: 501', '7 :status: 404']);
  await memory.ended();
});

test('where only names with a certificate are served, one that comes by the connection of another is told so', async () => {
  const memory = started({
    secure: true,
    serverName: 'a.test',
    worker: {
      entryPoints: [{ tls: { sniStrict: true } }],
      certificates: { find: (_index: number, name: string) => (name === 'b.test' ? {} : undefined) },
      table: { route: (_index: number, _method: string, host: string) => (host.startsWith('nowhere') ? null : {}) },
    },
  });
  const hosts = ['a.test', 'A.test:443', 'b.test', 'c.test', 'c.test:443', '[::1]:443', 'nowhere.test'];
  for (const [at, host] of hosts.entries()) {
    const fields = [':method GET', ':scheme https', ':path /now', `:authority ${host}`].map((text) => {
      const [name, value] = text.split(' ');
      return hpackField(name, value);
    });
    memory.send(frame(FRAME.headers, HEADERS_END, 2 * at + 1, Buffer.concat(fields)));
  }
  const statuses = [...(await memory.heads())].map(([, [fields]]) => fields[0].slice(-3));
  assert.deepEqual(statuses, ['404', '404', '404', '421', '421', '421', '404']);
  assert.equal(await memory.reset(7), -1);
  await memory.ended();
});

test('a connection goes away in two steps and serves what was begun', async () => {
  const memory = started();
  memory.get(1);
  memory.connection.drain();
  const [first] = await memory.of(FRAME.goaway, 0);
  assert.deepEqual([first.payload.readUInt32BE(0), first.payload.readUInt32BE(4)], [2 ** 31 - 1, 0]);
  memory.get(3);
  const [ping] = await memory.of(FRAME.ping, 0);
  memory.send(frame(FRAME.ping, FLAG.ack, 0, ping.payload));
  const goaways = await memory.of(FRAME.goaway, 0);
  assert.deepEqual([goaways.length, goaways[1].payload.readUInt32BE(0), goaways[1].payload.readUInt32BE(4)], [2, 3, 0]);
  memory.get(5);
  assert.equal(memory.asked.length, 2);
  memory.asked[0].out.respond('200 OK\r\n', 2, 'hi', -1);
  memory.asked[1].out.respond('200 OK\r\n', 2, 'ho', -1);
  finish(memory, 0);
  assert.ok(memory.connection.isBusy && !memory.socket.endSent);
  finish(memory, 1);
  assert.equal(await memory.body(3), 'ho');
  assert.ok(memory.socket.endSent);
  await memory.ended();
});

test('times: SETTINGS, idle connections, half heads, and streams and connections that make no progress', async () => {
  const unsettled = new Http2Memory();
  unsettled.send(Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), initialWindow(WINDOW));
  for (let i = 0; i < 10; i++) unsettled.connection.look(1_000);
  assert.equal(await unsettled.goaway(), CODE.settingsTimeout);
  await unsettled.ended();

  const silent = new Http2Memory({ headerTimeoutMs: 5_000 });
  silent.send(Buffer.from(PREFACE.slice(0, 10)));
  silent.wheel.turn(performance.now() + 6_000);
  assert.equal(await silent.goaway(), CODE.noError);
  assert.ok(silent.socket.endSent);
  await silent.ended();

  const idle = started({ clientIdleMs: 5_000 });
  idle.get(1);
  for (let i = 0; i < 9; i++) idle.connection.look(1_000);
  assert.equal(await idle.goaway(), -1, 'it waits for an answer');
  finish(idle);
  for (let i = 0; i < 5; i++) idle.connection.look(1_000);
  assert.equal(await idle.goaway(), CODE.noError);
  assert.ok(idle.socket.endSent);
  await idle.ended();

  const slow = started({ headerTimeoutMs: 5_000 });
  slow.send(frame(FRAME.headers, 0, 1, block()));
  for (let i = 0; i < 8; i++) {
    slow.connection.look(1_000);
    if (i < 5) slow.send(frame(FRAME.continuation, 0, 1));
  }
  assert.equal(await slow.goaway(), CODE.noError);
  await slow.ended();

  const stalled = started({ downloadTimeoutMs: 5_000, uploadTimeoutMs: 5_000 });
  stalled.send(initialWindow(0));
  stalled.get(1);
  stalled.post(3);
  stalled.post(5, [['content-type', 'application/grpc+proto']]);
  stalled.asked[0].waiting.proceed({ ...localReply(FAULTS.noRoute), body: 'x'.repeat(5_000), length: 5_000 });
  for (let i = 0; i < 8; i++) {
    stalled.send(windowUpdate(1, 100), data(3, 'x'));
    await stalled.socket.settle();
    stalled.connection.look(1_000);
  }
  assert.equal(await stalled.reset(1), CODE.cancel, 'a byte now and then is no progress');
  assert.equal(await stalled.reset(3), CODE.cancel);
  assert.equal(await stalled.reset(5), -1, 'gRPC may be quiet');
  assert.equal(await stalled.goaway(), -1);
  stalled.socket.limit(0);
  stalled.send(frame(FRAME.ping, 0, 0, Buffer.alloc(8)));
  await stalled.socket.settle();
  for (let i = 0; i < 8; i++) stalled.connection.look(1_000);
  assert.ok(stalled.socket.closed);
  await stalled.ended();
});
