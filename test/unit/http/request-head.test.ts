import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { REQUEST_CHUNKED, REQUEST_LENGTH, REQUEST_NO_BODY } from '../../../src/http/request-framing.ts';
import { RequestHead } from '../../../src/http/request-head.ts';

function headOf(...fields: [string, string][]): RequestHead {
  const head = new RequestHead();
  head.begin('GET', '/', '/');
  for (const [name, value] of fields) head.add(name, value);
  head.finish();
  return head;
}

const HOST: [string, string] = ['host', 'a.test'];

test('framing is read from the fields, and contradictions are refused', () => {
  assert.equal(headOf(HOST).body, REQUEST_NO_BODY);
  assert.equal(headOf(HOST, ['content-length', '0']).body, REQUEST_LENGTH);
  assert.equal(headOf(HOST, ['content-length', '7'], ['content-length', '7']).contentLength, 7);
  assert.equal(headOf(HOST, ['transfer-encoding', 'Chunked']).body, REQUEST_CHUNKED);
  const cases: [string, ...[string, string][]][] = [
    ['two different Content-Lengths', ['content-length', '1'], ['content-length', '2']],
    ['a Content-Length that is no number', ['content-length', '1e3']],
    ['both Content-Length and Transfer-Encoding', ['content-length', '1'], ['transfer-encoding', 'chunked']],
    ['both Content-Length and Transfer-Encoding', ['transfer-encoding', 'chunked'], ['content-length', '1']],
    ['the transfer coding "gzip, chunked"', ['transfer-encoding', 'gzip, chunked']],
    ['the transfer coding "chunked"', ['transfer-encoding', 'chunked'], ['transfer-encoding', 'chunked']],
  ];
  for (const [problem, ...fields] of cases) assert.equal(headOf(HOST, ...fields).problem, problem);
});

test('a coding that is merely unknown is told apart from a list that is none', () => {
  const codes = (...values: string[]): string[] =>
    values.map((value) => headOf(HOST, ['transfer-encoding', value]).fault.code);
  assert.deepEqual(new Set(codes('gzip', 'gzip, chunked', 'xchunked', 'identity')), new Set(['UNKNOWN_CODING']));
  assert.deepEqual(
    new Set(codes('', ',chunked', 'chunked,', 'chunked, chunked', 'chunked, gzip', 'chunked;q=1', '"chunked"')),
    new Set(['BAD_REQUEST']),
  );
});

test('a request names exactly one host', () => {
  assert.equal(headOf().problem, 'no Host field');
  assert.equal(headOf(HOST, HOST).problem, 'several Host fields');
});

test('a field that Connection names cannot take a forwarded field away', () => {
  const head = headOf(HOST, ['connection', 'x-forwarded-for, X-Secret'], ['x-secret', '1'], ['x-open', '2']);
  assert.equal(head.fields, 'x-open: 2\r\n');
  assert.match(head.forwardedLines('1.2.3.4', false, ''), /^x-forwarded-for: 1\.2\.3\.4\r\n/);
});

test('Upgrade counts only when Connection names it', () => {
  assert.equal(headOf(HOST, ['upgrade', 'websocket']).upgrade, '');
  assert.equal(headOf(HOST, ['upgrade', 'websocket'], ['connection', 'keep-alive, Upgrade']).upgrade, 'websocket');
});

test('several Upgrade or Expect fields are one list', () => {
  const asked = headOf(HOST, ['connection', 'upgrade'], ['upgrade', 'websocket'], ['upgrade', 'h2c']);
  assert.deepEqual([asked.upgrade, asked.webSocket], ['websocket, h2c', true]);
  const expecting = (...values: string[]): RequestHead =>
    headOf(HOST, ...values.map((value): [string, string] => ['expect', value]));
  assert.equal(expecting('a', 'b').expect, 'a, b');
  assert.deepEqual(
    [['100-continue'], ['100-Continue', '100-continue'], ['100-continue', 'a'], [','], []].map(
      (values) => expecting(...values).expectsContinue,
    ),
    [true, true, false, false, false],
  );
});

test('X-Forwarded-Port comes from the Host field, IPv6 literals included, else from the scheme', () => {
  const port = (host: string, secure = false): string =>
    /x-forwarded-port: (\S+)/.exec(headOf(['host', host]).forwardedLines('::1', secure, ''))![1];
  assert.equal(port('a.test'), '80');
  assert.equal(port('a.test', true), '443');
  assert.equal(port('a.test:8080'), '8080');
  assert.equal(port('[::1]'), '80');
  assert.equal(port('[::1]:81'), '81');
});

test('every other field is forwarded in order, as it stands', () => {
  const name = fc.stringMatching(/^x-[a-z0-9]{1,20}$/).filter((text) => !/^x-(real-ip|forwarded-.*)$/.test(text));
  const value = fc.stringMatching(/^[\x21-\x7e]{0,30}$/);
  fc.assert(
    fc.property(fc.array(fc.tuple(name, value)), (fields) => {
      assert.equal(headOf(HOST, ...fields).fields, fields.map(([n, v]) => `${n}: ${v}\r\n`).join(''));
    }),
  );
});

test('whoever asked before, the forwarded fields are those of this request', () => {
  const text = fc.constantFrom('', 'a', 'b.test');
  const forwarded = fc.constantFrom('', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'x-real-ip');
  const request = fc.tuple(fc.constantFrom('a.test', 'b.test:81'), fc.constantFrom('::1', '1.2.3.4'), fc.boolean());
  const lines = (
    head: RequestHead,
    [host, peer, secure]: [string, string, boolean],
    name: string,
    value: string,
  ): string => {
    head.begin('GET', '/', '/');
    head.add('host', host);
    if (name !== '') head.add(name, value);
    head.finish();
    return head.forwardedLines(peer, secure, 'x-forwarded-server: t\r\n');
  };
  fc.assert(
    fc.property(fc.array(fc.tuple(request, forwarded, text)), (requests) => {
      const used = new RequestHead();
      for (const [asked, name, value] of requests) {
        assert.equal(lines(used, asked, name, value), lines(new RequestHead(), asked, name, value));
        const [host, peer, secure] = asked;
        if (name !== '') continue;
        assert.equal(
          lines(used, asked, '', ''),
          `x-forwarded-for: ${peer}\r\nx-forwarded-host: ${host}\r\n` +
            `x-forwarded-port: ${host.includes(':') ? '81' : secure ? '443' : '80'}\r\n` +
            `x-forwarded-proto: ${secure ? 'https' : 'http'}\r\nx-forwarded-server: t\r\nx-real-ip: ${peer}\r\n`,
        );
      }
    }),
  );
});

test('a field stands once among those as received, whatever Connection lists', () => {
  const head = headOf(HOST, ['authorization', 'b'], ['connection', 'x-one'], ['x-one', '1']);
  assert.deepEqual([head.values('authorization'), head.values('x-one')], [['b'], ['1']]);
  assert.equal(head.fields, 'authorization: b\r\n');
});
