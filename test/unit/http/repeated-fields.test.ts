import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { HeldBodies, OutgoingRequest } from '../../../src/data/exchange/outgoing-request.ts';
import { RequestHead } from '../../../src/http/request-head.ts';
import { RequestReader } from '../../../src/http/request-reader.ts';

const MAX_FIELDS = 100;

/** All that a head says, of a head that `detached` has made. */
function told(head: RequestHead): Record<string, unknown> {
  // Which fields it has is compared by what they say, and what it knows of those before it says nothing.
  const { repeated, ownLines, goodHost, ...rest } = head as unknown as Record<string, unknown>;
  return { ...rest, values: head.values('accept'), forwarded: head.forwardedLines('10.0.0.1', false, '') };
}

type Seen = { readonly head: RequestHead; readonly isRepeated: boolean };

/** Reads `requests` off one connection, in pieces of `size` bytes. */
function readAll(requests: readonly string[], size = 65_536): Seen[] {
  const reader = new RequestReader();
  const head = new RequestHead();
  const seen: Seen[] = [];
  const bytes = Buffer.from(requests.join(''), 'latin1');
  for (let from = 0; from < bytes.length; from += size) {
    const piece = Buffer.from(bytes.subarray(from, from + size));
    for (let at = 0; at < piece.length; ) {
      at = reader.read(piece, at, piece.length, head, MAX_FIELDS);
      if (!reader.whole) break;
      seen.push({ head: head.detached(), isRepeated: head.repeated !== null });
      if (head.problem !== '') return seen;
    }
    piece.fill(0xee);
  }
  return seen;
}

/** Each as on a connection of its own, up to the first that is refused. */
function readSingly(requests: readonly string[]): RequestHead[] {
  const heads: RequestHead[] = [];
  for (const request of requests) {
    heads.push(readAll([request])[0].head);
    if (heads[heads.length - 1].problem !== '') break;
  }
  return heads;
}

function get(fields: string, target = '/'): string {
  return `GET ${target} HTTP/1.1\r\n${fields}\r\n`;
}

const PLAIN = 'Host: a.test\r\nAccept: */*\r\nCookie: a=b\r\nConnection: keep-alive\r\n';

test('fields that come again and again are compared instead of read, whatever is asked for', () => {
  const requests = ['/', '/b?c=d', '/e', '/f', 'http://other.test/g', '/h', '/i'].map((target) => get(PLAIN, target));
  const seen = readAll(requests);
  assert.deepEqual(
    seen.map(({ isRepeated }) => isRepeated),
    [false, false, false, false, true, true, true],
  );
  assert.deepEqual(
    seen.map(({ head }) => told(head)),
    readSingly(requests).map(told),
  );
  assert.deepEqual(
    seen.map(({ head }) => head.host),
    ['a.test', 'a.test', 'a.test', 'a.test', 'other.test', 'a.test', 'a.test'],
  );
});

test('a host that a target has named is nobody else’s', () => {
  const requests = Array.from({ length: 8 }, (_, i) => get(PLAIN, i < 4 ? 'http://other.test/' : '/'));
  assert.deepEqual(
    readAll(requests).map(({ head }) => head.host),
    [...Array(4).fill('other.test'), ...Array(4).fill('a.test')],
  );
});

test('one byte that differs makes them others, also in the case of a name', () => {
  const same = Array.from({ length: 5 }, () => get(PLAIN));
  for (const other of [PLAIN.replace('a=b', 'a=c'), PLAIN.replace('Cookie', 'cookie'), PLAIN.replace('*/*', '*/ ')]) {
    const seen = readAll([...same, get(other), get(PLAIN)]);
    assert.deepEqual(
      seen.slice(4).map(({ isRepeated }) => isRepeated),
      [true, false, true],
    );
    assert.equal(seen[5].head.fields, readAll([get(other)])[0].head.fields);
  }
});

test('what says something of a body, an upgrade or the hops before is read each time', () => {
  for (const field of [
    'Content-Length: 0',
    'Expect: 100-continue',
    'Upgrade: websocket',
    'X-Forwarded-For: 1.2.3.4',
    'X-Real-Ip: 1.2.3.4',
    'TE: trailers',
    'X-High: \xe9',
    'X-Wide:  two blanks',
  ]) {
    const requests = Array.from({ length: 6 }, () => get(`${PLAIN}${field}\r\n`));
    assert.ok(
      readAll(requests).every(({ isRepeated }) => !isRepeated),
      field,
    );
  }
});

test('a client whose fields have one length and never the same bytes is tried ever more seldom', () => {
  const numbered = (i: number): string => get(`${PLAIN}X-Id: ${100_000 + i}\r\n`);
  const changing = Array.from({ length: 2_000 }, (_, i) => numbered(i));
  // The same three times in a row would have been enough at first.
  const then = Array.from({ length: 20 }, () => numbered(0));
  assert.ok(readAll([...changing, ...then]).every(({ isRepeated }) => !isRepeated));
  assert.ok(readAll([...changing.slice(0, 8), ...then]).at(-1)?.isRepeated);
});

