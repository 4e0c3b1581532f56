/** `npm run docs`: writes the parts of docs/ that are made from tables in the code, between their marks. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Row } from '../src/settings/row.ts';
import { ROWS, SHORT_NAMES } from '../src/settings/rows.ts';

const DOCS = join(import.meta.dirname, '../docs');

/** By file, the marks and what stands between them. */
export const GENERATED: readonly { readonly file: string; readonly mark: string; readonly text: () => string }[] = [
  { file: 'flags.md', mark: 'flags', text: flagTables },
];

function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}

function flagRow({ name, kind, fallback, help, support }: Row): string {
  const short = [...SHORT_NAMES].find(([, long]) => long === name)?.[0];
  const value = kind === 'section' || kind === 'any' ? '' : kind;
  const notes = support === 'later' ? '. Accepted with a warning: not there' : '';
  const shown = fallback === '' || fallback === 'false' ? '' : `\`${cell(fallback)}\``;
  return `| \`--${name}\`${short === undefined ? '' : `, \`-${short}\``} | ${value} | ${shown} | ${cell(help)}${notes} |`;
}

/** All flags, a table for each group of `--help all`. */
export function flagTables(): string {
  const groups = Map.groupBy(ROWS, ({ group }) => group);
  return [...groups]
    .map(([group, rows]) =>
      [
        `### ${group}`,
        '',
        '| flag | value | default | meaning |',
        '| --- | --- | --- | --- |',
        ...rows.map(flagRow),
      ].join('\n'),
    )
    .join('\n\n');
}

/**
 * `page` with that text between the marks.
 * @throws Error where they are missing
 */
export function withGenerated(page: string, mark: string, text: string): string {
  const [start, end] = [`<!-- ${mark}: written by npm run docs -->`, `<!-- end of ${mark} -->`];
  const [from, to] = [page.indexOf(start), page.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`${start} and ${end} are missing`);
  return `${page.slice(0, from + start.length)}\n\n${text}\n\n${page.slice(to)}`;
}

if (import.meta.main) {
  for (const { file, mark, text } of GENERATED) {
    const path = join(DOCS, file);
    writeFileSync(path, withGenerated(readFileSync(path, 'utf8'), mark, text()));
  }
}
