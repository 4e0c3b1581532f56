import assert from 'node:assert/strict';
import { availableParallelism } from 'node:os';
import test from 'node:test';
import fc from 'fast-check';
import { parseFlags } from '../../../src/settings/parse-flags.ts';
import { ROWS } from '../../../src/settings/rows.ts';
import type { EtcdSettings, Settings } from '../../../src/settings/settings.ts';
import { warningTexts } from '../../harness/warnings.ts';

function settingsOf(argv: readonly string[], env: NodeJS.ProcessEnv = {}): Settings {
  const parsed = parseFlags(argv, env);
  if (parsed.kind !== 'run') assert.fail(JSON.stringify(parsed));
  return parsed.settings;
}

function etcdOf(argv: readonly string[]): EtcdSettings {
  return settingsOf(argv).etcd ?? assert.fail('etcd is off');
}

function messageOf(argv: readonly string[], env: NodeJS.ProcessEnv = {}): string {
  const parsed = parseFlags(argv, env);
  if (parsed.kind !== 'error') assert.fail(JSON.stringify(parsed));
  return parsed.message;
}

test('no duration is longer than what a timer can wait for, with room for what is added to it', () => {
  const names = ROWS.filter(({ kind }) => kind === 'duration').map(({ name }) => name);
  // A day is the longest that it may be.
  names.splice(names.indexOf('healthCheck.interval'), 1);
  assert.ok(names.length > 10);
  for (const text of ['1000h', '2562047h', '9000000000']) {
    const settings = settingsOf(names.map((name) => `--${name}=${text}`));
    const spans = Object.entries(settings).filter(([name]) => name.endsWith('Ms') && name !== 'healthCheckIntervalMs');
    assert.ok(spans.length > 10);
    for (const [name, ms] of spans) assert.ok((ms as number) > 2 ** 30 && (ms as number) < 2 ** 31 - 60_000, name);
  }
});

test('without flags the defaults hold, and it is said that there are no routes', () => {
  const settings = settingsOf([]);
  assert.deepEqual(settings, {
    logLevel: 'INFO',
    accessLog: null,
    log: { path: '', form: 'text' },
    entryPoints: [
      {
        name: 'http',
        address: ':80',
        host: '',
        port: 80,
        engine: 'uws',
        tls: null,
        redirect: null,
        compress: false,
        whiteList: null,
        auth: null,
        forwardedHeaders: { insecure: true, trustedIPs: [] },
        proxyProtocol: null,
      },
    ],
    defaultEntryPoints: ['http'],
    etcd: null,
    snapshot: '',
    guard: { removal: null, graceMs: 60_000, suspectMs: 300_000 },
    historyMb: 64,
    folder: '',
    web: null,
    workers: availableParallelism(),
    retryAttempts: null,
    retryBudgetPercent: 20,
    retryMinPerSecond: 10,
    ejectionFailures: 5,
    healthCheckIntervalMs: 30_000,
    ejectionTimeMs: 1000,
    ejectionMaxTimeMs: 30_000,
    requestAcceptGraceTimeoutMs: 0,
    graceTimeOutMs: 10_000,
    successorTimeoutMs: 60_000,
    tls: { ticketKeys: 'local', ocsp: false },
    providersThrottleMs: 0,
    maxIdleConnsPerHost: 200,
    upstreamPipelining: 1,
    bufferLimits: { worker: 256 << 20, connection: 64 << 20 },
    bufferDisk: { folder: '', most: 1 << 30 },
    connectionLimits: { total: 0, perAddress: 0 },
    dialTimeoutMs: 30_000,
    responseHeaderTimeoutMs: 0,
    headerTimeoutMs: 10_000,
    uploadTimeoutMs: 180_000,
    downloadTimeoutMs: 60_000,
    readTimeoutMs: 0,
    writeTimeoutMs: 0,
    clientIdleMs: 180_000,
    maxFields: 100,
    workerHeapMb: 0,
    insecureSkipVerify: false,
    rootCAs: null,
    allowMinWeightZero: false,
    constraints: [],
    requestId: 'on',
    tracing: null,
    keepTrailingSlash: false,
    metrics: {
      names: '3',
      buckets: [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.3, 0.6, 1.2, 2.5, 5, 10],
      entryPoints: true,
      services: true,
      routers: false,
      suffix: '',
      headerLabels: [],
      maxServers: 5_000,
    },
    origins: {},
    warnings: [
      {
        setting: 'etcd',
        origin: 'default',
        reason: 'neither --etcd nor --folder is given: there are no routes, and every request is answered with 503',
        isRefused: false,
      },
    ],
  });
  assert.ok(Object.isFrozen(settings) && Object.isFrozen(settings.entryPoints[0]));
});

