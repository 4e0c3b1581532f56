/** docs/commands.md has every command with its usage and every option, as the table of commands has them. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { COMMAND_ROWS } from '../../../src/settings/command-rows.ts';

const page = readFileSync(new URL('../../../docs/commands.md', import.meta.url), 'utf8');
/** By name, what stands below its heading. */
const sections = new Map(
  page
    .split(/^## /m)
    .slice(1)
    .map((text) => [text.slice(0, text.indexOf('\n')), text] as const),
);

test('every command has its place in docs/commands.md, and nothing else has', () => {
  assert.deepEqual([...sections.keys()].sort(), COMMAND_ROWS.map(({ name }) => name as string).sort());
});

for (const { name, words, options } of COMMAND_ROWS) {
  test(`docs/commands.md has the words and the options of ${name} as the table has them`, () => {
    const text = sections.get(name) ?? '';
    assert.ok(text.includes(`\n\`tsuji ${name}${words === '' ? '' : ` ${words}`}\`\n`), 'its usage');
    const rows = Array.from(text.matchAll(/^\| `(--[^`]+)` \| (.*) \|$/gm), ([, flag, help]) => `${flag} ${help}`);
    const wanted = options.map(({ name: option, value, help }) => {
      const shown = value === '' ? `--${option}` : `--${option}=${value}`;
      return `${shown.replaceAll('|', '\\|')} ${help}`;
    });
    assert.deepEqual(rows, wanted);
  });
}
