/** The pages for users, and the examples in them. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '../..');

export type Example = {
  readonly page: string;
  /** Behind the fence: `sh`, `console`, …; `indented` for a block without one. */
  readonly kind: string;
  readonly text: string;
};

/** Paths from the root of the project, of README.md and all of docs/. */
export function userPages(): readonly string[] {
  const pages = readdirSync(join(ROOT, 'docs')).filter((name) => name.endsWith('.md'));
  return ['README.md', ...pages.map((name) => `docs/${name}`)];
}

export function pageText(page: string): string {
  return readFileSync(join(ROOT, page), 'utf8');
}

/** In their order. */
export function examplesOf(page: string): readonly Example[] {
  const text = pageText(page);
  return Array.from(text.matchAll(/^```(\w*)\n(.*?)^```$|(?<=\n\n)(?:^ {4}\S[^\n]*\n)+/gms), ([all, kind, body]) => ({
    page,
    kind: body === undefined ? 'indented' : kind,
    text: body ?? all.replaceAll(/^ {4}/gm, ''),
  }));
}

/** What a command of a `console` block prints, by the command. */
export function consoleSteps({ text }: Example): readonly { readonly command: string; readonly output: string }[] {
  return text
    .split(/^\$ /m)
    .slice(1)
    .map((step) => ({ command: step.slice(0, step.indexOf('\n')), output: step.slice(step.indexOf('\n') + 1).trim() }));
}

/** The words of a line as a shell takes them apart, up to a comment, `|`, `&` or `;`. Quotes and `$(…)` keep words together. */
export function shellWords(line: string): readonly string[] {
  const words: string[] = [];
  for (const [all, one, two] of line.matchAll(
    /(?:[^\s'"|&;#$]|\$\([^)]*\)|\$|'([^']*)'|"([^"]*)"|(?<=\S)[;#])+|[|&;#]/g,
  )) {
    if (/^[|&;#]$/.test(all)) break;
    words.push(one === undefined && two === undefined ? all : all.replaceAll(/'([^']*)'|"([^"]*)"/g, '$1$2'));
  }
  return words;
}
