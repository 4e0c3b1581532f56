import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { parseAddress, sameAddress } from '../../../src/settings/address.ts';
import { MAX_ENTRY_POINTS, parseEntryPoint, parseEntryPoints } from '../../../src/settings/entrypoints.ts';
import { TLS_DEFAULTS as TLS } from '../../harness/defaults.ts';

/** What an entrypoint is that was told its name and address only. */
const PLAIN = {
  engine: 'uws',
  tls: null,
  redirect: null,
  compress: false,
  whiteList: null,
  auth: null,
  forwardedHeaders: { insecure: true, trustedIPs: [] },
  proxyProtocol: null,
};

function unexpectedWarning(setting: string, reason: string): never {
  throw new Error(`warned: ${setting}: ${reason}`);
}

const GOOD: readonly (readonly [string, string, string, string, number])[] = [
  ['Name:http Address::80', 'http', ':80', '', 80],
  ['name:http ADDRESS::80', 'http', ':80', '', 80],
  ['  Address:127.0.0.1:8080   Name:a:b ', 'a:b', '127.0.0.1:8080', '127.0.0.1', 8080],
  ['Name:v6 Address:[::1]:80', 'v6', '[::1]:80', '::1', 80],
  ['Name:v6 Address:[::]:0', 'v6', '[::]:0', '::', 0],
  ['Name:x Address:lb_1.example.com:65535', 'x', 'lb_1.example.com:65535', 'lb_1.example.com', 65535],
  ['Name:a Address::80 ForwardedHeaders.Insecure:true', 'a', ':80', '', 80],
  ['Name:a Address::80 Compress:false WhiteList.UseXForwardedFor:off CA.Optional:false', 'a', ':80', '', 80],
];

for (const [text, name, address, host, port] of GOOD) {
  test(`${text} is read`, () => {
    assert.deepEqual(parseEntryPoint(text, unexpectedWarning), { ...PLAIN, name, address, host, port });
  });
}

const OPTIONS: readonly (readonly [string, object])[] = [
  ['Engine:node', { engine: 'tsuji' }],
  ['TLS', { engine: 'tsuji', tls: TLS }],
  ['tls Engine:UWS', { tls: TLS }],
  ['TLS:', { engine: 'tsuji', tls: TLS }],
  [
    'TLS:a.crt,a.key;b.crt,b.key',
    {
      engine: 'tsuji',
      tls: {
        ...TLS,
        certificates: [
          { cert: 'a.crt', key: 'a.key' },
          { cert: 'b.crt', key: 'b.key' },
        ],
      },
    },
  ],
  [
    'TLS TLS.MinVersion:VersionTLS10 TLS.SniStrict:on TLS.DefaultCertificate.Cert:c TLS.DefaultCertificate.Key:k',
    {
      engine: 'tsuji',
      tls: { ...TLS, minVersion: 'TLSv1', sniStrict: true, defaultCertificate: { cert: 'c', key: 'k' } },
    },
  ],
  [
    'TLS TLS.CipherSuites:TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,TLS_RSA_WITH_AES_256_CBC_SHA,TLS_AES_128_GCM_SHA256',
    {
      engine: 'tsuji',
      tls: { ...TLS, cipherSuites: ['ECDHE-RSA-AES128-GCM-SHA256', 'AES256-SHA', 'TLS_AES_128_GCM_SHA256'] },
    },
  ],
  [
    'TLS CA:a.pem,b.pem',
    { engine: 'tsuji', tls: { ...TLS, clientCA: { files: ['a.pem', 'b.pem'], optional: false } } },
  ],
  [
    'TLS CA:a.pem CA.Optional:true',
    { engine: 'tsuji', tls: { ...TLS, clientCA: { files: ['a.pem'], optional: true } } },
  ],
  [
    'Redirect.EntryPoint:https Redirect.Permanent:true',
    { redirect: { entryPoint: 'https', regex: '', replacement: '', permanent: true } },
  ],
  [
    'Redirect.Regex:^http://a:80/(.*) Redirect.Replacement:https://b/$1',
    { redirect: { entryPoint: '', regex: '^http://a:80/(.*)', replacement: 'https://b/$1', permanent: false } },
  ],
  ['Compress:enable', { compress: true }],
  [
    'WhiteList.SourceRange:10.1.2.3/8,::1,fe80::/10 WhiteList.UseXForwardedFor:true',
    { whiteList: { sourceRange: ['10.1.2.3/8', '::1', 'fe80::/10'], useXForwardedFor: true } },
  ],
  ['WhiteListSourceRange:10.0.0.1', { whiteList: { sourceRange: ['10.0.0.1'], useXForwardedFor: false } }],
  ['ForwardedHeaders.Insecure:false', { forwardedHeaders: { insecure: false, trustedIPs: [] } }],
  ['ForwardedHeaders.TrustedIPs:10.0.0.1', { forwardedHeaders: { insecure: false, trustedIPs: ['10.0.0.1'] } }],
  [
    'ForwardedHeaders.TrustedIPs:10.0.0.1 ForwardedHeaders.Insecure:true',
    { forwardedHeaders: { insecure: true, trustedIPs: ['10.0.0.1'] } },
  ],
  ['ProxyProtocol.Insecure:true', { engine: 'tsuji', proxyProtocol: { insecure: true, trustedIPs: [] } }],
  [
    'ProxyProtocol.TrustedIPs:10.0.0.0/8',
    { engine: 'tsuji', proxyProtocol: { insecure: false, trustedIPs: ['10.0.0.0/8'] } },
  ],
];

