import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { parseAddress, sameAddress } from '../../../src/settings/address.ts';
import { MAX_ENTRY_POINTS, parseEntryPoint, parseEntryPoints } from '../../../src/settings/entrypoints.ts';

function unexpectedWarning(line: string): never {
  throw new Error(`warned: ${line}`);
}

const GOOD: readonly (readonly [string, string, string, string, number])[] = [
  ['Name:http Address::80', 'http', ':80', '', 80],
  ['name:http ADDRESS::80', 'http', ':80', '', 80],
  ['  Address:127.0.0.1:8080   Name:a:b ', 'a:b', '127.0.0.1:8080', '127.0.0.1', 8080],
  ['Name:v6 Address:[::1]:80', 'v6', '[::1]:80', '::1', 80],
  ['Name:v6 Address:[::]:0', 'v6', '[::]:0', '::', 0],
  ['Name:x Address:lb_1.example.com:65535', 'x', 'lb_1.example.com:65535', 'lb_1.example.com', 65535],
  ['Name:first Address::1 Name:last Address::2', 'last', ':2', '', 2],
  ['Name:a Address::80 ForwardedHeaders.Insecure:true', 'a', ':80', '', 80],
  ['Name:a Address::80 Compress:false WhiteList.UseXForwardedFor:off CA.Optional:false', 'a', ':80', '', 80],
];

for (const [text, name, address, host, port] of GOOD) {
  test(`${text} is read`, () => {
    assert.deepEqual(parseEntryPoint(text, unexpectedWarning), { name, address, host, port });
  });
}

const BAD: readonly (readonly [string, RegExp])[] = [
  ['', /has no name/],
  ['Address::80', /has no name/],
  ['Name:http', /"http": it has no address/],
  ['Name:http Address:80', /"80" has no colon: write :80/],
  ['Name:http Address:a:b:80', /"a:b:80" is not an address/],
  ['Name:http Address:::1:80', /is not an address/],
  ['Name:http Address:[localhost]:80', /no valid host/],
  ['Name:http Address:10.0.0.256:80', /no valid host/],
  ['Name:http Address::65536', /port "65536"/],
  ['Name:http Address:localhost:', /port ""/],
  ['Name:http Adress::80', /unknown option "Adress"; did you mean Address\?/],
  ['Name:http Address', /Address needs a value/],
  ['Name:https Address::443 TLS', /"https": TLS is not supported yet/],
  ['Name:https Address::443 tls:a.crt,a.key', /TLS is not supported yet/],
  ['Name:https Address::443 TLS:', /TLS is not supported yet/],
  ['Name:a Address::80 TLS.MinVersion:VersionTLS12', /TLS.MinVersion is not/],
  ['Name:a Address::80 CA:ca.pem', /CA is not supported yet/],
  ['Name:a Address::80 Redirect.EntryPoint:https', /Redirect.EntryPoint is not/],
  ['Name:a Address::80 WhiteList.SourceRange:10.0.0.0/8', /WhiteList.SourceRange is not/],
  ['Name:a Address::80 WhiteListSourceRange:10.0.0.0/8', /WhiteListSourceRange is not/],
  ['Name:a Address::80 ProxyProtocol.Insecure:true', /ProxyProtocol.Insecure is not/],
  ['Name:a Address::80 ForwardedHeaders.TrustedIPs:10.0.0.1', /ForwardedHeaders.TrustedIPs is not/],
  ['Name:a Address::80 ForwardedHeaders.Insecure:false', /ForwardedHeaders.Insecure:false is not supported yet/],
  ['Name:a Address::80 Auth.HeaderField:X-User', /Auth.HeaderField is not/],
];

for (const [text, reason] of BAD) {
  test(`"${text}" is refused with a reason`, () => {
    assert.throws(() => parseEntryPoint(text, unexpectedWarning), reason);
  });
}

test('users and their passwords are not shown when an entrypoint is refused', () => {
  assert.throws(
    () => parseEntryPoint('Name:a Address::80 Auth.Basic.Users:joe:secret', unexpectedWarning),
    (error: Error) => error.message.includes('Auth.Basic.Users') && !error.message.includes('secret'),
  );
});

test('compression is accepted with a warning', () => {
  const warnings: string[] = [];
  parseEntryPoint('Name:http Address::80 Compress:true', (line) => warnings.push(line));
  assert.deepEqual(warnings, ['--entryPoints: Compress of http is accepted, but not supported yet']);
});

test('of two entrypoints with one name the later one wins', () => {
  const texts = ['Name:http Address::80', 'Name:other Address::81', 'Name:http Address::8000'];
  const entryPoints = parseEntryPoints(texts, unexpectedWarning);
  assert.deepEqual(
    entryPoints.map(({ name, port }) => [name, port]),
    [
      ['http', 8000],
      ['other', 81],
    ],
  );
});

test('two entrypoints cannot listen on one address, but two free ports are two', () => {
  const clash = /a and b both listen on/;
  assert.throws(() => parseEntryPoints(['Name:a Address::80', 'Name:b Address:[::]:80'], unexpectedWarning), clash);
  assert.throws(() => parseEntryPoints(['Name:a Address:h:80', 'Name:b Address:h:80'], unexpectedWarning), clash);
  assert.equal(parseEntryPoints(['Name:a Address::0', 'Name:b Address::0'], unexpectedWarning).length, 2);
});

test('more entrypoints than a frontend can name are refused', () => {
  const texts = Array.from({ length: MAX_ENTRY_POINTS + 1 }, (_, index) => `Name:e${index} Address::${index + 1}`);
  assert.equal(parseEntryPoints(texts.slice(1), unexpectedWarning).length, MAX_ENTRY_POINTS);
  assert.throws(() => parseEntryPoints(texts, unexpectedWarning), /33 are more than 32/);
});

test('an entrypoint that is cut off at any byte gives an entrypoint or a clear error', () => {
  const texts = [...GOOD.map(([text]) => text), ...BAD.map(([text]) => text)];
  for (const text of texts) {
    for (let end = 0; end < text.length; end++) {
      try {
        assert.notEqual(parseEntryPoint(text.slice(0, end), () => {}).name, '');
      } catch (error) {
        assert.match((error as Error).message, /^--entryPoints: /);
      }
    }
  }
});

test('an address is read back as it was put together', () => {
  const literal = fc.oneof(fc.ipV4(), fc.ipV6(), fc.domain(), fc.constant(''));
  fc.assert(
    fc.property(literal, fc.nat(65_535), (host, port) => {
      const text = `${host.includes(':') ? `[${host}]` : host}:${port}`;
      const address = parseAddress(text);
      assert.deepEqual(address, { host, port });
      assert.equal(typeof address !== 'string' && sameAddress(address, address), port !== 0);
    }),
  );
});

test('any text is an address or gets a reason', () => {
  const near = fc.string({ unit: fc.constantFrom(...'[]:.0123ab/@% '), maxLength: 12 });
  fc.assert(
    fc.property(fc.oneof(near, fc.string()), (text) => {
      const address = parseAddress(text);
      if (typeof address !== 'string') assert.ok(address.port >= 0 && address.port <= 65_535);
      else assert.notEqual(address, '');
    }),
  );
});
