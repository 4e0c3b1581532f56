/** The script for bash, read by a bash; those for zsh and fish were tried by hand, and have the same names. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { after } from 'node:test';
import { COMMAND_COMPLETIONS, FLAG_COMPLETIONS } from '../../../src/commands/completion-items.ts';
import { COMPLETION_SCRIPTS } from '../../../src/commands/completion-scripts.ts';
import { run, temporaryFolder } from '../../harness/tools.ts';

const folder = temporaryFolder();
after(() => folder.remove());
mkdirSync(join(folder.path, 'conf'));
writeFileSync(join(folder.path, 'conf.toml'), '');

const CASES: readonly (readonly [line: string, candidates: readonly string[]])[] = [
  ['tsuji wai', ['wait']],
  ['tsuji --web WA', ['wait']],
  ['tsuji wait --so', ['--source=']],
  ['tsuji wait 5 --source=etcdv3', ['etcdv3']],
  ['tsuji wait --source=', ['etcdv3', 'etcdv2']],
  ['tsuji --ETCD.endp', ['--etcd.endpoint=']],
  ['tsuji --etcd.watch=f', ['false']],
  ['tsuji help rollb', ['rollback']],
  ['tsuji completion ', ['bash', 'zsh', 'fish']],
  ['tsuji register --failing=d', ['drain']],
  ['tsuji --configFile=con', ['conf', 'conf.toml']],
  ['tsuji convert toml con', ['conf', 'conf.toml']],
  ['tsuji history ', []],
  ['tsuji nonsense --etcd.pass', ['--etcd.password=']],
];

test('bash completes commands, options, flags, values and files', async () => {
  const lines = CASES.map(([line]) => `try '${line}'`).join('\n');
  const input = `${COMPLETION_SCRIPTS.bash()}
compopt() { :; }
try() { COMP_LINE=$1; COMP_POINT=\${#1}; _tsuji; echo "\${COMPREPLY[*]}"; }
${lines}
`;
  const { stdout, stderr } = await run('bash', ['--norc'], { input, cwd: folder.path });
  assert.equal(stderr, '');
  const given = stdout.split('\n').slice(0, CASES.length);
  assert.deepEqual(
    given.map((text, index) => [
      CASES[index][0],
      text
        .split(' ')
        .filter((word) => word !== '')
        .sort(),
    ]),
    CASES.map(([line, candidates]) => [line, [...candidates].sort()]),
  );
});

test('each script has every command, option and flag', () => {
  for (const [shell, script] of Object.entries(COMPLETION_SCRIPTS)) {
    const text = script();
    const dashes = shell === 'fish' ? /^--/ : /^$/;
    for (const { name, options } of COMMAND_COMPLETIONS) {
      assert.ok(text.includes(name), `${shell}: ${name}`);
      for (const option of options)
        assert.ok(text.includes(option.name.replace(dashes, '')), `${shell}: ${option.name}`);
    }
    for (const { name } of FLAG_COMPLETIONS) assert.ok(text.includes(name.replace(dashes, '')), `${shell}: ${name}`);
  }
});
