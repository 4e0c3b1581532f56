import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { REQUEST_CHUNKED } from '../../../src/http/request-framing.ts';
import { RequestHead } from '../../../src/http/request-head.ts';
import { MAX_HEAD_BYTES } from '../../../src/http/request-parser.ts';
import { RequestReader } from '../../../src/http/request-reader.ts';

const MAX_FIELDS = 100;
const HOST = 'Host: a.test\r\n';

type Read = { problem: string; status: number; method: string; target: string; path: string } & Pick<
  RequestHead,
  'host' | 'fields' | 'body' | 'contentLength' | 'latin1' | 'old' | 'close' | 'keepAlive' | 'upgrade' | 'expect'
>;

function seen(head: RequestHead): Read {
  const { problem, fault, method, target, path, host, fields, body, contentLength, latin1, old } = head;
  const { close, keepAlive, upgrade, expect } = head;
  const status = problem === '' ? 0 : fault.status;
  const rest = { host, fields, body, contentLength, latin1, old, close, keepAlive, upgrade, expect };
  return { problem, status, method, target, path, ...rest };
}

/** All heads in `text`, given in pieces that end at `cuts`; reading ends with the first that is refused. */
function readAll(text: string, cuts: readonly number[] = []): Read[] {
  const reader = new RequestReader();
  const head = new RequestHead();
  const heads: Read[] = [];
  const ends = [...cuts, text.length];
  let from = 0;
  for (const to of ends) {
    const piece = Buffer.from(text.slice(from, to), 'latin1');
    from = to;
    for (let at = 0; at < piece.length; ) {
      const next = reader.read(piece, at, piece.length, head, MAX_FIELDS);
      assert.ok(next <= piece.length, 'it has read past what it was given');
      if (!reader.whole) {
        assert.equal(next, piece.length);
        break;
      }
      heads.push(seen(head));
      if (head.problem !== '') return heads;
      at = next;
    }
    // What comes with one read is overwritten by the next.
    piece.fill(0xee);
  }
  return heads;
}

/** The same however it is cut. */
function read(text: string): Read {
  const [got] = readAll(text);
  assert.ok(got !== undefined, `no head in ${JSON.stringify(text)}`);
  const everyByte = Array.from({ length: Math.max(text.length - 1, 0) }, (_, i) => i + 1);
  assert.deepEqual(readAll(text, everyByte)[0], got, 'byte by byte');
  for (const cut of everyByte) assert.deepEqual(readAll(text, [cut])[0], got, `cut at ${cut}`);
  return got;
}

function get(fields: string, target = '/', version = 'HTTP/1.1'): string {
  return `GET ${target} ${version}\r\n${HOST}${fields}\r\n`;
}

test('a head becomes its parts, names in lower case, values byte for byte, in their order', () => {
  const got = read(
    'POST /a/b?c=d HTTP/1.1\r\nX-One: 1\r\nHost: a.test:80\r\nUser-AGENT: x y\tz\r\nConnection: keep-alive\r\n' +
      'Content-Length: 5\r\nX-Two: \r\nX-One: 2\r\n\r\n',
  );
  assert.deepEqual([got.problem, got.method, got.target, got.path], ['', 'POST', '/a/b?c=d', '/a/b']);
  assert.deepEqual([got.host, got.contentLength, got.keepAlive], ['a.test:80', 5, true]);
  assert.equal(got.fields, 'x-one: 1\r\nuser-agent: x y\tz\r\nx-two: \r\nx-one: 2\r\n');
});

test('blanks around a value are none of it, wherever they stand', () => {
  const got = read(get('A:b\r\nC:  \t d e \t\r\nE:\r\nF: \t \r\nG: h\r\n'));
  assert.equal(got.fields, 'a: b\r\nc: d e\r\ne: \r\nf: \r\ng: h\r\n');
});

