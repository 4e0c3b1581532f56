/** The pages for users lead to each other, say what the code says, and their examples are commands that there are. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import test from 'node:test';
import { GENERATED, withGenerated } from '../../../scripts/write-docs.ts';
import { readArguments } from '../../../src/commands/arguments.ts';
import { COMMAND_ROWS, type CommandName } from '../../../src/settings/command-rows.ts';
import { parseFlags } from '../../../src/settings/parse-flags.ts';
import { examplesOf, pageText, shellWords, userPages } from '../../harness/documents.ts';

const ROOT = join(import.meta.dirname, '../../..');
const PAGES = [...userPages(), 'src/README.md', 'bench/README.md'];

/** As GitHub makes them of headings. */
function anchorsOf(page: string): ReadonlySet<string> {
  const seen = new Map<string, number>();
  const headings = pageText(page).matchAll(/^#{1,6} (.+)$/gm);
  return new Set(
    Array.from(headings, ([, heading]) => {
      const anchor = heading
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-');
      const times = seen.get(anchor) ?? 0;
      seen.set(anchor, times + 1);
      return times === 0 ? anchor : `${anchor}-${times}`;
    }),
  );
}

for (const page of PAGES) {
  test(`every link of ${page} leads somewhere`, () => {
    for (const [, target] of pageText(page).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^https?:/.test(target)) continue;
      const [path, anchor] = target.split('#', 2);
      const file = path === '' ? page : normalize(join(dirname(page), path));
      assert.ok(existsSync(join(ROOT, file)), target);
      if (anchor !== undefined) assert.ok(anchorsOf(file).has(anchor), target);
    }
  });
}

test('README.md has a thousand words at most', () => {
  assert.ok(pageText('README.md').split(/\s+/).length <= 1_000);
});

test('every page of docs/ is found from its index', () => {
  const index = pageText('docs/README.md');
  for (const page of userPages()) {
    if (!page.startsWith('docs/') || page === 'docs/README.md') continue;
    assert.ok(index.includes(`](${page.slice('docs/'.length)}`), page);
  }
});

for (const { file, mark, text } of GENERATED) {
  test(`docs/${file} has the ${mark} as the tables in the code have them`, () => {
    const page = pageText(`docs/${file}`);
    assert.equal(page, withGenerated(page, mark, text()), 'npm run docs');
  });
}

/** Lines of examples that begin with a command, or are flags alone; a backslash at the end joins two. */
function linesOf(page: string): readonly string[] {
  return examplesOf(page)
    .flatMap(({ text }) => text.replaceAll('\\\n', ' ').split('\n'))
    .map((line) => line.replace(/^\$ /, '').trim());
}

const NAMES: ReadonlySet<string> = new Set(COMMAND_ROWS.map(({ name }) => name));
/** Of the hosts of examples. */
const MEANT = /\$OPTIONS|\$revision|\$\{COREOS_PRIVATE_IPV4\}/g;

for (const page of userPages()) {
  test(`the tsuji commands of ${page} are understood`, () => {
    for (const line of linesOf(page)) {
      const [program, first = '', ...rest] = shellWords(
        line.replaceAll(MEANT, (name) => (name === '$OPTIONS' ? '' : '1')),
      );
      const isFlags = program?.startsWith('--') === true;
      if (program !== 'tsuji' && !isFlags) continue;
      const flags = isFlags ? [program, first, ...rest].filter((word) => word !== '') : [first, ...rest];
      if (isFlags || first.startsWith('--')) {
        if (first === '--help') continue;
        const parsed = parseFlags(flags, {});
        assert.equal(parsed.kind, 'run', `${line}: ${JSON.stringify(parsed)}`);
      } else {
        assert.ok(NAMES.has(first), line);
        const { flags: own } = readArguments(first as CommandName, rest);
        assert.notEqual(parseFlags(own, {}).kind, 'error', line);
      }
    }
  });
}