test("the tutorial's command line is understood without a warning", () => {
  const settings = settingsOf([
    '--web',
    '--web.address=:8081',
    '--etcd',
    '--etcd.endpoint=10.0.0.1:2379,http://10.0.0.2:4001/ ',
    '--etcd.prefix=traefik/',
    '--etcd.watch',
    '--logLevel=info',
    '--entryPoints=Name:http Address::8000',
    '--defaultEntryPoints=http',
    '--providersThrottleDuration=100ms',
    '--retry.attempts=3',
  ]);
  assert.deepEqual(settings.warnings, []);
  assert.deepEqual([settings.web?.address, settings.web?.host, settings.web?.port], [':8081', '', 8081]);
  assert.deepEqual([settings.web?.path, settings.web?.hosts], ['/', []]);
  assert.deepEqual(settings.etcd, {
    endpoints: ['10.0.0.1:2379', '10.0.0.2:4001'],
    prefix: '/traefik',
    useApiV3: false,
    watch: true,
    username: '',
    password: '',
    tls: null,
  });
  assert.equal(settings.logLevel, 'INFO');
  assert.equal(settings.providersThrottleMs, 100);
  assert.equal(settings.retryAttempts, 3);
});

const READINGS: readonly (readonly [readonly string[], keyof Settings, unknown])[] = [
  [['--DEBUG'], 'logLevel', 'DEBUG'],
  [['-d'], 'logLevel', 'DEBUG'],
  [['-d', '--loglevel=Warning'], 'logLevel', 'WARN'],
  [['-d', '--logLevel='], 'logLevel', 'DEBUG'],
  [['-lFATAL'], 'logLevel', 'FATAL'],
  [['-l=PANIC'], 'logLevel', 'PANIC'],
  [['-l', 'info'], 'logLevel', 'INFO'],
  [['-dl', 'info'], 'logLevel', 'INFO'],
  [['-g', '3'], 'graceTimeOutMs', 3000],
  [['-g0', '--lifeCycle.graceTimeOut=7s'], 'graceTimeOutMs', 7000],
  [['--graceTimeOut=1m', '--lifeCycle.graceTimeOut=7s'], 'graceTimeOutMs', 60_000],
  [['--lifecycle.requestacceptgracetimeout=1.5s'], 'requestAcceptGraceTimeoutMs', 1500],
  [['--forwardingTimeouts.dialTimeout=200000h'], 'dialTimeoutMs', 2 ** 31 - 1 - 3_600_000],
  [['--workers=0x10'], 'workers', 16],
  [['--workers=010'], 'workers', 8],
  [['--workers=2', '--workers=3'], 'workers', 3],
  [['--upstream.pipelining=16'], 'upstreamPipelining', 16],
  [
    ['--limits.workerBuffers=9000', '--limits.connectionBuffers=0'],
    'bufferLimits',
    { worker: 9000 * 2 ** 20, connection: 0 },
  ],
  [
    ['--limits.connections=20000', '--limits.connectionsPerAddress=100'],
    'connectionLimits',
    { total: 20_000, perAddress: 100 },
  ],
  [['--maxIdleConnsPerHost=0'], 'maxIdleConnsPerHost', 2],
  [['--retry'], 'retryAttempts', 0],
  [['--retry=false'], 'retryAttempts', null],
  [['--retry=false', '--retry.attempts=2'], 'retryAttempts', 2],
  [['--keepTrailingSlash=T'], 'keepTrailingSlash', true],
  [['--keepTrailingSlash', '--keepTrailingSlash=0'], 'keepTrailingSlash', false],
  [['--etcd=false'], 'etcd', null],
  [['--web=false'], 'web', null],
  [['--metrics'], 'web', null],
  [['--folder=/a=b'], 'folder', '/a=b'],
];

for (const [argv, name, value] of READINGS) {
  test(`${argv.join(' ')} gives ${name} ${JSON.stringify(value)}`, () => {
    assert.deepEqual(settingsOf(argv)[name], value);
  });
}

