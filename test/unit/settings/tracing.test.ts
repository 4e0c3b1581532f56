/** Where spans are sent and which, by flags and by the variables of OpenTelemetry (shared/spec logs §5.3). */
import assert from 'node:assert/strict';
import test from 'node:test';
import { parseFlags } from '../../../src/settings/parse-flags.ts';
import type { TracingSettings } from '../../../src/settings/settings.ts';
import { warningTexts } from '../../harness/warnings.ts';

function read(flags: string[], env: NodeJS.ProcessEnv = {}): { tracing: TracingSettings | null; warnings: string } {
  const parsed = parseFlags(['--folder=/x', ...flags], env);
  assert.equal(parsed.kind, 'run', JSON.stringify(parsed));
  const { tracing, warnings } = (parsed as Extract<typeof parsed, { kind: 'run' }>).settings;
  return { tracing, warnings: warningTexts(warnings).join('\n') };
}

function tracingOf(flags: string[], env: NodeJS.ProcessEnv = {}): TracingSettings {
  const { tracing } = read(flags, env);
  assert.ok(tracing !== null);
  return tracing;
}

const NO_TLS = { ca: '', cert: '', key: '', insecureSkipVerify: false };

test('without a flag of traces there are none, whatever the environment says', () => {
  assert.equal(read([], { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4318', OTEL_SERVICE_NAME: 'a' }).tracing, null);
  assert.equal(read(['--tracing=false']).tracing, null);
});

test('any flag below --tracing asks for traces, with the defaults of the specification', () => {
  for (const flag of ['--tracing', '--tracing.otlp.http', '--tracing.serviceName=traefik', '--tracing.sampleRate=1']) {
    assert.deepEqual(tracingOf([flag]), {
      endpoint: 'http://localhost:4318/v1/traces',
      headers: [],
      tls: NO_TLS,
      intervalMs: 5_000,
      resource: [['service.name', 'traefik']],
      options: {
        propagation: ['tracecontext'],
        trust: 'forwarded',
        sampleRate: 1,
        maxPerSecond: 500,
        response: false,
        spanNameLimit: 0,
        capturedRequestHeaders: [],
        capturedResponseHeaders: [],
        safeQueryParams: [],
        encoding: 'protobuf',
      },
    });
  }
});

test('headers and attributes are lists, or flags of their own', () => {
  const { headers, resource } = tracingOf([
    '--tracing.otlp.http.headers=X-A=1,x-b=a=b',
    '--tracing.otlp.http.headers.X-A=2',
    '--tracing.resourceAttributes=deployment.environment=prod',
    '--tracing.resourceAttributes.zone=a',
    '--tracing.serviceName=edge',
  ]);
  assert.deepEqual(headers, [
    ['x-a', '2'],
    ['x-b', 'a=b'],
  ]);
  assert.deepEqual(resource, [
    ['service.name', 'edge'],
    ['deployment.environment', 'prod'],
    ['zone', 'a'],
  ]);
});

test('variables of OpenTelemetry fill in what the flags leave open, those of traces before those of all signals', () => {
  const env = {
    OTEL_EXPORTER_OTLP_ENDPOINT: 'http://all:4318/otlp/',
    OTEL_EXPORTER_OTLP_HEADERS: 'api-key=a%20b, x=1',
    OTEL_EXPORTER_OTLP_CERTIFICATE: '/ca.pem',
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
    OTEL_SERVICE_NAME: 'named',
    OTEL_BSP_SCHEDULE_DELAY: '100',
    OTEL_RESOURCE_ATTRIBUTES: 'service.name=other,region=eu',
  };
  const all = tracingOf(['--tracing'], env);
  assert.equal(all.endpoint, 'http://all:4318/otlp/v1/traces');
  assert.deepEqual(all.headers, [
    ['api-key', 'a b'],
    ['x', '1'],
  ]);
  assert.equal(all.tls.ca, '/ca.pem');
  assert.equal(all.options.encoding, 'json');
  assert.equal(all.intervalMs, 100);
  assert.deepEqual(all.resource, [
    ['service.name', 'named'],
    ['region', 'eu'],
  ]);
  const traces = {
    ...env,
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'https://traces/x',
    OTEL_EXPORTER_OTLP_TRACES_HEADERS: '',
  };
  assert.equal(tracingOf(['--tracing'], traces).endpoint, 'https://traces/x');
  const flags = [
    '--tracing.otlp.http.endpoint=http://flag:1',
    '--tracing.otlp.http.headers=x=2',
    '--tracing.otlp.http.encoding=protobuf',
    '--tracing.serviceName=flag',
  ];
  const flagged = tracingOf(flags, env);
  assert.equal(flagged.endpoint, 'http://flag:1/v1/traces');
  assert.deepEqual(flagged.headers.at(-1), ['x', '2']);
  assert.equal(flagged.options.encoding, 'protobuf');
  assert.deepEqual(flagged.resource[0], ['service.name', 'flag']);
});

test('the backends of 1.7 are told that spans go by OTLP; zipkin has its fields propagated', () => {
  const zipkin = read([
    '--tracing.backend=zipkin',
    '--tracing.zipkin.httpEndpoint=http://z/',
    '--tracing.zipkin.sameSpan',
  ]);
  assert.deepEqual(zipkin.tracing?.options.propagation, ['tracecontext', 'b3multi']);
  for (const said of [
    /tracing.backend .*: zipkin: spans go by OTLP/,
    /tracing\.zipkin\.httpEndpoint/i,
    /tracing\.zipkin\.sameSpan/i,
  ]) {
    assert.match(zipkin.warnings, said);
  }
  assert.match(read(['--tracing.backend=jaeger']).warnings, /tracing.backend .*: jaeger: spans go by OTLP/);
  assert.match(read(['--tracing'], { OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }).warnings, /"grpc" is none of/);
});

const MISTAKES = [
  '--tracing.sampleRate=1.5',
  '--tracing.sampleRate=1%',
  '--tracing.propagation=w3c',
  '--tracing.trust=some',
  '--tracing.otlp.http.encoding=xml',
  '--tracing.otlp.http.endpoint=localhost:4318',
  '--tracing.otlp.http.endpoint=http://user:secret@collector/',
  '--tracing.otlp.http.headers=secret',
  '--tracing.otlp.http.headers=a b=secret',
  '--tracing.capturedRequestHeaders=a b',
  '--tracing.backend=instana',
];

for (const flag of MISTAKES) {
  test(`${flag.replace('secret', '…')} ends the start, and a secret is not shown`, () => {
    const parsed = parseFlags([flag], {});
    assert.equal(parsed.kind, 'error');
    const { message } = parsed as Extract<typeof parsed, { kind: 'error' }>;
    assert.ok(message.includes(flag.slice(0, flag.indexOf('='))), message);
    assert.ok(!message.includes('secret'), message);
  });
}