for (const [options, expected] of OPTIONS) {
  test(`the options ${options} are read`, () => {
    assert.deepEqual(parseEntryPoint(`Name:a Address::80 ${options}`, unexpectedWarning), {
      ...PLAIN,
      name: 'a',
      address: ':80',
      host: '',
      port: 80,
      ...expected,
    });
  });
}

const BAD: readonly (readonly [string, RegExp])[] = [
  ['', /has no name/],
  ['Address::80', /has no name/],
  ['Name:http', /"http": it has no address/],
  ['Name:http Address:80', /"80" has no colon: write :80/],
  ['Name:http Address:a:b:80', /"a:b:80" is not an address/],
  ['Name:http Address:::1:80', /"::1:80" is not an address: an IPv6 address stands in brackets, write \[::1\]:80/],
  ['Name:http Address:fe80::a', /write \[fe80::a\]:port/],
  ['Name:http Address:[localhost]:80', /no valid host/],
  ['Name:http Address:10.0.0.256:80', /no valid host/],
  ['Name:http Address::65536', /port "65536"/],
  ['Name:http Address:localhost:', /port ""/],
  ['Name:http Adress::80', /unknown option "Adress"; did you mean Address\?/],
  ['Name:http Address', /Address needs a value/],
  ['Name:a Address::80 Engine:go', /"a": Engine: "go" is neither uws nor tsuji/],
  ['Name:a Address::80 Engine:uws ProxyProtocol.Insecure:true', /"a": Engine: uws has no PROXY protocol/],
  ['Name:a Address::80 TLS:a.crt', /"a": TLS: pair 1 is not a certificate and a key/],
  ['Name:a Address::80 TLS:a,b;c,d,e', /"a": TLS: pair 2 is not/],
  ['Name:a Address::80 TLS TLS.MinVersion:TLS12', /TLS.MinVersion: "TLS12" is none of VersionTLS10, /],
  ['Name:a Address::80 TLS TLS.CipherSuites:TLS_RSA_WITH_AES_128_CBC_SH', /did you mean TLS_RSA_WITH_AES_128_CBC_SHA/],
  ['Name:a Address::80 TLS TLS.DefaultCertificate.Cert:a', /TLS.DefaultCertificate: there is no Key/],
  ['Name:a Address::80 TLS TLS.SniStrict:maybe', /TLS.SniStrict: "maybe" is neither true nor false/],
  ['Name:a Address::80 Redirect.Regex:a', /Redirect.Regex: there is no Redirect.Replacement/],
  ['Name:a Address::80 Redirect.Replacement:a', /Redirect.Replacement: there is no Redirect.Regex/],
  [
    'Name:a Address::80 Redirect.Regex:a Redirect.Replacement:{{.Request.Host}}',
    /templates \({{…}}\) are not supported/,
  ],
  ['Name:a Address::80 Redirect.Regex:( Redirect.Replacement:a', /Redirect.Regex: "\(": missing closing \)/],
  ['Name:a Address::80 WhiteList.SourceRange:10.0.0.0/33', /"10.0.0.0\/33" has more bits/],
  ['Name:a Address::80 WhiteList.SourceRange:10.0.0', /"10.0.0" is no IP address/],
  ['Name:a Address::80 WhiteListSourceRange:a.example.com', /WhiteListSourceRange: "a.example.com" is no IP/],
  ['Name:a Address::80 ProxyProtocol.Insecure:false', /ProxyProtocol: whom to believe\?/],
  ['Name:a Address::80 ForwardedHeaders.TrustedIPs:x', /ForwardedHeaders.TrustedIPs: "x" is no IP/],
  // Nothing that was asked for is dropped in silence.
  ['Name:a Address::80 Compress:true Compress:false', /"a": Compress is given twice/],
  ['Name:a Name:b Address::80', /Name is given twice/],
  ['Name:a Address::80 CA:ca.pem', /"a": CA: the entrypoint has no TLS/],
  ['Name:a Address::80 TLS.SniStrict:true', /"a": TLS.SniStrict: the entrypoint has no TLS/],
  ['Name:a Address::80 TLS CA:', /"a": CA: it is empty/],
  ['Name:a Address::80 WhiteList.SourceRange:,', /"a": WhiteList.SourceRange: it is empty/],
  ['Name:a Address::80 ForwardedHeaders.TrustedIPs:', /"a": ForwardedHeaders.TrustedIPs: it is empty/],
  [
    'Name:a Address::80 WhiteList.SourceRange:::1 WhiteListSourceRange:::2',
    /WhiteListSourceRange: WhiteList.SourceRange is given/,
  ],
  ['Name:a Address::80 Redirect.Permanent:true', /"a": Redirect.Permanent: whereto\?/],
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

