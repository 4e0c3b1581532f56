import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import type { Entry } from '../../../src/access-log/entry.ts';
import { DECIDING } from '../../../src/access-log/json-deciding.ts';
import type { JsonFormat } from '../../../src/access-log/json-format.ts';
import { rfc3339Second, rfc3339Zone } from '../../../src/access-log/times.ts';
import type { AccessLogOptions } from '../../../src/kernel/access-log-options.ts';
import { entry, jsonFormat, LOCAL, lineOf, OPTIONS, type Values } from './entries.ts';

/** Local time. */
function timeText(wall: number, fraction: string): string {
  return rfc3339Second(wall, true) + fraction + rfc3339Zone(wall, true);
}

function line(changes: Values = {}, options: Partial<AccessLogOptions> = {}): string {
  return lineOf(jsonFormat({ ...OPTIONS, format: 'json', ...options }), entry(changes));
}

function parsed(changes: Values = {}, options: Partial<AccessLogOptions> = {}): Record<string, unknown> {
  return JSON.parse(line(changes, options)) as Record<string, unknown>;
}

const OBJECT_URL =
  '{"Scheme":"http","Opaque":"","User":null,"Host":"10.0.0.1:80","Path":"","RawPath":"","ForceQuery":false,' +
  '"RawQuery":"","Fragment":"","RawFragment":""}';

test('a line is that of Traefik 1.7', () => {
  const { wall, now } = entry();
  assert.equal(
    line(),
    `{"BackendAddr":"10.0.0.1:80","BackendName":"backend1","BackendURL":${OBJECT_URL},"ClientAddr":"10.0.0.9:4711",` +
      '"ClientHost":"10.0.0.9","ClientPort":"4711","ClientUsername":"-","DownstreamContentSize":512,' +
      '"DownstreamStatus":200,"DownstreamStatusLine":"200 OK","Duration":12500000,"FrontendName":"frontend-Host-foo",' +
      '"OriginContentSize":512,"OriginDuration":12500000,"OriginStatus":200,"OriginStatusLine":"200 OK","Overhead":0,' +
      '"RequestAddr":"foo.bar:8080","RequestContentSize":0,"RequestCount":7,"RequestHost":"foo.bar",' +
      '"RequestLine":"GET /a?b=c HTTP/1.1","RequestMethod":"GET","RequestPath":"/a?b=c","RequestPort":"8080",' +
      '"RequestProtocol":"HTTP/1.1","RetryAttempts":0,' +
      `"StartLocal":"${timeText(wall, '.12')}","StartUTC":"2026-01-02T15:04:05.12Z",` +
      '"downstream_Content-Type":"text/plain","downstream_X-B":"1","level":"info","msg":"",' +
      '"origin_Content-Type":"text/plain","request_Referer":"http://ref/","request_User-Agent":"curl/8",' +
      `"time":"${timeText(now, '')}"}\n`,
  );
});

test('names and forms of Traefik 3', () => {
  const three = { names: '3' as const, headers: { defaultMode: 'drop' as const, names: [] } };
  const found = parsed(
    { tlsVersion: '1.3', tlsCipher: 'TLS_AES_128_GCM_SHA256', scheme: 'https', traceId: 'ab' },
    three,
  );
  for (const [key, value] of Object.entries({
    RouterName: 'frontend-Host-foo',
    ServiceName: 'backend1',
    ServiceURL: 'http://10.0.0.1:80',
    ServiceAddr: '10.0.0.1:80',
    RequestScheme: 'https',
    entryPointName: 'http',
    TLSVersion: '1.3',
    TLSCipher: 'TLS_AES_128_GCM_SHA256',
    TraceId: 'ab',
    trace_id: 'ab',
    OriginStatus: 200,
  })) {
    assert.equal(found[key], value, key);
  }
  for (const key of ['RequestLine', 'DownstreamStatusLine', 'BackendURL', 'Cause']) assert.ok(!(key in found), key);
  const ours = parsed(LOCAL, three);
  assert.deepEqual([ours.OriginStatus, ours.OriginDuration, ours.OriginContentSize], [0, 0, 0]);
});

test('our fields stand among them, and can be switched off or dropped', () => {
  const extras = { extras: true };
  const found = parsed({ tries: 2, lost: 5, reused: true, cacheHit: false, sampleRate: 0.25 }, extras);
  for (const [key, value] of Object.entries({
    Cause: 'ok',
    RequestId: '019b0000-0000-7000-8000-000000000000',
    GuardDuration: 0,
    QueueDuration: 0,
    ConnectDuration: 1_000_000,
    LostDuration: 5,
    FirstByteDuration: 9_000_000,
    DataDuration: 2_500_000,
    Tries: 2,
    RetryAttempts: 1,
    ServerName: 's1',
    EntryPointName: 'http',
    Worker: 0,
    Reused: true,
    UpstreamProtocol: '1.1',
    UpstreamAddr: '10.0.0.1:80',
    SampleRate: 0.25,
    CacheHit: false,
  })) {
    assert.equal(found[key], value, key);
  }
  assert.ok(!('Cause' in parsed({}, { ...extras, fields: { defaultMode: 'keep', names: [['Cause', 'drop']] } })));
  const local = parsed(LOCAL, extras);
  for (const key of ['QueueDuration', 'ConnectDuration', 'FirstByteDuration', 'LostDuration', 'Reused', 'SampleRate']) {
    assert.ok(!(key in local), `${key} is absent where it was not reached`);
  }
});

