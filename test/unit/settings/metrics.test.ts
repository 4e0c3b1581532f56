import assert from 'node:assert/strict';
import test from 'node:test';
import type { MetricsOptions } from '../../../src/kernel/metrics-options.ts';
import { parseFlags } from '../../../src/settings/parse-flags.ts';

const ALL = '--metrics.prometheus';

function metricsOf(...flags: string[]): MetricsOptions {
  const parsed = parseFlags(flags, {});
  assert.equal(parsed.kind, 'run', JSON.stringify(parsed));
  return (parsed as Extract<typeof parsed, { kind: 'run' }>).settings.metrics;
}

test('names are those of Traefik 3, of 1.7 or of both, and 1.7 brings its buckets', () => {
  assert.equal(metricsOf().names, '3');
  assert.equal(metricsOf(`${ALL}.names=both`).buckets.length, 12);
  assert.deepEqual(metricsOf(`${ALL}.names=1.7`).buckets, [0.1, 0.3, 1.2, 5]);
  assert.deepEqual(metricsOf(`${ALL}.names=1.7`, `${ALL}.buckets=0.5;0.1,1e1`).buckets, [0.1, 0.5, 10]);
  assert.deepEqual(metricsOf('--web.metrics.prometheus.buckets=2,1,2').buckets, [1, 2]);
});

test('labels are added, left out and suffixed as Traefik 3 has it', () => {
  const { entryPoints, services, routers, suffix, maxServers } = metricsOf(
    `${ALL}.addEntryPointsLabels=false`,
    `${ALL}.addServicesLabels=false`,
    `${ALL}.addRoutersLabels`,
    `${ALL}.providerSuffix=etcd`,
    `${ALL}.maxServers=7`,
  );
  assert.deepEqual([entryPoints, services, routers, suffix, maxServers], [false, false, true, '@etcd', 7]);
  assert.deepEqual(metricsOf(`${ALL}.headerLabels.tenant=X-Tenant`).headerLabels, [
    { label: 'tenant', header: 'x-tenant' },
  ]);
});

test('what cannot be is refused with its reason', () => {
  const refused: Record<string, RegExp> = {
    'names=2': /"2" is none of 3, 1\.7, both/,
    'buckets=a': /"a" is not a number above 0/,
    'providerSuffix=a b': /is no name/,
    'headerLabels.code=X-Code': /"code" cannot be the name of a label/,
    'headerLabels.a-b=X': /"a-b" cannot be the name of a label/,
    'headerLabels.a=X Y': /"x y" is no name of a header/,
    'maxServers=1000001': /is more than 1000000/,
  };
  for (const [flag, reason] of Object.entries(refused)) {
    const parsed = parseFlags([`${ALL}.${flag}`], {});
    assert.equal(parsed.kind, 'error', flag);
    assert.match(JSON.stringify(parsed).replaceAll('\\"', '"'), reason);
  }
});
