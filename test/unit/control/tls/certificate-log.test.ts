import assert from 'node:assert/strict';
import test from 'node:test';
import { type CertificateEntry, newEntry } from '../../../../src/control/tls/certificate-entry.ts';
import { tellExpiry, tellLoaded, tellProblem } from '../../../../src/control/tls/certificate-log.ts';
import { captureLog } from '../../../harness/log.ts';

const DAY_MS = 86_400_000;
const END = Date.UTC(2030, 0, 31);
const lines = captureLog();
const taken = (): unknown[] => lines.splice(0);

function entryOf(from: string, lifeDays = 90): CertificateEntry {
  const entry = newEntry({ from, problemKey: '', entryPoints: 1, precedence: '', certText: '', keyText: '' });
  const pair = { names: ['a.test', 'b.test'], notBefore: END - lifeDays * DAY_MS, notAfter: END, fingerprint: 'f00' };
  return Object.assign(entry, { pair: pair as unknown as CertificateEntry['pair'] });
}

test('the end of a certificate is told at each step, once, and its successor at the level of the last', () => {
  const entry = entryOf('tls/a');
  for (let hours = 40 * 24; hours >= -48; hours -= 6) tellExpiry(entry, END - (hours * DAY_MS) / 24);
  const fields = { names: 'a.test,b.test', not_after: '2030-01-31T00:00:00.000Z', source: 'tls/a' };
  const levels = ['warning', 'warning', 'warning', 'error', 'error', 'error'];
  assert.deepEqual(
    taken(),
    levels.map((level) => ({ event: 'certificate_expiring', level, ...fields })),
  );
  tellLoaded(entry);
  tellLoaded(entry);
  const loaded = { event: 'certificate_loaded', ...fields, fingerprint: 'f00' };
  assert.deepEqual(taken(), [
    { ...loaded, level: 'error' },
    { ...loaded, level: 'info' },
  ]);
});

test('one that is first seen near its end has one line of that', () => {
  const entry = entryOf('tls/b');
  tellExpiry(entry, END - 2 * DAY_MS);
  tellExpiry(entry, END - 2 * DAY_MS);
  assert.deepEqual(
    lines.splice(0).map(({ event, level }) => [event, level]),
    [['certificate_expiring', 'error']],
  );
});

test('one that lives for a few days only is told of in its last third', () => {
  const entry = entryOf('tls/short', 6);
  const hoursLeft: number[] = [];
  for (let hours = 6 * 24; hours >= -1; hours--) {
    tellExpiry(entry, END - (hours * DAY_MS) / 24);
    hoursLeft.push(...lines.splice(0).map(() => hours));
  }
  assert.deepEqual(hoursLeft, [48, 22, 11, 4, 1, 0]);
});

test('what is wrong with a certificate is told by its name, and its end at the same level', () => {
  const entry = entryOf('tls/c');
  const told = (): unknown[] => lines.splice(0).map(({ event, level, reason = '' }) => [event, level, reason]);
  tellProblem(entry, { kind: 'load', state: 'rejected', reason: 'no such file' });
  tellProblem(entry, null);
  tellProblem(entry, { kind: 'shadowed', state: 'ignored', reason: 'tls/d comes first' });
  tellProblem(entry, null);
  assert.deepEqual(told(), [
    ['certificate_failed', 'error', 'no such file'],
    ['certificate_good', 'error', ''],
    ['certificate_failed', 'warning', 'tls/d comes first'],
    ['certificate_good', 'warning', ''],
  ]);
  const other = entryOf('tls/e');
  tellProblem(other, { kind: 'ocsp', state: 'warned', reason: 'no OCSP response: status 500' });
  tellProblem(other, { kind: 'expired', state: 'warned', reason: 'told by its step' });
  assert.deepEqual(told(), [['ocsp_failed', 'warning', 'no OCSP response: status 500']]);
});