test('keys are sorted by their bytes, and each is there once', () => {
  for (const names of ['1.7', '3'] as const) {
    const keys = Object.keys(parsed({ traceId: 'a', spanId: 'b', tlsVersion: '1.3' }, { names, extras: true }));
    assert.deepEqual(
      keys,
      [...keys].sort((one, other) => (one < other ? -1 : 1)),
    );
    const text = line({ traceId: 'a', spanId: 'b', tlsVersion: '1.3' }, { names, extras: true });
    for (const key of keys) assert.equal(text.split(`"${key}":`).length, 2, key);
  }
});

test('header fields: 1.7 takes the first value, 3 all; secrets are redacted unless they are asked for', () => {
  const requestFields = 'x-a: 1\r\nx-a: 2\r\nauthorization: Basic x\r\ncookie: a=b\r\n';
  const first = parsed({ requestFields });
  assert.equal(first['request_X-A'], '1');
  assert.equal(first.request_Authorization, 'REDACTED');
  assert.equal(first.request_Cookie, 'REDACTED');
  const names = [['cookie', 'keep'] as const, ['x-a', 'drop'] as const];
  const asked = parsed({ requestFields }, { names: '3', headers: { defaultMode: 'keep', names } });
  assert.equal(asked.request_Cookie, 'a=b');
  assert.ok(!('request_X-A' in asked));
  assert.equal(parsed({ requestFields }, { names: '3' })['request_X-A'], '1,2');
});

test('a block of fields that comes again is rendered as it was, and one like it is not taken for it', () => {
  const format = jsonFormat({ ...OPTIONS, format: 'json' });
  const at = (value: string): unknown =>
    (JSON.parse(lineOf(format, entry({ requestFields: `x-a: ${value}\r\n` }))) as Record<string, unknown>)[
      'request_X-A'
    ];
  assert.deepEqual(['aba', 'aba', 'bba', 'abb', 'aba'].map(at), ['aba', 'aba', 'bba', 'abb', 'aba']);
});

test('blocks that are alike in all but one character are told apart, however many there are', () => {
  const format = jsonFormat({ ...OPTIONS, format: 'json' });
  const values = Array.from({ length: 40 }, (_, i) => `vvv${String.fromCharCode(0x41 + i)}${'v'.repeat(36)}`);
  for (let round = 0; round < 20; round++) {
    for (const value of values) {
      const line = lineOf(format, entry({ sentHead: `200 OK\r\nx-a: ${value}` }));
      assert.equal((JSON.parse(line) as Record<string, unknown>)['downstream_X-A'], value);
    }
  }
});

test('the path of a request as a URL of Go', () => {
  const url = parsed({ ...LOCAL, url: '', hasPathAsUrl: true, path: '/a%20b/%22?x=<' }).BackendURL as Record<
    string,
    unknown
  >;
  assert.deepEqual([url.Path, url.RawPath, url.RawQuery], ['/a b/"', '', 'x=<']);
});

test('statuses are called as Go calls them', () => {
  assert.equal(parsed({ status: 413 }).DownstreamStatusLine, '413 Request Entity Too Large');
  assert.equal(parsed({ status: 799 }).DownstreamStatusLine, '799 ');
});

test('a compressed body has its ratio', () => {
  assert.equal(parsed({ originBytes: 300, sentBytes: 100 }).GzipRatio, 3);
  assert.equal(parsed({ originBytes: 300, sentBytes: 200 }).GzipRatio, 1.5);
  assert.ok(!('GzipRatio' in parsed({ originBytes: 300, sentBytes: 0 })));
});

test('the request id, which is another one each time, stands in its place among the others', () => {
  const format = jsonFormat({ ...OPTIONS, format: 'json' });
  for (const requestId of ['one', 'two', 'one']) {
    const requestFields = 'x-token: t\r\naccept: a\r\n';
    const forwardedFields = 'x-real-ip: 10.0.0.9\r\n';
    const line = lineOf(format, entry({ requestId, requestFields, isIdSent: true, forwardedFields }));
    assert.ok(
      line.includes(
        `"request_Accept":"a","request_X-Real-Ip":"10.0.0.9","request_X-Request-Id":"${requestId}","request_X-Token":"t","time"`,
      ),
      line,
    );
  }
  const dropping = jsonFormat({
    ...OPTIONS,
    format: 'json',
    headers: { defaultMode: 'keep', names: [['x-request-id', 'drop']] },
  });
  assert.ok(!lineOf(dropping, entry({ requestId: 'one', requestFields: '', isIdSent: true })).includes('Request-Id'));
});

