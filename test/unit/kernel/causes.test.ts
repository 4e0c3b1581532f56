import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import test from 'node:test';
import { CAUSES, causeNumber, SENT } from '../../../src/kernel/causes.ts';
import { deniedFault, FAULTS, maxConnectionsFault, rateLimitedFault } from '../../../src/kernel/errors.ts';
import { MAX_CAUSES } from '../../../src/shared/metrics-layout.ts';

const ALL_FAULTS = [...Object.values(FAULTS), maxConnectionsFault(1), deniedFault(403), rateLimitedFault('1s')];
/** Of replies and ends that are no fault. */
const OTHERS = ['ok', 'error_page', 'redirect', 'preflight', 'auth_refused', 'auth_error'];
/** Nothing ends for it: requests with a server that is removed go on. Its series stand at 0. */
const UNUSED = ['server_removed'];

const rows = new Map(CAUSES.map((cause) => [cause.name, cause]));
const src = new URL('../../../src/', import.meta.url);

test('every fault has a row, and its status stands there', () => {
  for (const { code, cause, status } of ALL_FAULTS) {
    const row = rows.get(cause);
    assert.ok(row, `${code} has no row`);
    const onlyLater = row.status.every((one) => one === SENT);
    assert.ok(row.status.includes(status) || onlyLater, `${code}: ${status} is not among ${row.status}`);
  }
});

test('every row is one of a fault, or one of the few others', () => {
  const ofFaults = new Set(ALL_FAULTS.map(({ cause }) => cause));
  const left = CAUSES.map(({ name }) => name).filter((name) => !ofFaults.has(name));
  assert.deepEqual(left.sort(), [...OTHERS, ...UNUSED].sort());
  assert.equal(rows.size, CAUSES.length);
  assert.ok(CAUSES.length <= MAX_CAUSES);
});

test('every cause that the code names has a row', () => {
  const named = new Set<string>();
  for (const file of readdirSync(new URL('data/', src), { recursive: true, encoding: 'utf8' })) {
    if (!file.endsWith('.ts')) continue;
    const text = readFileSync(new URL(`data/${file}`, src), 'utf8');
    for (const [, name] of text.matchAll(/\bcause(?: =|:) '(\w+)'/g)) named.add(name);
  }
  assert.ok(named.size >= 4);
  for (const name of named) assert.ok(rows.has(name), `${name} has no row`);
});

test('letters and flags are those that HAProxy and Envoy know', () => {
  for (const { name, haproxy, envoy } of CAUSES) {
    for (const letters of haproxy) assert.match(letters, /^(?:[-CScsPLRIDUK][-RQCHDLT])$/, name);
    assert.match(envoy, /^[A-Z,]*$/, name);
  }
});

test('a cause that nobody knows counts as an error of ours', () => {
  assert.equal(causeNumber('ok'), 0);
  assert.equal(CAUSES[causeNumber('truncated')].name, 'truncated');
  assert.equal(CAUSES[causeNumber('nonsense')].name, 'internal');
});