test('bytes above 0x7F are decoded where all of them are UTF-8, and stay as they are where some are not', () => {
  const utf8 = read(get('X: k\xc3\xa4se\r\nConnection: close\r\n', '/\xc3\xa4?\xc3\xbc'));
  assert.deepEqual([utf8.fields, utf8.latin1, utf8.close], ['x: käse\r\n', false, true]);
  assert.deepEqual([utf8.target, utf8.path], ['/ä?ü', '/ä']);
  const other = read(get('X: k\xc3\xa4se\r\nY: \xff\xfe\r\n'));
  assert.deepEqual([other.fields, other.latin1], ['x: k\xc3\xa4se\r\ny: \xff\xfe\r\n', true]);
});

test('HTTP/1.0 needs no Host, and is told apart; what is above 1.1 is served as that', () => {
  const old = read('GET / HTTP/1.0\r\n\r\n');
  assert.deepEqual([old.problem, old.old, old.host], ['', true, '']);
  assert.equal(read('GET / HTTP/1.0\r\nConnection: Keep-Alive, x\r\n\r\n').keepAlive, true);
  assert.deepEqual([read(get('', '/', 'HTTP/1.9')).problem, read(get('')).old], ['', false]);
});

test('the absolute form names the host, whatever the field says', () => {
  const got = read(get('', 'http://Other.test:81/x?y'));
  assert.deepEqual([got.problem, got.host, got.target, got.path], ['', 'Other.test:81', '/x?y', '/x']);
  assert.deepEqual([read(get('', 'HTTPS://a.test')).target, read(get('', 'http://a.test?q')).target], ['/', '/?q']);
  for (const target of ['http:///x', 'http://u@a.test/', 'ftp://a.test/', 'a.test:80', 'http://', 'x']) {
    assert.equal(read(get('', target)).status, 400, target);
  }
  assert.equal(read('GET http://a.test/ HTTP/1.1\r\n\r\n').problem, 'no Host field');
  assert.equal(read(`OPTIONS * HTTP/1.1\r\n${HOST}\r\n`).problem, '');
});

test('OPTIONS for a host alone asks of the whole server, and for anything below it of that', () => {
  const asked = (target: string): string[] => {
    const { problem, host, target: got, path } = read(`OPTIONS ${target} HTTP/1.1\r\n${HOST}\r\n`);
    return [problem, host, got, path];
  };
  assert.deepEqual(asked('*'), ['', 'a.test', '*', '*']);
  assert.deepEqual(asked('http://b.test:81'), ['', 'b.test:81', '*', '*']);
  assert.deepEqual(asked('http://b.test/'), ['', 'b.test', '/', '/']);
  assert.deepEqual(asked('http://b.test?a'), ['', 'b.test', '/?a', '/']);
});