const BLOCKS = ['', 'x-a: 1\r\n', 'x-a: 2\r\n', 'x-b: 1\r\nx-a: 2\r\nx-a: 3\r\n', 'cookie: é\r\n'];
const HEADS = ['', '200 OK', '200 OK\r\nx-a: 1', '404 NF\r\nx-a: 1'];
const DURATIONS = [-1, 0, 5, 999_999_999, 12_345_678_901];
const CHOICES: Readonly<Partial<Record<keyof Values, readonly (string | number | boolean | null)[]>>> = {
  clientHost: ['10.0.0.9', '10.0.0.8'],
  wall: [0, 999, 1_000, Date.UTC(2026, 2, 29, 1)],
  now: [0, 1_000, Date.UTC(2026, 2, 29, 1)],
  path: ['/', `/${'a'.repeat(50)}`, '/é'],
  count: [0, 99, 1e9, 2 ** 40],
  clientPort: [0, 65_535],
  requestId: ['', 'one', 'two'],
  traceId: ['', 'ab'],
  spanId: ['', 'cd'],
  clientAddress: ['10.0.0.9', '::1'],
  user: ['', 'bob'],
  tlsSubject: ['', 'CN=a'],
  latin1: [true, false],
  method: ['GET', 'PUT'],
  protocol: ['HTTP/1.1', 'HTTP/2.0'],
  scheme: ['http', 'https'],
  host: ['', 'a.test', 'a.test:80', 'Ã©'],
  status: [200, 503],
  originStatus: [0, 200, 503],
  originBytes: [0, 512],
  sentBytes: [0, 512],
  tries: [0, 1, 2],
  frontendName: ['', 'f1', 'é'],
  frontend: ['', 'f1', 'f2'],
  backendName: ['', 'b1'],
  backend: ['', 'b1'],
  server: ['', 's1', 's2'],
  url: ['', 'http://10.0.0.1:80', 'http://10.0.0.2:80'],
  hasPathAsUrl: [true, false],
  address: ['', '10.0.0.1:80'],
  upstreamAddress: ['', '10.0.0.1:80'],
  upstreamProtocol: ['', '2'],
  entryPoint: ['http', 'https'],
  worker: [0, 1],
  cause: ['ok', 'no_server'],
  reused: [true, false],
  sampleRate: [1, 0.5],
  cacheHit: [null, true, false],
  tlsVersion: ['', '1.3'],
  tlsCipher: ['', 'TLS_AES_128_GCM_SHA256'],
  tlsResumed: [true, false],
  guard: DURATIONS,
  queue: DURATIONS,
  connect: DURATIONS,
  lost: DURATIONS,
  firstByte: DURATIONS,
  data: DURATIONS,
  origin: DURATIONS,
  requestFields: BLOCKS,
  isIdSent: [true, false],
  forwardedFields: BLOCKS,
  originHead: HEADS,
  sentHead: HEADS,
};

test('what is known of lines before it changes none', () => {
  const some = fc.record(
    Object.fromEntries(Object.entries(CHOICES).map(([name, values]) => [name, fc.constantFrom(...values)])),
  );
  for (const names of ['1.7', '3'] as const) {
    const options = { ...OPTIONS, format: 'json', names, extras: true } as const;
    const isAsNew = (format: JsonFormat, one: Entry): void =>
      assert.equal(lineOf(format, one), lineOf(jsonFormat(options, 1), one));
    for (const [name, values] of Object.entries(CHOICES)) {
      for (const value of values) {
        const format = jsonFormat(options);
        const one = entry({ [name]: value });
        for (const each of [entry(), entry(), one, one, entry()]) isAsNew(format, each);
      }
    }
    const all = fc.array(some, { minLength: 8, maxLength: 8 });
    const isTheSame = (changes: readonly Values[]): void => {
      const format = jsonFormat(options);
      for (let i = 0; i < 17; i++) for (const one of changes) isAsNew(format, entry(one));
    };
    fc.assert(fc.property(all, isTheSame), { numRuns: 2 });
  }
});

test('a time has as much of its fraction as there is', () => {
  const second = Date.UTC(2026, 0, 2, 15, 4, 5);
  for (const ms of [0, 1, 10, 12, 100, 101, 120, 999]) {
    const fraction = ms === 0 ? '' : `.${String(ms).padStart(3, '0').replace(/0+$/, '')}`;
    assert.equal(parsed({ wall: second + ms + 0.25 }).StartUTC, `2026-01-02T15:04:05${fraction}Z`);
  }
});

test('more courses to one server than are kept are told right all the same', () => {
  const format = jsonFormat({ ...OPTIONS, format: 'json' });
  for (let round = 0; round < 20; round++) {
    for (let status = 200; status < 230; status++) {
      const { DownstreamStatus } = JSON.parse(lineOf(format, entry({ status }))) as { DownstreamStatus: number };
      assert.equal(DownstreamStatus, status);
    }
  }
});

test('what is kept of a host or a client holds on to nothing else of the request', () => {
  const method = 'X'.repeat(60_000);
  for (const name of ['host', 'client'] as const) {
    const { values } = DECIDING[name];
    const kept = values.map((value) => entry({ method, host: 'a.test' })[value]);
    assert.ok(!JSON.stringify(kept).includes(method), name);
  }
});