test('any flag below a section switches it on', () => {
  assert.equal(etcdOf(['--etcd.useAPIV3']).useApiV3, true);
  assert.equal(etcdOf(['--etcd=false', '--etcd.endpoint=a:1']).endpoints[0], 'a:1');
  assert.equal(etcdOf(['--etcd', '--etcd.tls=false']).tls, null);
  assert.equal(etcdOf(['--etcd.tls.insecureSkipVerify']).tls?.insecureSkipVerify, true);
  assert.equal(settingsOf(['--web.path=/admin']).web?.path, '/admin/');
});

test('the older and newer flags of the dashboard all switch it on', () => {
  for (const flag of ['--api', '--ping', '--metrics.prometheus', '--web', '--web.metrics.prometheus']) {
    const { web, warnings } = settingsOf([flag, '--folder=f']);
    assert.deepEqual([web?.host, web?.port, warnings], ['127.0.0.1', 8080, []], flag);
  }
});

test('an entrypoint called traefik is the address of the dashboard when that is on', () => {
  const entryPoints = ['--entryPoints=Name:http Address::80', '--entryPoints=Name:traefik Address:127.0.0.1:9000'];
  const on = settingsOf([...entryPoints, '--api']);
  assert.deepEqual([on.web?.host, on.web?.port, on.entryPoints.length], ['127.0.0.1', 9000, 1]);
  assert.equal(settingsOf(entryPoints).entryPoints.length, 2);
  assert.equal(settingsOf([...entryPoints, '--web.address=:9001']).web?.port, 9001);
  assert.match(messageOf(['--api', entryPoints[1]]), /define one more/);
});

test('endpoints of etcd may have schemes and lack ports, and https switches TLS on', () => {
  assert.deepEqual(etcdOf(['--etcd.endpoint=a, [::1] ,http://b:1/,a:2379']).endpoints, ['a:2379', '[::1]:2379', 'b:1']);
  const { endpoints, tls } = etcdOf(['--etcd.endpoint=https://a:1', '--etcd.endpoint=b:2']);
  assert.deepEqual(endpoints, ['a:1', 'b:2']);
  assert.deepEqual(tls, { ca: '', cert: '', key: '', insecureSkipVerify: false });
  assert.match(messageOf(['--etcd.endpoint=https://a,http://b']), /http:\/\/ and https:\/\/ are mixed/);
  assert.match(messageOf(['--etcd.endpoint=http://a', '--etcd.tls.ca=x']), /contradicts --etcd.tls/);
});

test('the prefix of etcd has a slash in front and none behind, and the root is empty', () => {
  for (const [given, prefix] of Object.entries({ a: '/a', '/a/b/': '/a/b', '/': '', '': '', '//a//b': '/a/b' })) {
    assert.equal(etcdOf([`--etcd.prefix=${given}`]).prefix, prefix);
  }
});

test('a password for etcd without a user is not used, and that is said', () => {
  assert.match(
    warningTexts(settingsOf(['--etcd.password=p']).warnings).join(),
    /^etcd.password \(flag\): it is not used/,
  );
});

test('default entrypoints must exist where both are given', () => {
  const entryPoint = '--entryPoints=Name:web Address::80';
  const two = [entryPoint, '--entryPoints=Name:more Address::81', '--folder=f'];
  assert.match(messageOf([entryPoint, '--defaultEntryPoints=http,web']), /"http" is no entrypoint; there is web/);
  assert.deepEqual(settingsOf([...two, '--defaultEntryPoints=more, web,more']).defaultEntryPoints, ['more', 'web']);
  assert.deepEqual(settingsOf([entryPoint]).defaultEntryPoints, ['web']);
  const none = settingsOf(two);
  assert.deepEqual(none.defaultEntryPoints, []);
  assert.match(
    warningTexts(none.warnings).join(),
    /^defaultEntryPoints \(default\): .*frontends that name no entrypoint are not served/,
  );
});

test('without entrypoints the one on port 80 takes everything, whatever the defaults say', () => {
  const { entryPoints, defaultEntryPoints, warnings } = settingsOf(['--defaultEntryPoints=http,https', '--folder=f']);
  assert.deepEqual([entryPoints[0].port, defaultEntryPoints], [80, ['http']]);
  assert.match(warningTexts(warnings).join(), /"https" is left out/);
});

