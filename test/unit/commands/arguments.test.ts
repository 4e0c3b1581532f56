import assert from 'node:assert/strict';
import test from 'node:test';
import { readArguments } from '../../../src/commands/arguments.ts';

const explain = (...argv: string[]): { words: readonly string[]; options: object; flags: readonly string[] } => {
  const { words, options, flags } = readArguments('explain', argv);
  return { words, options: Object.fromEntries(options), flags };
};

test('the value of an option of a command stands behind "=" or a blank', () => {
  const joined = explain('--host=a.test', '--path=/x', '--web');
  assert.deepEqual(joined, { words: [], options: { host: 'a.test', path: '/x' }, flags: ['--web'] });
  assert.deepEqual(explain('--host', 'a.test', '--path', '/x', '--web'), joined);
  assert.deepEqual(explain('--host', 'a.test', '/y').words, ['/y']);
  assert.deepEqual(explain('--header', 'a: 1', '--header=b: 2').options, { header: 'a: 1\nb: 2' });
});

test('one without a value is told how it is written, and takes nothing that is an option', () => {
  for (const argv of [['--host'], ['--host', '--path=/x'], ['--path=/', '--host']]) {
    assert.throws(() => explain(...argv), /--host needs a value after "=": --host=/);
  }
  assert.deepEqual(readArguments('version', ['--json']).options, new Map([['json', '']]));
  assert.throws(() => readArguments('version', ['--json', 'x']), /one word too many/);
});
