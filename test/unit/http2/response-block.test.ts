/** Header blocks of servers (RFC 9113 §8.1, §8.2, §8.3.2): the head of a response, its trailers, and what is neither. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { ResponseHead } from '../../../src/http/response-head.ts';
import { Field } from '../../../src/http2/field.ts';
import { ResponseBlock } from '../../../src/http2/response-block.ts';

type Fields = readonly (readonly [name: string, value: string])[];

const block = new ResponseBlock();

function read(fields: Fields, dropsDate = false): ResponseHead {
  const head = new ResponseHead();
  head.dropsDate = dropsDate;
  block.begin(head);
  fields.every(([name, value]) => block.field(new Field(name, value)));
  block.finish(head);
  return head;
}

function trailers(fields: Fields): string {
  block.begin(null);
  fields.every(([name, value]) => block.field(new Field(name, value)));
  return block.problem === '' ? block.lines : block.problem;
}

test('a response head becomes a status line with its reason and lines, without those of one hop', () => {
  const fields: Fields = [
    [':status', '404'],
    ['set-cookie', 'a=1'],
    ['set-cookie', 'b=2'],
    ['date', 'x'],
    ['proxy-authenticate', 'x'],
    ['trailer', 'y'],
  ];
  const head = read(fields);
  assert.deepEqual(
    [head.status, head.text, head.problem, block.announcesTrailers],
    [404, '404 Not Found\r\nset-cookie: a=1\r\nset-cookie: b=2\r\ndate: x', '', true],
  );
  assert.equal(read(fields, true).text, '404 Not Found\r\nset-cookie: a=1\r\nset-cookie: b=2');
  assert.equal(read([[':status', '299']]).text, '299 Unknown');
});

test('a length is read, and is a problem when it is none', () => {
  const status = [':status', '200'] as const;
  assert.equal(read([status, ['content-length', '5']]).contentLength, 5);
  assert.equal(read([status]).contentLength, -1);
  assert.equal(read([status, ['content-length', '5x']]).problem, 'a Content-Length that is no number');
  const two = [status, ['content-length', '5'], ['content-length', '6']] as const;
  assert.equal(read(two).problem, 'two different Content-Lengths');
});

test('bytes above ASCII are said to be there', () => {
  for (const name of ['x', 'x-forwarded-for']) {
    assert.equal(
      read([
        [':status', '200'],
        [name, 'caf\xe9'],
      ]).nonAscii,
      true,
    );
    assert.equal(
      read([
        [':status', '200'],
        [name, 'cafe'],
      ]).nonAscii,
      false,
    );
  }
});

test('blanks around a value go, as over HTTP/1.1', () => {
  assert.equal(
    read([
      [':status', '200'],
      ['x', ' a\t'],
    ]).text,
    '200 OK\r\nx: a',
  );
  assert.equal(trailers([['grpc-message', 'not found: ']]), 'grpc-message: not found:\r\n');
});

test('what no response may have is a problem, in its head as in its trailers', () => {
  for (const [name, value] of [
    ['x', 'a\r\nb: c'],
    ['x', 'a\nb'],
    ['x\r\nb', 'c'],
    ['', 'x'],
    [':path', '/'],
    [':status', '200'],
    ['a b', 'c'],
    ['A', 'c'],
    ['connection', 'close'],
    ['transfer-encoding', 'chunked'],
  ] as const) {
    const shown = JSON.stringify([name, value]);
    assert.notEqual(
      read([
        [':status', '200'],
        [name, value],
      ]).problem,
      '',
      shown,
    );
    assert.doesNotMatch(
      trailers([
        ['x', '1'],
        [name, value],
      ]),
      /\r\n/,
      shown,
    );
  }
  for (const status of ['', '20', '2000', 'abc', '099', '2\r\n', '+20']) {
    assert.notEqual(read([[':status', status]]).problem, '', status);
  }
  assert.notEqual(read([]).problem, '');
  assert.notEqual(
    read([
      ['x', 'y'],
      [':status', '200'],
    ]).problem,
    '',
  );
});

test('trailers pass, but for those that may not stand there', () => {
  assert.equal(
    trailers([
      ['grpc-status', '0'],
      ['content-length', '5'],
      ['set-cookie', 'a=b'],
    ]),
    'grpc-status: 0\r\n',
  );
});

test('a head of more than 64 KiB is refused before more text is made, and so are fields without end', () => {
  const long = new Field('x', 'y'.repeat(1_000));
  const short = new Field('x', '');
  for (const [field, most] of [
    [long, 70],
    [short, 2_050],
  ] as const) {
    const head = new ResponseHead();
    block.begin(head);
    block.field(new Field(':status', '200'));
    let taken = 0;
    while (block.field(field)) taken++;
    assert.ok(taken < most, `${taken}`);
    block.finish(head);
    assert.match(head.problem, /more than 65536 bytes/);
    assert.equal(head.text, '');
  }
});