test('flags that do nothing yet are accepted with one warning each', () => {
  const flags = ['--hostResolver', '--tracing.jaeger.samplingType=const', '--acme'];
  assert.deepEqual(
    warningTexts(settingsOf([...flags, '--folder=f']).warnings),
    ['hostResolver', 'tracing.jaeger.samplingType', 'acme'].map(
      (setting) => `${setting} (flag): it is accepted, but not supported yet`,
    ),
  );
});

test('the interval of health checks is a duration that makes sense', () => {
  assert.equal(settingsOf(['--healthCheck.interval=3m1s']).healthCheckIntervalMs, 181_000);
  assert.throws(() => settingsOf(['--healthCheck.interval=0']), /--healthCheck\.interval: it must be from 1ms to 24h/);
});

test('constraints of both flags count together, and one that is none ends the start by its name', () => {
  const { constraints } = settingsOf(['--constraints=tag==a*,tag!=b', '--etcd.constraints=tag==c', '--constraints=']);
  assert.deepEqual(
    constraints.map(({ text, mustMatch, glob }) => [text, mustMatch, glob]),
    [
      ['tag==a*', true, 'a*'],
      ['tag!=b', false, 'b'],
      ['tag==c', true, 'c'],
    ],
  );
  assert.match(
    messageOf(['--constraints=tag=a']),
    /--constraints: "tag=a" has no operator: write tag==NAME or tag!=NAME/,
  );
  assert.match(messageOf(['--etcd.constraints=tag==a,name!=b']), /--etcd\.constraints: "name!=b" is about "name"/);
});

test('an idle timeout holds where the engine has one, with a warning where it has not', () => {
  const node = '--entryPoints=Name:slow Address::81 Engine:tsuji';
  for (const flag of ['--respondingTimeouts.idleTimeout', '--idleTimeout']) {
    const [{ setting, reason }, ...others] = settingsOf(['--folder=f', `${flag}=180s`]).warnings;
    assert.deepEqual([`--${setting}`, others], [flag, []]);
    assert.match(reason, /^it holds for Engine:tsuji only: an idle connection of a client of http is always closed/);
    assert.deepEqual(settingsOf(['--folder=f', `${flag}=32s`]).warnings, []);
    const settings = settingsOf(['--folder=f', node, '--defaultEntryPoints=slow', `${flag}=60s`]);
    assert.deepEqual([settings.warnings, settings.clientIdleMs], [[], 60_000]);
  }
  assert.deepEqual(settingsOf(['--folder=f', '--idleTimeout=0']).warnings, []);
  assert.equal(settingsOf(['--folder=f']).clientIdleMs, 180_000);
});

test('connections of an address are counted where the engine tells of their end, with a warning where it does not', () => {
  const flag = '--limits.connectionsPerAddress=10';
  assert.deepEqual(warningTexts(settingsOf(['--folder=f', flag]).warnings), [
    'limits.connectionsPerAddress (flag): it holds for Engine:tsuji only: clients of http are not counted',
  ]);
  const own = '--entryPoints=Name:own Address::81 Engine:tsuji';
  assert.deepEqual(settingsOf(['--folder=f', own, '--defaultEntryPoints=own', flag]).warnings, []);
});

test('what the TLS of uWebSockets has not is refused, or holds for the other entrypoints with a warning', () => {
  const fast = '--entryPoints=Name:fast Address::443 Engine:uws TLS';
  const full = '--entryPoints=Name:full Address::8443 TLS';
  for (const [flag, reason] of [
    ['--tls.ticketKeys=etcd', /--tls.ticketKeys: fast with Engine:uws keeps ticket keys of its own/],
    ['--tls.ocsp', /--tls.ocsp: fast with Engine:uws staples no OCSP responses/],
  ] as const) {
    assert.match(messageOf(['--etcd', fast, '--defaultEntryPoints=fast', flag]), reason);
    const { warnings } = settingsOf(['--etcd', fast, full, '--defaultEntryPoints=full', flag]);
    assert.equal(
      warnings.filter(({ reason }) => /holds for Engine:tsuji only: fast with Engine:uws/.test(reason)).length,
      1,
    );
    assert.ok(
      !settingsOf(['--etcd', full, '--defaultEntryPoints=full', flag]).warnings.some(({ reason }) =>
        /uws/.test(reason),
      ),
    );
  }
});