test('options of TLS without TLS are ignored with a warning', () => {
  const warnings: string[] = [];
  const text = 'Name:a Address::80 TLS.MinVersion:VersionTLS13 CA.Optional:true';
  const { tls } = parseEntryPoint(text, (setting, reason) => warnings.push(`${setting}: ${reason}`));
  assert.equal(tls, null);
  assert.deepEqual(warnings.sort(), [
    'entryPoints.a.CA.Optional: it is ignored, because the entrypoint has no TLS',
    'entryPoints.a.TLS.MinVersion: it is ignored, because the entrypoint has no TLS',
  ]);
});

test('a cipher suite that Node has no more is left out with a warning, and refused when no other is left', () => {
  const warnings: string[] = [];
  const text = 'Name:a Address::80 TLS TLS.CipherSuites:TLS_RSA_WITH_RC4_128_SHA';
  const warn = (setting: string, reason: string): void => void warnings.push(`${setting}: ${reason}`);
  assert.throws(() => parseEntryPoint(text, warn), /"a": TLS.CipherSuites: none of them is left/);
  assert.deepEqual(parseEntryPoint(`${text},TLS_AES_128_GCM_SHA256`, warn).tls?.cipherSuites, [
    'TLS_AES_128_GCM_SHA256',
  ]);
  assert.match(warnings[0], /entryPoints.a.TLS.CipherSuites: TLS_RSA_WITH_RC4_128_SHA is too weak/);
});

test('a redirect to the entrypoint itself or to one that is not there is refused', () => {
  assert.throws(
    () => parseEntryPoints(['Name:a Address::80 Redirect.EntryPoint:a'], unexpectedWarning),
    /"a": Redirect.EntryPoint: it leads to the entrypoint itself/,
  );
  assert.throws(
    () => parseEntryPoints(['Name:a Address::80 Redirect.EntryPoint:b', 'Name:c Address::81'], unexpectedWarning),
    /"a": Redirect.EntryPoint: "b" is no entrypoint; there is a, c/,
  );
});

test('what uWebSockets cannot do with TLS is refused, naming the entrypoint, the option and the reason', () => {
  for (const [options, expected] of [
    ['CA:ca.pem', /"a": CA: Engine:uws asks for no client certificates/],
    ['TLS.MinVersion:VersionTLS11', /"a": TLS.MinVersion: Engine:uws speaks TLS 1.2 and 1.3/],
    ['TLS.MinVersion:VersionTLS13', /"a": TLS.MinVersion: Engine:uws speaks TLS 1.2 and 1.3/],
    [
      'TLS.CipherSuites:TLS_AES_128_GCM_SHA256',
      /"a": TLS.CipherSuites: TLS_AES_128_GCM_SHA256: Engine:uws always offers/,
    ],
    ['TLS.CipherSuites:TLS_RSA_WITH_AES_128_CBC_SHA256', /"a": TLS.CipherSuites: AES128-SHA256: .* does not have it/],
  ] as const) {
    const text = `Name:a Address::80 TLS Engine:uws ${options}`;
    assert.throws(() => parseEntryPoints([text], unexpectedWarning), expected);
  }
  const suites = 'TLS.CipherSuites:TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305';
  const [good] = parseEntryPoints(
    [`Name:a Address::80 TLS Engine:uws TLS.SniStrict:true ${suites}`],
    unexpectedWarning,
  );
  assert.deepEqual([good.engine, good.tls?.sniStrict, good.tls?.cipherSuites.length], ['uws', true, 2]);
});

test('two entrypoints of one name are refused', () => {
  const texts = ['Name:http Address::80', 'Name:other Address::81', 'Name:http Address::8000'];
  assert.throws(() => parseEntryPoints(texts, unexpectedWarning), /"http": there are two entrypoints of this name/);
});

test('of two options that contradict each other the one that wins is told', () => {
  const warnings: string[] = [];
  const text = 'Name:a Address::80 Redirect.EntryPoint:b Redirect.Regex:x Redirect.Replacement:y';
  assert.equal(
    parseEntryPoint(text, (setting, reason) => warnings.push(`${setting}: ${reason}`)).redirect?.entryPoint,
    'b',
  );
  assert.match(warnings.join(), /^entryPoints.a.Redirect.Regex: it is ignored: Redirect.EntryPoint wins$/);
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
