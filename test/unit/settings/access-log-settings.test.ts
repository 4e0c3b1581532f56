import assert from 'node:assert/strict';
import test from 'node:test';
import type { AccessLogOptions } from '../../../src/kernel/access-log-options.ts';
import { parseFlags } from '../../../src/settings/parse-flags.ts';
import { warningTexts } from '../../harness/warnings.ts';

type Read = { readonly options: AccessLogOptions | null; readonly warnings: readonly string[] };

function read(...flags: string[]): Read {
  const parsed = parseFlags(['--folder=/tmp', ...flags], {});
  if (parsed.kind === 'error') throw new Error(parsed.message);
  assert.ok(parsed.kind === 'run');
  return { options: parsed.settings.accessLog, warnings: warningTexts(parsed.settings.warnings) };
}

function warned(flag: string, pattern: RegExp): AccessLogOptions | null {
  const { options, warnings } = read(flag);
  assert.match(warnings.join('\n'), pattern);
  return options;
}

test('there is none unless something asks for it', () => {
  assert.equal(read().options, null);
  assert.equal(read('--accessLog=false').options, null);
  assert.deepEqual(read('--accessLog').options, {
    format: 'common',
    names: '1.7',
    filePath: '',
    syslog: null,
    mostLines: 8_192,
    filters: { statuses: [], retryAttempts: false, minDurationMs: 0 },
    fields: { defaultMode: 'keep', names: [] },
    headers: { defaultMode: 'keep', names: [] },
    queryParameters: 'keep',
    internals: false,
    extras: true,
    sampling: 1,
    provider: 'folder',
  });
  assert.equal(read('--accessLog.filePath=/var/log/a').options?.filePath, '/var/log/a');
  assert.equal(read('--accessLogsFile=/var/log/b').options?.filePath, '/var/log/b');
  assert.equal(read('--accessLog.filePath=/dev/stdout').options?.filePath, '');
});

test('with the names of Traefik 3 header fields are dropped unless they are asked for', () => {
  assert.equal(read('--accessLog.names=3').options?.headers.defaultMode, 'drop');
  const kept = read('--accessLog.names=3', '--accessLog.fields.headers.defaultMode=keep').options;
  assert.equal(kept?.headers.defaultMode, 'keep');
});

test('lists of names and modes', () => {
  const { options } = read(
    '--accessLog.fields.defaultMode=drop',
    '--accessLog.fields.names=StartUTC=keep Duration=keep',
    '--accessLog.fields.headers.names=User-Agent=redact X-A=drop',
  );
  assert.deepEqual(options?.fields, {
    defaultMode: 'drop',
    names: [
      ['StartUTC', 'keep'],
      ['Duration', 'keep'],
    ],
  });
  assert.deepEqual(options?.headers.names, [
    ['user-agent', 'redact'],
    ['x-a', 'drop'],
  ]);
});

test('an unknown mode is that of all others, and what names none is left out; both are told', () => {
  assert.deepEqual(warned('--accessLog.fields.names=A=what', /"what" for "A" is none of keep, drop/)?.fields.names, [
    ['A', 'keep'],
  ]);
  const named = warned('--accessLog.fields.headers.names=X-A', /"X-A" is not of the form Name=keep\|drop\|redact/);
  assert.deepEqual(named?.headers.names, []);
});

test('statuses and ranges of them; a bad one voids them all and is told', () => {
  assert.deepEqual(read('--accessLog.filters.statusCodes=200;300-302,5').options?.filters.statuses, [
    [200, 200],
    [300, 302],
    [5, 5],
  ]);
  const voided = warned('--accessLog.filters.statusCodes=200,5xx', /"5xx" is no status and no range like 300-302/);
  assert.deepEqual(voided?.filters.statuses, []);
});

test('an unknown format is no access log in 1.7, and the common one in 3', () => {
  assert.equal(warned('--accessLog.format=xml', /"xml" is none of common, .*: there is no access log/), null);
  const { options, warnings } = read('--accessLog.format=xml', '--accessLog.names=3');
  assert.equal(options?.format, 'common');
  assert.match(warnings.join('\n'), /common is used/);
});

test('syslog servers', () => {
  const at = (url: string): AccessLogOptions['syslog'] => read(`--accessLog.syslog=${url}`).options?.syslog ?? null;
  assert.deepEqual(at('udp://log.example'), { protocol: 'udp', host: 'log.example', port: 514, facility: 16 });
  assert.deepEqual(at('tcp://[::1]:6000'), { protocol: 'tcp', host: '::1', port: 6_000, facility: 16 });
  const daemon = read('--accessLog.syslog=tcp://h', '--accessLog.syslog.facility=daemon').options?.syslog;
  assert.deepEqual(daemon, { protocol: 'tcp', host: 'h', port: 601, facility: 3 });
});

test('what means nothing ends the start, with its flag and its value', () => {
  for (const [flags, pattern] of [
    [['--accessLog.names=2'], /--accessLog\.names: "2" is none of 1\.7, 3/],
    [['--accessLog.sampling=2'], /--accessLog\.sampling: "2" is no number from 0 to 1/],
    [['--accessLog.bufferingSize=-1'], /--accessLog\.bufferingSize/],
    [['--accessLog.syslog=unix:///dev/log'], /--accessLog\.syslog: .*udp:\/\/HOST:514/],
    [['--accessLog.syslog=udp://h:99999'], /"99999" is no port/],
    [['--accessLog.syslog=udp://h', '--accessLog.filePath=/x'], /choose one/],
    [['--accessLog.syslog=udp://h', '--accessLog.syslog.facility=me'], /facility: "me" is none of kern/],
    [['--accessLog.fields.queryParameters.defaultMode=some'], /"some" is none of keep, drop/],
  ] as const) {
    assert.throws(() => read(...flags), pattern, flags.join(' '));
  }
});