test('authorities for servers are a list of files and PEM texts; an empty one is none', () => {
  const pem = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----';
  assert.deepEqual(settingsOf(['--rootCAs=a.pem, b.pem', `--rootCAs=${pem}`]).rootCAs, ['a.pem', 'b.pem', pem]);
  assert.equal(settingsOf(['--rootCAs=']).rootCAs, null);
  assert.equal(settingsOf(['--insecureSkipVerify']).insecureSkipVerify, true);
});

test('to ask for what happens anyway gives no warning', () => {
  const flags = ['--api.dashboard', '--ping.entryPoint=traefik', '--rest=false', '--healthCheck.interval=30'];
  const silent = ['--checkNewVersion', '--sendAnonymousUsage=false', '--lifeCycle', '--etcd.tls.caOptional', '--etcd'];
  assert.deepEqual(settingsOf([...flags, ...silent]).warnings, []);
});

const ERRORS: readonly (readonly [readonly string[], RegExp])[] = [
  [['--etcd.endpiont=a:1'], /^unknown flag "--etcd.endpiont"; did you mean --etcd.endpoint\?\nsee --help$/],
  [['--qqqqqqqqqqqq'], /^unknown flag "--qqqqqqqqqqqq"\n/],
  [['--=x'], /unknown flag "--"/],
  [['--etcd.endpoint', 'a:1'], /--etcd.endpoint needs a value after "=": --etcd.endpoint=VALUE/],
  [['--etcd.password', 'secret'], /^(?!.*secret)/s],
  [['--debug', 'true'], /unexpected argument "true"; write --debug=VALUE/],
  [['--'], /unexpected argument "--"/],
  [[''], /unexpected argument|unknown command ""/],
  [['--web', 'healthcheck'], /the command healthcheck must come first/],
  [['helthcheck'], /unknown command "helthcheck"; did you mean healthcheck\?/],
  [['bug'], /bug is not supported yet/],
  [['-etcd'], /-etcd needs two dashes: --etcd/],
  [['-x'], /unknown flag "-x"/],
  [['-dx'], /unknown flag "-x"/],
  [['-l'], /-l needs a value/],
  [['-lverbose'], /--logLevel: "verbose" is none of DEBUG/],
  [['--etcd=maybe'], /--etcd: "maybe" is neither true nor false/],
  [['--etcd=10.0.0.1:2379'], /neither true nor false; for its address write "--etcd.endpoint=10.0.0.1:2379"/],
  [['etcd=10.0.0.1:2379'], /two dashes: write "--etcd.endpoint=10.0.0.1:2379"/],
  [['--etcd.endpoint=::1'], /an IPv6 address stands in brackets, write \[::1\]:port/],
  [['--entryPoints=Name:http', 'Address::80'], /the shell splits at blanks, so an entrypoint needs quotes/],
  [['--web', '--web.tail=maybe'], /--web.tail: "maybe" is none of on, full, off/],
  [['--accessLog.bufferingSize=many'], /--accessLog.bufferingSize: "many" is not a whole number/],
  [['--workers=0'], /--workers: 0 is not between 1 and 1024/],
  [['--workers=-1'], /--workers: "-1" is not a whole number/],
  [['--workers=08'], /--workers: "08"/],
  [['--graceTimeOut=1 minute'], /--graceTimeOut: "1 minute" is not a duration/],
  [['--web.address=8080'], /--web.address: "8080" has no colon/],
  [['--web.address=:80'], /:80 is the address of the entrypoint http already/],
  [['--web.path=/a?b'], /--web.path/],
  [['--etcd.endpoint='], /it names no endpoint/],
  [['--etcd.endpoint=:2379'], /":2379" lacks its host or port/],
  [['--etcd.endpoint=a:b'], /port "b"/],
  [['--etcd.endpoint=http://a/v2'], /--etcd.endpoint/],
  [['--etcd.endpoint=http://u:secret@a'], /^(?!.*secret).*--etcd.username/s],
  [['--metrics.prometheus.buckets=1,x'], /"x" is not a number above 0/],
  [['--metrics.prometheus.buckets='], /names no number/],
  [[`--metrics.prometheus.buckets=${Array.from({ length: 33 }, (_, i) => i + 1)}`], /33 buckets are more than 32/],
  [['--entryPoints=Name:a'], /no address/],
];

