import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { parseServerUrl, type ServerUrl } from '../../../src/model/server-url.ts';

function parsed(url: string): ServerUrl {
  const result = parseServerUrl(url);
  if (typeof result === 'string') assert.fail(result);
  return result;
}

function address(url: string): string {
  const { scheme, host, port, hostHeader } = parsed(url);
  return `${scheme} ${host} ${port} ${hostHeader}`;
}

test('scheme, host and port are read, with the default port of the scheme', () => {
  assert.equal(address('http://10.0.0.1:8080'), 'http 10.0.0.1 8080 10.0.0.1:8080');
  assert.equal(address('http://web-1.local'), 'http web-1.local 80 web-1.local');
  assert.equal(address('HTTPS://web'), 'https web 443 web');
  assert.equal(address('h2c://web:'), 'h2c web 80 web');
});

test('an IPv6 host loses its brackets for connecting and keeps them in the Host field', () => {
  assert.equal(address('http://[::1]:8080'), 'http ::1 8080 [::1]:8080');
  assert.equal(address('http://[fe80::1%25eth0]'), 'http fe80::1%eth0 80 [fe80::1]');
});

test('user, path, query and fragment are not part of the address', () => {
  assert.equal(address('http://me:secret@web:81/a/b?c=d#e'), 'http web 81 web:81');
  assert.equal(address('http://web?x'), 'http web 80 web');
});

test('a user and password are in nothing that is made of a URL, good or bad', () => {
  assert.equal(parsed('http://me:S3CRET@web:81/a@b').url, 'http://web:81/a@b');
  assert.deepEqual([parsed('http://me@web').hasUser, parsed('http://web/@').hasUser], [true, false]);
  const part = fc.string({ unit: fc.constantFrom(':', '/', '?', '#', '[', ']', '@', '%', ' ', '8', 'a', '.', '://') });
  fc.assert(
    fc.property(part, fc.constantFrom('http://', 'h2c://', 'ftp://', '', 'http:'), (after, scheme) => {
      const result = parseServerUrl(`${scheme}me:S3CRET${after}@host:8080`);
      assert.doesNotMatch(typeof result === 'string' ? result : result.url, /S3CRET/);
    }),
  );
});

test('one identity is scheme, host, port and path', () => {
  assert.equal(parsed('http://Web').identity, parsed('http://web:80').identity);
  assert.notEqual(parsed('http://web/a').identity, parsed('http://web/b').identity);
  assert.notEqual(parsed('http://web:443').identity, parsed('https://web').identity);
});

test('each kind of bad URL has its own reason', () => {
  const reasons: [url: string, reason: RegExp][] = [
    ['1.2.3.4:80', /^"1\.2\.3\.4:80" is not a URL: write scheme:\/\/host:port/],
    ['web', /is not a URL/],
    ['http:web', /is not a URL/],
    ['ftp://web', /has the scheme "ftp"; http, https and h2c are supported/],
    ['http://', /names no host/],
    ['http://:80', /names no host/],
    ['http:///x', /names no host/],
    ['http://web:0', /has the port "0"; it must be a number from 1 to 65535/],
    ['http://web:65536', /has the port "65536"/],
    ['http://web:8o', /has the port "8o"/],
    ['http://1:2:3', /has the port "2:3"/],
    ['http://::1', /names no host/],
    ['http://[::1', /has no valid host/],
    ['http://[::g]', /has no valid host/],
    ['http://[::1]x', /has no valid host/],
    ['http://bücher', /has no valid host/],
    [' http://web', /contains a blank/],
    ['http://web\n', /contains a blank, a line break or a control character/],
  ];
  for (const [url, reason] of reasons) {
    const result = parseServerUrl(url);
    assert.equal(typeof result, 'string', url);
    assert.match(String(result), reason);
  }
});

test('any text gives an address or a reason, and an accepted port is in range', () => {
  const unit = fc.constantFrom('http', '://', ':', '/', '[', ']', '@', '?', '#', '%25', '8', 'a', '.', ' ', 'é');
  fc.assert(
    fc.property(fc.string({ unit }), (text) => {
      for (const url of [text, `http://${text}`]) {
        const result = parseServerUrl(url);
        if (typeof result === 'string') assert.ok(result.startsWith('"'));
        else assert.ok(result.host !== '' && result.port >= 1 && result.port <= 65_535);
      }
    }),
  );
});