const REFUSED: Record<string, [status: number, text: string]> = {
  'a length and a coding': [400, get('Content-Length: 1\r\nTransfer-Encoding: chunked\r\n')],
  'a coding and a length': [400, get('Transfer-Encoding: chunked\r\nContent-Length: 1\r\n')],
  'a coding in HTTP/1.0': [400, get('Transfer-Encoding: chunked\r\n', '/', 'HTTP/1.0')],
  'an unknown coding': [501, get('Transfer-Encoding: gzip\r\n')],
  'a coding before chunked': [501, get('Transfer-Encoding: gzip, chunked\r\n')],
  'chunked twice': [400, get('Transfer-Encoding: chunked, chunked\r\n')],
  'chunked in two fields': [400, get('Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n')],
  'an empty member before chunked': [400, get('Transfer-Encoding: ,chunked\r\n')],
  'an empty coding': [400, get('Transfer-Encoding:\r\n')],
  'a length twice': [400, get('Content-Length: 5\r\nContent-Length: 5\r\n')],
  'a list of lengths': [400, get('Content-Length: 5, 5\r\n')],
  'a length with a sign': [400, get('Content-Length: +5\r\n')],
  'a hexadecimal length': [400, get('Content-Length: 0x5\r\n')],
  'a length with a blank inside': [400, get('Content-Length: 5 5\r\n')],
  'an empty length': [400, get('Content-Length:\r\n')],
  'a length of 16 digits': [400, get('Content-Length: 9007199254740993\r\n')],
  'a bare LF behind a field': [400, get('X: y\nZ: z\r\n')],
  'a bare LF behind the request line': [400, `GET / HTTP/1.1\n${HOST}\r\n`],
  'a bare LF for the empty line': [400, `GET / HTTP/1.1\r\n${HOST}\n`],
  'a bare CR in a value': [400, get('X: a\rb\r\n')],
  'a NUL in a value': [400, get('X: a\0b\r\n')],
  'a DEL in a value': [400, get('X: a\x7fb\r\n')],
  'a folded field': [400, get('X: a\r\n b\r\n')],
  'a folded first field': [400, `GET / HTTP/1.1\r\n ${HOST}\r\n`],
  'a blank before a colon': [400, get('X : a\r\n')],
  'no colon': [400, get('X\r\n')],
  'an empty name': [400, get(': a\r\n')],
  'a name that is no token': [400, get('X(: a\r\n')],
  'no Host': [400, 'GET / HTTP/1.1\r\nX: y\r\n\r\n'],
  'two Hosts': [400, get(HOST)],
  'a bad Host': [400, 'GET / HTTP/1.1\r\nHost: a@b\r\n\r\n'],
  'a fragment in a target': [400, get('', '/a#b')],
  'a control character in a target': [400, get('', '/a\x01b')],
  'a target that is no UTF-8': [400, get('', '/\xff')],
  'an asterisk without OPTIONS': [400, get('', '*')],
  CONNECT: [501, `CONNECT a.test:80 HTTP/1.1\r\n${HOST}\r\n`],
  'a method that is no token': [400, `G(T / HTTP/1.1\r\n${HOST}\r\n`],
  'a method of 33 characters': [501, `${'M'.repeat(33)} / HTTP/1.1\r\n${HOST}\r\n`],
  'HTTP/2.0': [505, get('', '/', 'HTTP/2.0')],
  'HTTP/3.0': [505, get('', '/', 'HTTP/3.0')],
  'HTTP/0.9 with a version': [505, get('', '/', 'HTTP/0.9')],
  'HTTP/0.9': [400, 'GET /\r\n'],
  'no version at all': [400, get('', '/', 'PREFACE')],
  'a version of something else': [400, get('', '/', 'HTTQ/1.1')],
  'a version in small letters': [400, get('', '/', 'http/1.1')],
  'a version of two digits': [400, get('', '/', 'HTTP/1.10')],
  'two blanks before a target': [400, get('', ' /')],
  'two blanks before a version': [400, get('', '/ ')],
  'a blank behind a version': [400, get('', '/', 'HTTP/1.1 ')],
  'a blank before a method': [400, ` ${get('')}`],
  'an LF before a request': [400, `\n${get('')}`],
  'three empty lines before a request': [400, `\r\n\r\n\r\n${get('')}`],
  'a TLS handshake': [400, '\x16\x03\x01\x02\x00\x01'],
};

for (const [what, [status, text]] of Object.entries(REFUSED)) {
  test(`refused with ${status}, however it is cut: ${what}`, () => {
    const got = read(text);
    assert.notEqual(got.problem, '');
    assert.equal(got.status, status, got.problem);
  });
}

test('two empty lines may stand before a request', () => {
  assert.equal(read(`\r\n\r\n${get('')}`).problem, '');
});

test('what is wrong is told when it comes, without the end of the head', () => {
  const wrong = ['GET /\r\n', 'GET / HTTP/2', '\x16', 'GET / HTTP/1.1\r\nX : ', `GET / HTTP/1.1\r\n${HOST}X: \0`];
  for (const text of wrong) assert.equal(readAll(text).length, 1, JSON.stringify(text));
  assert.equal(readAll('GET /\r\n', [3, 5]).length, 1);
});