for (const [argv, message] of ERRORS) {
  test(`${argv.join(' ').slice(0, 60)} is refused with a reason`, () => {
    assert.match(messageOf(argv), message);
  });
}

test('help is given wherever it is asked for', () => {
  for (const argv of [['--help'], ['-h'], ['--HELP', '--nonsense'], ['--web', '-h'], ['--help=all']]) {
    assert.equal(parseFlags(argv, {}).kind, 'help');
  }
});

test('settings come from the environment too, and flags win over it', () => {
  const env = {
    TSUJI_ETCD_ENDPOINT: 'a:1,b:2',
    TSUJI_ETCD_TLS_INSECURESKIPVERIFY: 'true',
    TSUJI_WORKERS: '5',
    TSUJI_LOGLEVEL: '',
    TSUJI_ENTRYPOINTS: 'Name:a Address::1\nName:b Address::2\n',
    TSUJI_DEFAULTENTRYPOINTS: 'a',
    HOME: '/root',
  };
  const settings = settingsOf(['--Workers=6', '--etcd'], env);
  assert.deepEqual(settings.etcd?.endpoints, ['a:1', 'b:2']);
  assert.equal(settings.etcd?.tls?.insecureSkipVerify, true);
  assert.equal(settings.workers, 6);
  assert.deepEqual(
    settings.entryPoints.map(({ port }) => port),
    [1, 2],
  );
  assert.deepEqual(settings.warnings, []);
  assert.deepEqual(settingsOf(['--etcd.endpoint=c:3'], env).etcd?.endpoints, ['c:3']);
});

test('a variable that means nothing or nothing yet is warned about, a bad value ends the start', () => {
  const env = { TSUJI_WORKER: '1', TSUJI_HOSTRESOLVER: 'true', TSUJI_TRACING_JAEGER: 'x', TSUJI_FOLDER: 'f' };
  assert.deepEqual(warningTexts(settingsOf([], env).warnings), [
    'TSUJI_WORKER (environment): it is unknown; did you mean TSUJI_WORKERS?',
    'hostResolver (environment): it is accepted, but not supported yet',
    'tracing.jaeger.* (environment): it is accepted, but not supported yet',
  ]);
  assert.match(messageOf([], { TSUJI_WORKERS: 'x' }), /^TSUJI_WORKERS: "x" is not a whole number/);
});

test('settings that are written as flags are read back, in any order and case', () => {
  const millis = fc.nat(2 ** 30);
  const wanted = fc.record({
    workers: fc.integer({ min: 1, max: 1024 }),
    retryAttempts: fc.nat(),
    graceTimeOutMs: fc.integer({ min: 1, max: 2 ** 30 }),
    requestAcceptGraceTimeoutMs: millis,
    providersThrottleMs: millis,
    dialTimeoutMs: millis,
    responseHeaderTimeoutMs: millis,
    headerTimeoutMs: millis,
    uploadTimeoutMs: millis,
    downloadTimeoutMs: millis,
    maxFields: fc.integer({ min: 1, max: 2_048 }),
    readTimeoutMs: millis,
    writeTimeoutMs: millis,
    maxIdleConnsPerHost: fc.integer({ min: 1 }),
    allowMinWeightZero: fc.boolean(),
    keepTrailingSlash: fc.boolean(),
    requestId: fc.constantFrom('on', 'pass', 'off'),
    folder: fc.string({ minLength: 1 }),
    logLevel: fc.constantFrom('DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL', 'PANIC'),
  });
  fc.assert(
    fc.property(wanted, fc.infiniteStream(fc.nat()), (settings, random) => {
      const flags = [
        `--workers=${settings.workers}`,
        `--retry.attempts=${settings.retryAttempts}`,
        `--lifeCycle.graceTimeOut=${settings.graceTimeOutMs}ms`,
        `--lifeCycle.requestAcceptGraceTimeout=${settings.requestAcceptGraceTimeoutMs}ms`,
        `--providersThrottleDuration=${settings.providersThrottleMs}ms`,
        `--forwardingTimeouts.dialTimeout=${settings.dialTimeoutMs}ms`,
        `--forwardingTimeouts.responseHeaderTimeout=${settings.responseHeaderTimeoutMs}ms`,
        `--respondingTimeouts.headerTimeout=${settings.headerTimeoutMs}ms`,
        `--respondingTimeouts.uploadTimeout=${settings.uploadTimeoutMs}ms`,
        `--respondingTimeouts.downloadTimeout=${settings.downloadTimeoutMs}ms`,
        `--limits.fields=${settings.maxFields}`,
        `--respondingTimeouts.readTimeout=${settings.readTimeoutMs}ms`,
        `--respondingTimeouts.writeTimeout=${settings.writeTimeoutMs}ms`,
        `--maxIdleConnsPerHost=${settings.maxIdleConnsPerHost}`,
        `--allowMinWeightZero=${settings.allowMinWeightZero}`,
        `--keepTrailingSlash=${settings.keepTrailingSlash}`,
        `--requestId=${settings.requestId}`,
        `--folder=${settings.folder}`,
        `--logLevel=${settings.logLevel}`,
      ];
      const shuffled = flags
        .map((flag) => ({ flag, key: random.next().value }))
        .sort((one, other) => one.key - other.key)
        .map(({ flag, key }) => {
          const equals = flag.indexOf('=');
          const name = flag.slice(0, equals);
          return (key % 2 === 0 ? name.toUpperCase() : name) + flag.slice(equals);
        });
      const read: Record<string, unknown> = { ...settingsOf(shuffled) };
      for (const [name, value] of Object.entries(settings)) assert.deepEqual(read[name], value, name);
    }),
  );
});

