/**
 * No option that protects is dropped in silence: each one of an entrypoint is kept, or refused, or (where it protects
 * nothing) warned about, for entrypoints of frontends and for that of the admin pages.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import type { EntryPoint } from '../../../src/kernel/entrypoint-options.ts';
import { OPTION_NAMES } from '../../../src/settings/entrypoint-text.ts';
import { parseFlags } from '../../../src/settings/parse-flags.ts';
import type { Settings, WebSettings } from '../../../src/settings/settings.ts';
import { temporaryFolder } from '../../harness/tools.ts';
import { warningTexts } from '../../harness/warnings.ts';

const HTTP = '--entryPoints=Name:http Address::80';

function settingsOf(...argv: string[]): Settings {
  const parsed = parseFlags(['--folder=f', ...argv], {});
  if (parsed.kind !== 'run') throw new Error(parsed.kind === 'error' ? parsed.message : parsed.kind);
  return parsed.settings;
}

/** What comes of an option: `kept` in the settings, `ours` (we choose it ourselves), or the message. */
type Outcome = 'kept' | 'ours' | { readonly refused: RegExp } | { readonly warned: RegExp };

const BASIC_ONLY = { refused: /tsuji's pages, which this entrypoint serves, have basic auth only/ };
const ASKS_NOBODY = { refused: /Auth.Forward.Address: it is missing: nobody could be asked/ };
const NO_BOOLEAN: Outcome = { refused: /"maybe" is neither true nor false/ };
const NO_FILE = { refused: /"a" is no PEM text, and as a file: it cannot be read/ };
/** Each entrypoint of the test has them already. */
const TWICE = { refused: /is given twice/ };
const NEEDS_TLS = { refused: /the entrypoint has no TLS; write TLS as well/ };
const IGNORED_WITHOUT_TLS = { warned: /it is ignored, because the entrypoint has no TLS/ };

/** Option with a value → what it needs besides, what becomes of it on an entrypoint of frontends and of the admin pages. */
const TABLE: readonly (readonly [option: string, besides: string, frontends: Outcome, admin: Outcome])[] = [
  ['Name:x', '', TWICE, TWICE],
  ['Address::8443', '', TWICE, TWICE],
  ['Engine:tsuji', '', 'kept', 'ours'],
  ['Compress:true', '', 'kept', 'ours'],
  ['TLS', '', 'kept', 'kept'],
  ['TLS.MinVersion:VersionTLS13', 'TLS', 'kept', 'kept'],
  ['TLS.MinVersion:VersionTLS13', '', IGNORED_WITHOUT_TLS, IGNORED_WITHOUT_TLS],
  ['TLS.CipherSuites:TLS_RSA_WITH_AES_256_CBC_SHA', 'TLS', 'kept', 'kept'],
  ['TLS.CipherSuites:', 'TLS', { refused: /it is empty/ }, { refused: /it is empty/ }],
  ['TLS.SniStrict:true', 'TLS', 'kept', 'kept'],
  ['TLS.SniStrict:true', '', NEEDS_TLS, NEEDS_TLS],
  ['TLS.DefaultCertificate.Cert:a', 'TLS TLS.DefaultCertificate.Key:b', 'kept', 'kept'],
  ['TLS.DefaultCertificate.Key:b', 'TLS TLS.DefaultCertificate.Cert:a', 'kept', 'kept'],
  ['TLS.DefaultCertificate.Key:b', 'TLS', { refused: /there is no Cert/ }, { refused: /there is no Cert/ }],
  ['CA:ca.pem', 'TLS', 'kept', 'kept'],
  ['CA:ca.pem', '', NEEDS_TLS, NEEDS_TLS],
  ['CA:', 'TLS', { refused: /it is empty/ }, { refused: /it is empty/ }],
  ['CA.Optional:true', 'TLS CA:ca.pem', 'kept', 'kept'],
  ['CA.Optional:true', 'TLS', { warned: /means nothing without CA/ }, { warned: /means nothing without CA/ }],
  ['Redirect.EntryPoint:http', '', 'kept', { warned: /entryPoints.traefik.Redirect .*: it is ignored/ }],
  [
    'Redirect.Regex:a',
    'Redirect.Replacement:http://b',
    'kept',
    { warned: /entryPoints.traefik.Redirect .*: it is ignored/ },
  ],
  [
    'Redirect.Replacement:http://b',
    'Redirect.Regex:a',
    'kept',
    { warned: /entryPoints.traefik.Redirect .*: it is ignored/ },
  ],
  [
    'Redirect.Permanent:true',
    'Redirect.EntryPoint:http',
    'kept',
    { warned: /entryPoints.traefik.Redirect .*: it is ignored/ },
  ],
  ['WhiteList.SourceRange:10.0.0.0/8', '', 'kept', 'kept'],
  ['WhiteList.SourceRange:', '', { refused: /it is empty/ }, { refused: /it is empty/ }],
  ['WhiteListSourceRange:10.0.0.0/8', '', 'kept', 'kept'],
  ['WhiteListSourceRange:', '', { refused: /it is empty/ }, { refused: /it is empty/ }],
  ['WhiteList.UseXForwardedFor:true', 'WhiteList.SourceRange:::1', 'kept', 'kept'],
  ['WhiteList.UseXForwardedFor:true', '', { warned: /nothing without a list/ }, { warned: /nothing without a list/ }],
  ['ProxyProtocol.TrustedIPs:10.0.0.1', '', 'kept', { refused: /ProxyProtocol: tsuji's pages/ }],
  ['ProxyProtocol.TrustedIPs:', '', { refused: /it is empty/ }, { refused: /it is empty/ }],
  ['ProxyProtocol.Insecure:true', '', 'kept', { refused: /ProxyProtocol: tsuji's pages/ }],
  ['ForwardedHeaders.TrustedIPs:10.0.0.1', '', 'kept', 'kept'],
  ['ForwardedHeaders.TrustedIPs:', '', { refused: /it is empty/ }, { refused: /it is empty/ }],
  ['ForwardedHeaders.Insecure:false', '', 'kept', 'kept'],
  ['Auth.Basic.Users:a:{SHA}qUqP5cyxm6YcTAhz05Hph5gvu9M=', '', 'kept', 'kept'],
  ['Auth.Basic.Users:a:b', '', { refused: /is of no known kind/ }, { refused: /is of no known kind/ }],
  ['Auth.Basic.Users:', '', { refused: /it is empty/ }, { refused: /it is empty/ }],
  ['Auth.Basic.RemoveHeader:true', '', 'kept', 'kept'],
  [`Auth.Digest.Users:a:traefik:${'0'.repeat(32)}`, '', 'kept', BASIC_ONLY],
  ['Auth.Digest.Users:a:b', '', { refused: /NAME:REALM:HASH/ }, { refused: /NAME:REALM:HASH/ }],
  ...['Auth.Basic.RemoveHeader', 'Auth.Digest.RemoveHeader', 'WhiteList.UseXForwardedFor'].map(
    (option) => [`${option}:maybe`, '', NO_BOOLEAN, NO_BOOLEAN] as const,
  ),
  ['Auth.Basic.RemoveHeader:on', '', 'kept', 'kept'],
  ['Auth.Digest.RemoveHeader:true', '', 'kept', BASIC_ONLY],
  [
    'Auth.HeaderField:X',
    'Auth.Basic.RemoveHeader:true',
    'kept',
    { warned: /entryPoints.traefik.Auth.HeaderField .*: it is ignored/ },
  ],
  ['Auth.HeaderField:X', '', { refused: /it names no basic, digest/ }, { refused: /it names no basic, digest/ }],
  ['Auth.Forward.Address:http://a', '', 'kept', BASIC_ONLY],
  ...(['TrustForwardHeader:true', 'AuthResponseHeaders:A'] as const).flatMap((option) => [
    [`Auth.Forward.${option}`, 'Auth.Forward.Address:https://a', 'kept', BASIC_ONLY] as const,
    [`Auth.Forward.${option}`, '', ASKS_NOBODY, ASKS_NOBODY] as const,
  ]),
  ['Auth.Forward.TLS.InsecureSkipVerify:true', 'Auth.Forward.Address:https://a', 'kept', BASIC_ONLY],
  // As in Traefik, where it has no CA to make optional.
  ['Auth.Forward.TLS.CAOptional:true', 'Auth.Forward.Address:https://a', 'ours', BASIC_ONLY],
  ['Auth.Forward.TLS.CA:a', 'Auth.Forward.Address:https://a', NO_FILE, NO_FILE],
  ['Auth.Forward.TLS.Cert:a', 'Auth.Forward.Address:https://a', NO_FILE, NO_FILE],
  ['Auth.Forward.TLS.Key:a', 'Auth.Forward.Address:https://a', NO_FILE, NO_FILE],
];

test('the table has every option of an entrypoint', () => {
  assert.deepEqual([...new Set(TABLE.map(([option]) => option.split(':')[0]))].sort(), [...OPTION_NAMES].sort());
});

/** The option makes a difference in what is kept. */
function checkOutcome<T>(
  outcome: Outcome,
  run: (text: string) => { of: T; warnings: readonly string[] },
  [option, besides]: readonly [string, string],
): void {
  if (typeof outcome === 'object' && 'refused' in outcome) {
    assert.throws(() => run(`${besides} ${option}`), outcome.refused);
    return;
  }
  const { of, warnings } = run(`${besides} ${option}`);
  if (typeof outcome === 'object') {
    assert.match(warnings.join('\n'), outcome.warned);
    return;
  }
  assert.deepEqual(warnings, []);
  // Half of a pair cannot be taken away.
  if (outcome === 'ours' || /^TLS.Default|^Redirect.Re/.test(option)) return;
  assert.notDeepEqual(of, run(besides).of);
}

for (const [option, besides, frontends, admin] of TABLE) {
  test(`${option} with ${JSON.stringify(besides)} is not dropped in silence`, () => {
    const ofFrontends = (text: string): { of: EntryPoint; warnings: readonly string[] } => {
      const settings = settingsOf(HTTP, `--entryPoints=Name:more Address::81 ${text}`);
      return { of: settings.entryPoints[1], warnings: warningTexts(settings.warnings) };
    };
    const ofAdmin = (text: string): { of: WebSettings | null; warnings: readonly string[] } => {
      // Under its name it is the entrypoint of the pages; under another one it is another entrypoint.
      const settings = settingsOf('--api', HTTP, `--entryPoints=Name:traefik Address::81 ${text}`);
      return { of: settings.web, warnings: warningTexts(settings.warnings) };
    };
    checkOutcome(frontends, ofFrontends, [option, besides]);
    checkOutcome(admin, ofAdmin, [option, besides]);
  });
}

test('the pages stand on the entrypoint that all of their sections name, with what guards it', () => {
  const admin = '--entryPoints=Name:admin Address:127.0.0.1:9000 WhiteList.SourceRange:10.0.0.0/8 TLS:a,b';
  const { web, entryPoints } = settingsOf('--api.entryPoint=admin', '--ping.entryPoint=admin', HTTP, admin);
  assert.deepEqual([web?.address, web?.whiteList?.sourceRange], ['127.0.0.1:9000', ['10.0.0.0/8']]);
  assert.deepEqual(web?.tls?.certificates, [{ cert: 'a', key: 'b' }]);
  assert.deepEqual(
    entryPoints.map(({ name }) => name),
    ['http'],
  );
  for (const [flags, reason] of [
    [['--api.entryPoint=admin', '--ping'], /--ping.entryPoint: "traefik", but --api.entryPoint is "admin"/],
    [['--api.entryPoint=nobody'], /--api.entryPoint: "nobody" is no entrypoint; there is http, admin/],
    [['--ping.entryPoint=http'], /--ping.entryPoint: http serves frontends/],
    [['--metrics.prometheus.entryPoint=admin', '--defaultEntryPoints=http,admin'], /admin serves frontends/],
  ] as const) {
    assert.throws(() => settingsOf(...flags, HTTP, admin), reason);
  }
  assert.throws(
    () =>
      settingsOf(
        '--api',
        '--entryPoints=Name:http Address::80 Redirect.EntryPoint:traefik',
        '--entryPoints=Name:traefik Address::81',
      ),
    /"http": Redirect.EntryPoint: traefik serves tsuji's pages only/,
  );
});

test('a certificate of --web.address is kept whole', () => {
  const { web } = settingsOf('--web.certFile=a.pem', '--web.keyFile=a.key');
  assert.deepEqual([web?.tls?.certificates, web?.tls?.minVersion], [[{ cert: 'a.pem', key: 'a.key' }], 'TLSv1.2']);
  assert.throws(() => settingsOf('--web.certFile=a.pem'), /--web.certFile: there is no --web.keyFile/);
  assert.throws(() => settingsOf('--web.keyFile=a.key'), /--web.keyFile: there is no --web.certFile/);
});

test('whoever asks for ping or the metrics alone gets nothing else', () => {
  for (const [flags, pages] of [
    [['--ping'], 'ping'],
    [['--metrics.prometheus'], 'metrics'],
    [['--metrics.prometheus', '--ping'], 'metrics'],
    [['--api', '--ping'], 'all'],
    [['--web'], 'all'],
    [['--web.metrics.prometheus'], 'all'],
  ] as const) {
    assert.equal(settingsOf(...flags).web?.pages, pages, flags.join(' '));
  }
  assert.equal(settingsOf('--api', '--api.dashboard=false').web?.dashboard, false);
});

function tomlOf(t: TestContext, text: string): Settings {
  const folder = temporaryFolder();
  t.after(() => folder.remove());
  const file = join(folder.path, 'traefik.toml');
  writeFileSync(file, text);
  return settingsOf(`--configFile=${file}`);
}

test('a traefik.toml keeps or refuses the same', (t) => {
  const entryPoints = '[entryPoints.http]\naddress = ":80"\n[entryPoints.traefik]\naddress = "127.0.0.1:81"\n';
  const guarded = tomlOf(
    t,
    `[api]\n${entryPoints}[entryPoints.traefik.whiteList]\nsourceRange = ["10.0.0.0/8"]\n` +
      '[entryPoints.traefik.tls]\nminVersion = "VersionTLS13"\n[[entryPoints.traefik.tls.certificates]]\ncertFile = "a"\nkeyFile = "b"\n',
  );
  assert.deepEqual([guarded.web?.whiteList?.sourceRange, guarded.web?.tls?.minVersion], [['10.0.0.0/8'], 'TLSv1.3']);
  for (const [section, reason] of [
    ['basic]\nusers = ["a:b"]', /the hash of user "a" is of no known kind/],
    ['digest]', /the key ends too early: .*a mistake here must not leave the door open/],
    ['forward]\ntrustForwardHeader = true', /nobody could be asked who may come in/],
  ] as const) {
    assert.throws(() => tomlOf(t, `[api]\n${entryPoints}[entryPoints.traefik.auth.${section}\n`), reason);
  }
  assert.throws(() => tomlOf(t, '[web]\n[web.auth.basic]\nusers = ["a:b"]\n'), /web.auth.basic.* not supported yet/);
});
