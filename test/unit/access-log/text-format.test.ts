import assert from 'node:assert/strict';
import test from 'node:test';
import { TextFormat } from '../../../src/access-log/text-format.ts';
import type { AccessLogOptions } from '../../../src/kernel/access-log-options.ts';
import { entry, LOCAL, lineOf, OPTIONS, type Values } from './entries.ts';

function line(changes: Values = {}, options: Partial<AccessLogOptions> = {}): string {
  return lineOf(new TextFormat({ ...OPTIONS, ...options }), entry(changes));
}

const START = '10.0.0.9 - - [02/Jan/2026:15:04:05 +0000] "GET /a?b=c HTTP/1.1"';

test('a line is that of Traefik 1.7', () => {
  assert.equal(line(), `${START} 200 512 "http://ref/" "curl/8" 7 "Host-foo" "http://10.0.0.1:80" 12ms\n`);
});

test('what is absent is told as Traefik 1.7 tells it', () => {
  assert.equal(line({ ...LOCAL, clientFields: '' }), `${START} - - "-" "-" 7 - - 12ms\n`);
  assert.equal(
    line({ clientFields: 'referer: \r\n' }),
    `${START} 200 512 "-" "-" 7 "Host-foo" "http://10.0.0.1:80" 12ms\n`,
  );
});

test('a line is that of Traefik 3: its status, no header fields, quotes around what is absent', () => {
  const options: Partial<AccessLogOptions> = { names: '3', headers: { defaultMode: 'drop', names: [] } };
  assert.equal(
    line({ status: 502, sentBytes: 9, frontendName: 'f@etcd' }, options),
    `${START} 502 9 "-" "-" 7 "f@etcd" "http://10.0.0.1:80" 12ms\n`,
  );
  assert.equal(line(LOCAL, options), `${START} 503 512 "-" "-" 7 "-" "-" 12ms\n`);
});

test('the generic form ends behind the user agent', () => {
  assert.equal(line({}, { format: 'genericCLF' }), `${START} 200 512 "http://ref/" "curl/8"\n`);
});

test('ours has the cause, times, tries and the id', () => {
  const id = '019b0000-0000-7000-8000-000000000000';
  const common = line().slice(0, -1);
  assert.equal(line({}, { format: 'extended' }), `${common} ok 0/0/1/9/12 1 ${id}\n`);
  assert.equal(
    line({ queue: 2_999_999, lost: 1, firstByte: -1, tries: 2, requestId: '' }, { format: 'extended' }),
    `${common} ok 0/3/1/-1/12 2 -\n`,
  );
  assert.match(line(LOCAL, { format: 'extended' }), / 12ms no_server 0\/-1\/-1\/-1\/12 0 019b/);
});

test('what is dropped is told in its absent form', () => {
  const dropped = { fields: { defaultMode: 'drop' as const, names: [] } };
  const bare = '- - - [-] "- - -" - - "http://ref/" "curl/8" - - - 0ms\n';
  assert.equal(line({ user: 'bob' }, dropped), bare);
  const kept = { fields: { defaultMode: 'drop' as const, names: [['StartLocal', 'keep'] as const] } };
  assert.match(line({}, kept), /^- - - \[\d\d\/Jan\/2026:\d\d:04:05 [+-]\d{4}\] /);
  assert.match(line({}, { headers: { defaultMode: 'redact', names: [] } }), / "REDACTED" "REDACTED" /);
  assert.match(line({}, { headers: { defaultMode: 'keep', names: [['referer', 'drop']] } }), / "-" "curl\/8" /);
});

test('names of fields are compared as their version does it', () => {
  const fields = { defaultMode: 'keep' as const, names: [['clienthost', 'drop'] as const] };
  assert.match(line({}, { fields }), /^10\.0\.0\.9 /);
  assert.match(line({}, { fields, names: '3' }), /^- /);
});