test('any arguments and variables give settings, help or a message, and never throw', () => {
  const flag = fc.tuple(
    fc.constantFrom('--', '-', '', '--etcd', '--etcd.endpoint', '--entryPoints', '--web.address', '-l', '--accessLog'),
    fc.constantFrom('', '=', '.', ' '),
    fc.string({ maxLength: 12 }),
  );
  const variable = fc.constantFrom('TSUJI_', 'TSUJI_WORKERS', 'TSUJI_ENTRYPOINTS', 'TSUJI_TRACING_X', 'TSUJI_Y');
  fc.assert(
    fc.property(
      fc.array(flag.map((parts) => parts.join(''))),
      fc.dictionary(variable, fc.string({ maxLength: 8 })),
      (argv, env) => assert.match(parseFlags(argv, env).kind, /^(run|help|error)$/),
    ),
  );
});

test('flags of providers that are not built are ignored with a line each, as their sections in a file', () => {
  const { warnings } = settingsOf([
    '--folder=f',
    '--docker',
    '--docker.endpoint=unix:///x',
    '--consulCatalog.prefix=y',
  ]);
  const notBuilt =
    'it is ignored: routes come from etcd (--etcd) or a folder (--folder); Docker, Marathon, Consul and all other providers of Traefik are not built';
  assert.deepEqual(warningTexts(warnings), [`docker (flag): ${notBuilt}`, `consulcatalog (flag): ${notBuilt}`]);
});

test('the log goes where and in the form that is asked for, and an unknown form is the common one', () => {
  const logOf = (...flags: string[]) => settingsOf([...flags, '--folder=f']).log;
  assert.deepEqual(logOf('--traefikLog.filePath=/a', '--traefikLogsFile=/b', '--traefikLog.format=JSON'), {
    path: '/a',
    form: 'json',
  });
  assert.deepEqual(logOf('--traefikLogsFile=/b', '--traefikLog.color'), { path: '/b', form: 'colours' });
  const { log, warnings } = settingsOf(['--traefikLog.format=xml', '--folder=f']);
  assert.equal(log.form, 'text');
  assert.deepEqual(warningTexts(warnings), [
    'traefikLog.format (flag): "xml" is neither common nor json: it is common',
  ]);
});

test('which settings are not left to their defaults is known by name', () => {
  const parsed = parseFlags(['--etcd.password=secret', '--folder=f', '-d'], { TSUJI_WORKERS: '2', HOME: '' });
  assert.ok(parsed.kind === 'run');
  assert.deepEqual(parsed.given.names(), ['debug', 'etcd.password', 'folder', 'workers']);
  const [debug, password, folder, workers] = ['flag', 'flag', 'flag', 'environment'];
  assert.deepEqual(parsed.settings.origins, { debug, 'etcd.password': password, folder, workers });
});