test('a head has room for 64 KiB and 100 fields; more is refused, and where it is too long is told', () => {
  const long = (bytes: number): string => get(`X: ${'x'.repeat(bytes - get('X: \r\n').length)}\r\n`);
  const [fits] = readAll(long(MAX_HEAD_BYTES), [1, 1_000]);
  assert.equal(fits.problem, '');
  const over = long(MAX_HEAD_BYTES + 1);
  for (const cuts of [[], [20], [1, 70, 30_000]]) assert.equal(readAll(over, cuts)[0].status, 431);
  assert.equal(readAll(`GET /${'x'.repeat(MAX_HEAD_BYTES)}`)[0].status, 414);
  assert.equal(readAll(get('X: y\r\n'.repeat(99)))[0].problem, '');
  assert.equal(readAll(get('X: y\r\n'.repeat(100)))[0].status, 431);
});

test('requests behind each other are cut anywhere and stay what they are', () => {
  const pair = get('X: 1\r\nConnection: x\r\n', '/1') + get('Y:2\r\nA: \xc3\xa4\r\n', '/2');
  const got = readAll(pair);
  assert.deepEqual(
    got.map(({ target }) => target),
    ['/1', '/2'],
  );
  for (let cut = 1; cut < pair.length; cut++) assert.deepEqual(readAll(pair, [cut]), got, `cut at ${cut}`);
});

test('names of framing and forwarding are known in any case, and look-alikes pass as they are', () => {
  const got = read(
    get('TRANSFER-ENCODING: CHUNKED\r\nTransfer_Encoding: identity\r\nTE: trailers\r\nX-Real-IP: 1\r\n'),
  );
  assert.equal(got.body, REQUEST_CHUNKED);
  assert.equal(got.fields, 'transfer_encoding: identity\r\nconnection: te\r\nte: trailers\r\n');
  assert.equal(read(get('X_Forwarded-For: 1\r\nX.Real.IP: 2\r\nxyz: 3\r\n')).fields, 'xyz: 3\r\n');
});

const name = fc.stringMatching(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,12}$/).filter((text) => {
  const lower = text.toLowerCase();
  return !/^(x[^a-z0-9]|host$|te$|expect$|accept$|upgrade$|trailer$|connection$|keep-alive$|proxy-|content-le|transfer-|http2)/.test(
    lower,
  );
});
const value = fc.stringMatching(/^[\x21-\x7e\x80-\xff]([\t\x20-\x7e\x80-\xff]{0,20}[\x21-\x7e\x80-\xff])?$/);
const blanks = fc.constantFrom('', ' ', '  ', '\t', ' \t ');

test('any good fields come out as they went in, however they are written and cut', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(name, value, blanks, blanks), { maxLength: 12 }),
      fc.array(fc.nat(300), { maxLength: 4 }),
      (fields, cuts) => {
        const text = get(fields.map(([n, v, before, after]) => `${n}:${before}${v}${after}\r\n`).join(''));
        const at = [...new Set(cuts.filter((cut) => cut > 0 && cut < text.length))].sort((a, b) => a - b);
        const [got] = readAll(text, at);
        assert.equal(got.problem, '');
        const bytes = got.latin1 ? got.fields : Buffer.from(got.fields).toString('latin1');
        assert.equal(bytes, fields.map(([n, v]) => `${n.toLowerCase()}: ${v}\r\n`).join(''));
      },
    ),
    { numRuns: 500 },
  );
});

test('no bytes whatever make the reader throw, read past them, or see another head when they are cut', () => {
  const piece = fc.oneof(
    fc.constantFrom(
      'GET / HTTP/1.1\r\n',
      HOST,
      '\r\n',
      '\r',
      '\n',
      ' ',
      ':',
      'X: y\r\n',
      'Content-Length: 3\r\n',
      '\0',
    ),
    fc.stringMatching(/^[\x00-\xff]{0,8}$/),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), fc.array(fc.nat(120), { maxLength: 3 }), (pieces, cuts) => {
      // With an end, as a line that is not complete is not looked at again.
      const text = `${pieces.join('')}\r\n\r\n`;
      const at = [...new Set(cuts.filter((cut) => cut > 0 && cut < text.length))].sort((a, b) => a - b);
      assert.deepEqual(readAll(text, at), readAll(text));
    }),
    { numRuns: 2_000 },
  );
});
