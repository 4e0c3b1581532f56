/** Which part of src may import which, and what nothing should, as a check over the text of the files. */
import { dirname, join, normalize } from 'node:path/posix';

/**
 * May import, by top folder of src (`main` and `start` are files of it). Its own folder is always allowed. `x:url` allows a file of
 * `x` only as `new URL('…', import.meta.url)`, as for a worker; `x:type` only in `import type`.
 */
export const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  main: ['start', 'commands', 'kernel'],
  start: ['settings', 'commands', 'control', 'kernel'],
  commands: ['control', 'model', 'settings', 'kernel'],
  control: [
    'settings',
    'access-log',
    'data:url',
    'protocol',
    'table',
    'shared',
    'tls',
    'model',
    'rule',
    'middlewares',
    'otlp',
    'http',
    'kernel',
  ],
  data: ['access-log', 'protocol', 'table', 'shared', 'tls', 'middlewares', 'http2', 'otlp', 'http', 'kernel'],
  model: ['rule', 'middlewares', 'kernel'],
  table: ['rule:type', 'kernel'],
  rule: ['kernel'],
  middlewares: ['kernel'],
  settings: ['middlewares', 'kernel'],
  tls: ['protocol:type', 'kernel'],
  protocol: ['kernel'],
  'access-log': ['shared', 'http', 'kernel'],
  shared: ['kernel'],
  http: ['kernel'],
  http2: ['http', 'kernel'],
  otlp: ['kernel'],
  kernel: [],
};

/** Files that a layer may not import although it may import their folder. */
const CLOSED: Readonly<Record<string, RegExp>> = {
  data: /^table\/(?:writer|written|builder|merge|records|salvage|candidates|assemble)/,
};

/** What each start would pay for, tens of milliseconds and megabytes in every thread, and how it is had for less. */
const COSTLY: ReadonlyMap<string, string> = new Map([
  ['node:http', 'import { http } from src/kernel/node-http.ts'],
  ['node:https', 'import { https } from src/kernel/node-http.ts'],
  ['hdr-histogram-js', 'import the one file of it that is needed'],
  ['jose', 'use import() where it is needed'],
  ['pkijs', 'use import() for the file that needs it'],
]);
/** Themselves loaded by `import()` alone. */
const LOADED_LATE: ReadonlySet<string> = new Set([
  'control/percentiles/encoded.ts',
  'control/tls/ocsp.ts',
  'control/tls/self-signed.ts',
]);

type Reference = { readonly line: number; readonly target: string; readonly kind: 'value' | 'type' | 'url' };

const PATTERNS: readonly (readonly [kind: Reference['kind'] | 'statement', pattern: RegExp])[] = [
  ['statement', /^[ \t]*(?:import|export)\s([^'"`;]*?)\sfrom\s*['"]([^'"]+)['"]/gm],
  ['value', /^[ \t]*import\s*()['"]([^'"]+)['"]/gm],
  ['value', /^(?![ \t]*(?:\*|\/\/)).*?\bimport\(\s*()['"]([^'"]+)['"]/gm],
  ['url', /^(?![ \t]*(?:\*|\/\/)).*?\bnew URL\(\s*()['"]([^'"]+\.ts)['"],\s*import\.meta\.url/gm],
];

/** Nothing of `clause` (what stands between `import` and `from`) survives the stripping of types. */
function isTypeOnly(clause: string): boolean {
  if (/^type\b/.test(clause)) return true;
  const names = /^\{([^}]*)\}$/s.exec(clause.trim());
  if (!names) return false;
  return names[1].split(',').every((name) => name.trim() === '' || /^type\s/.test(name.trim()));
}

/** The relative imports of one file. */
export function referencesOf(text: string): Reference[] {
  const references: Reference[] = [];
  for (const [kind, pattern] of PATTERNS) {
    for (const match of text.matchAll(pattern)) {
      const [whole, clause, target] = match;
      if (!target.startsWith('.')) continue;
      const line = text.slice(0, match.index + whole.length).split('\n').length;
      references.push({ line, target, kind: kind === 'statement' ? (isTypeOnly(clause) ? 'type' : 'value') : kind });
    }
  }
  return references.sort((a, b) => a.line - b.line);
}

/** Imports of what should be had for less. */
function costlyImports(path: string, text: string): string[] {
  if (LOADED_LATE.has(path)) return [];
  return [...text.matchAll(/^import\s+(?!type\b)[^'"`;]*?\sfrom\s*'([^']+)'/gm)].flatMap((match) => {
    const instead = COSTLY.get(match[1]);
    const line = text.slice(0, match.index + match[0].length).split('\n').length;
    return instead === undefined ? [] : [`src/${path}:${line} imports ${match[1]}, which is dear: ${instead}`];
  });
}

function layerOf(path: string): string {
  return path.includes('/') ? path.slice(0, path.indexOf('/')) : path.replace(/\.ts$/, '');
}

function isAllowed(from: string, to: string, kind: Reference['kind']): boolean {
  const layer = layerOf(from);
  if (to.startsWith('..') || CLOSED[layer]?.test(to)) return false;
  const target = layerOf(to);
  const allowed = MAY_IMPORT[layer];
  if (allowed === undefined) return false;
  return layer === target || allowed.includes(target) || allowed.includes(`${target}:${kind}`);
}

/** Every cycle found by walking from each file once, as the files on it. */
function findCycles(imports: ReadonlyMap<string, readonly string[]>): string[][] {
  const cycles: string[][] = [];
  const done = new Set<string>();
  const path: string[] = [];
  function walk(file: string): void {
    const at = path.indexOf(file);
    if (at >= 0) cycles.push([...path.slice(at), file]);
    if (at >= 0 || done.has(file)) return;
    path.push(file);
    for (const next of imports.get(file) ?? []) walk(next);
    path.pop();
    done.add(file);
  }
  for (const file of imports.keys()) walk(file);
  return cycles;
}

/**
 * What is wrong with the layers, one line each. `files`: text by path relative to src, with `/`.
 */
export function layerProblems(files: ReadonlyMap<string, string>): string[] {
  const problems: string[] = [];
  const imports = new Map<string, string[]>();
  const types = new Map<string, string[]>();
  for (const [path, text] of files) {
    if (/(^|\/)index\.ts$/.test(path)) problems.push(`src/${path}:1 is an index file, not allowed`);
    if (!(layerOf(path) in MAY_IMPORT)) problems.push(`src/${path}:1 belongs to no layer, not allowed`);
    problems.push(...costlyImports(path, text));
    const targets: string[] = [];
    imports.set(path, targets);
    const known: string[] = [];
    types.set(path, known);
    for (const { line, target, kind } of referencesOf(text)) {
      const to = normalize(join(dirname(path), target));
      if (!isAllowed(path, to, kind)) problems.push(`src/${path}:${line} imports ${to}, not allowed`);
      // Types are gone at run time, and a worker's URL starts another thread: neither makes loading go in circles.
      if (kind === 'value') targets.push(to);
      if (kind !== 'url') known.push(to);
    }
  }
  // Two files may be halves of one thing (a connection and what is on it); where more know each other, none can be read alone.
  const cycles = findCycles(imports);
  for (const cycle of findCycles(types)) {
    if (cycle.length > 3 && !cycles.some((other) => other.join() === cycle.join()))
      problems.push(`src/${cycle[0]}:1 knows itself by its types: ${cycle.join(' → ')}`);
  }
  for (const cycle of cycles) problems.push(`src/${cycle[0]}:1 imports itself: ${cycle.join(' → ')}`);
  return problems;
}