test('more connections than there are places each read their own fields', () => {
  const readers = Array.from({ length: 1_500 }, () => new RequestReader());
  const head = new RequestHead();
  for (let round = 0; round < 6; round++) {
    for (const [i, reader] of readers.entries()) {
      const bytes = Buffer.from(get(`Host: a${i}.test\r\nX-Id: ${i}\r\n`));
      assert.equal(reader.read(bytes, 0, bytes.length, head, MAX_FIELDS), bytes.length);
      assert.deepEqual([head.host, head.fields], [`a${i}.test`, `x-id: ${i}\r\n`]);
    }
  }
});

const field = fc.constantFrom(
  'Host: a.test\r\n',
  'Host: b.test\r\n',
  'host: a.test\r\n',
  'Accept: text/event-stream\r\n',
  'Accept: text/event-strean\r\n',
  'Connection: keep-alive\r\n',
  'Connection: keep-alive, x-a\r\n',
  'Connection: close\r\n',
  'X-A: 1\r\n',
  'X-A: 2\r\n',
  'Cookie: a=b\r\n',
  'Content-Length: 0\r\n',
  'X-Forwarded-For: 1.1.1.1\r\n',
  'TE: trailers\r\n',
  'X-High: \xc3\xa9\r\n',
);
const block = fc.array(field, { maxLength: 4 }).map((fields) => `Host: h.test\r\n${fields.join('')}`);
const target = fc.constantFrom('/', '/a?b', 'http://t.test/', '*', '/\xc3\xa9');

test('a connection reads each head as one of its own would, whatever came before and however it is cut', () => {
  fc.assert(
    fc.property(
      fc.array(block, { minLength: 1, maxLength: 3 }),
      fc.array(fc.tuple(fc.nat(2), target, fc.integer({ min: 1, max: 4 })), { minLength: 1, maxLength: 12 }),
      fc.constantFrom(1, 7, 40, 65_536),
      (blocks, turns, size) => {
        const requests = turns.flatMap(([i, to, times]) =>
          Array.from({ length: times }, () => get(blocks[i % blocks.length], to)),
        );
        assert.deepEqual(
          readAll(requests, size).map(({ head }) => told(head)),
          readSingly(requests).map(told),
        );
      },
    ),
    { numRuns: 300 },
  );
});

/** What a server gets of `head`, from a client at `peer`; `option`: a field that some option sets. */
function sent(
  head: RequestHead,
  request: OutgoingRequest,
  peer: string,
  option: string,
  passHostHeader: boolean,
): string {
  if (option !== '') head.setField('x-a', option);
  request.begin(head);
  request.takeText(head, { peerAddress: () => peer, secure: false }, '');
  return request.headFor({ passHostHeader } as never, { hostHeader: 'server.test:81' } as never);
}

test('a server gets the same of fields that are repeated, whatever was asked before, from wherever, and with whichever options', () => {
  const turn = fc.record({
    method: fc.constantFrom('GET', 'HEAD', 'DELETE'),
    target: fc.constantFrom('/', '/a', '/a?b', `/${'c'.repeat(300)}`, 'http://t.test/a'),
    peer: fc.constantFrom('10.0.0.1', '10.0.0.2'),
    option: fc.constantFrom('', '', '', '1', '2'),
    passHostHeader: fc.boolean(),
    times: fc.integer({ min: 1, max: 3 }),
  });
  fc.assert(
    fc.property(fc.array(turn, { minLength: 1, maxLength: 8 }), (turns) => {
      const reader = new RequestReader();
      const head = new RequestHead();
      const request = new OutgoingRequest(new HeldBodies());
      const get = (bytes: Buffer): void => {
        reader.read(bytes, 0, bytes.length, head, MAX_FIELDS);
      };
      // All places may be taken by others, who are to be seen not to come again.
      while (head.repeated === null) get(Buffer.from(`GET / HTTP/1.1\r\n${PLAIN}\r\n`));
      for (const { method, target, peer, option, passHostHeader, times } of turns) {
        const text = `${method} ${target} HTTP/1.1\r\n${PLAIN}\r\n`;
        const fresh = sent(
          readAll([text])[0].head,
          new OutgoingRequest(new HeldBodies()),
          peer,
          option,
          passHostHeader,
        );
        for (let i = 0; i < times; i++) {
          get(Buffer.from(text));
          assert.ok(head.repeated !== null);
          assert.equal(sent(head, request, peer, option, passHostHeader), fresh);
        }
      }
    }),
  );
});
