import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { CAUSES } from '../../../src/kernel/causes.ts';
import { FAULTS } from '../../../src/kernel/errors.ts';

const root = new URL('../../../', import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, root), 'utf8');

/** The cells of the rows of a table whose first one is code. */
function rowsBelow(heading: string): string[][] {
  const [, text] = read('docs/metrics.md').split(`\n## ${heading}\n`);
  const lines = text.split('\n## ')[0].split('\n');
  return lines.filter((line) => line.startsWith('| `')).map((line) => line.split(' | ').map((cell) => cell.trim()));
}

test('the causes are told as they are', () => {
  const told = rowsBelow('Causes').map(([name, status, , haproxy, envoy]) => [
    name.replace(/[|` ]/g, ''),
    status,
    haproxy,
    envoy.replace(/ ?\|$/, ''),
  ]);
  const are = CAUSES.map(({ name, status, haproxy, envoy }) => [
    name,
    status.join(', '),
    haproxy.join(', '),
    envoy.replace(',', ', '),
  ]);
  assert.deepEqual(told, are);
});

test('the alert of failing servers names the causes that are theirs', () => {
  const [, list] = /tsuji_requests_ended_total\{cause=~"([^"]+)"/.exec(read('units/monitoring/alerts.yml'))!;
  const theirs = Object.values(FAULTS).filter(({ source }) => source === 'upstream');
  assert.deepEqual(list.split('|').sort(), [...new Set(theirs.map(({ cause }) => cause))].sort());
});

test('board and alerts name nothing but families that there are', () => {
  const families = ['Names of Traefik', 'Ours', 'Of the process'].flatMap((heading) =>
    rowsBelow(heading).map(([name]) => name.replace(/[|` ]/g, '')),
  );
  for (const path of ['units/monitoring/alerts.yml', 'units/monitoring/grafana-tsuji.json']) {
    const named = new Set(read(path).match(/\b(?:tsuji|traefik|process|nodejs)_[a-z_]+\b/g));
    assert.ok(named.size > 10);
    for (const name of named) assert.ok(families.includes(name.replace(/_bucket$/, '')), `${path}: ${name}`);
  }
  const board = JSON.parse(read('units/monitoring/grafana-tsuji.json'));
  const variables = board.templating.list.map(({ name }: { name: string }) => name);
  assert.deepEqual(variables, ['datasource', 'node', 'entrypoint', 'service']);
});
