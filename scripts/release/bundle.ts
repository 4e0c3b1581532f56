/**
 * src → JavaScript files in one flat folder. By esbuild: one binary inside an npm package, no tree of plugins, and fast
 * enough for a test.
 *
 * A file of src that is named by `new URL('….ts', import.meta.url)` starts a thread and becomes an entry; any other file or
 * folder named so, of a package as well, is read at run time and copied. Both get the name of their path with `-` for `/`,
 * which those URLs are rewritten to, so that they hold wherever esbuild has put the code around them.
 */
import { cpSync, globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type Plugin } from 'esbuild';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const SRC = join(ROOT, 'src');
const MODULES = join(ROOT, 'node_modules');

const OWN_URL = /new URL\(\s*'([^'$]+)',\s*import\.meta\.url,?\s*\)/g;
/** Left out: the addon cannot be bundled, and those that come behind it are looked for by others and may be missing. */
const EXTERNAL = ['uWebSockets.js', '@napi-rs/nice', 'bufferutil', 'utf-8-validate'];
const OWN_PLACE = /\b__dirname\b|\b__filename\b|\bimport\.meta\.(?:url|dirname|filename)\b/;
/** What packages of CommonJS expect around them. */
const BANNER =
  "import{createRequire as makeRequire}from'node:module';const require=makeRequire(import.meta.url),__dirname=import.meta.dirname;";
/**
 * Files of packages that look for others by their own place, which is the folder of the bundle then, and what they find there:
 * `[from, to]`, or null for what tsuji never asks of them. Any other such file is refused.
 */
const LOOKS_AROUND: ReadonlyMap<string, readonly [from: string, to: string] | null> = new Map([
  // Bundled as an entry of that name.
  ['piscina/dist/index.js', null],
  ['@grpc/grpc-js/build/src/channelz.js', null],
  ['@grpc/grpc-js/build/src/orca.js', null],
]);
/** The file that piscina starts its threads with. */
const PISCINA_WORKER = { in: join(MODULES, 'piscina/dist/worker.js'), out: 'worker' };

export type Build = {
  /** Of the commit. */
  readonly commit: string;
  /** Of the commit, ISO 8601. */
  readonly time: string;
};

export type BundleOptions = {
  /** A folder that is made, and into which only this writes. */
  readonly out: string;
  readonly build: Build;
  /** Packages become part of the bundle; else they are looked for in `node_modules` at run time. */
  readonly withPackages: boolean;
};

/** The flat name of a file or folder of src, or of one above it that src reads. */
export function flatName(path: string): string {
  const inside = relative(SRC, path);
  if (inside.startsWith('..')) return basename(path);
  return inside.replace(/\.ts$/, '.js').replaceAll(sep, '-');
}

/**
 * The text with its own URLs rewritten, and the paths that they named. Throws when a file asks in another way where it is,
 * since a bundle could not answer.
 */
export function rewriteUrls(text: string, path: string): { text: string; targets: string[] } {
  const targets: string[] = [];
  const rewritten = text.replace(OWN_URL, (_all, url: string) => {
    const target = resolve(dirname(path), url);
    targets.push(target);
    return `new URL('./${flatName(target)}${url.endsWith('/') ? '/' : ''}', import.meta.url)`;
  });
  const rest = rewritten.replace(/new URL\('\.\/[^']+', import\.meta\.url\)/g, '');
  if (OWN_PLACE.test(rest)) {
    throw new Error(`${relative(ROOT, path)}: only new URL('…', import.meta.url) with a fixed path survives bundling`);
  }
  return { text: rewritten, targets };
}

function ownUrls(): Plugin {
  return {
    name: 'own-urls',
    setup(hooks) {
      hooks.onLoad({ filter: /\.ts$/ }, ({ path }) => {
        if (!path.startsWith(SRC + sep)) return undefined;
        // A bundle is started by the launcher, never as a program.
        const text = readFileSync(path, 'utf8').replace(/^#!.*/, '');
        return { contents: rewriteUrls(text, path).text, loader: 'ts' };
      });
    },
  };
}

/** Copies what bundled files of packages look for. `inputs`: relative to the root of the work tree. */
function copyLookedFor(inputs: readonly string[], out: string): void {
  for (const input of inputs) {
    if (!input.startsWith('node_modules/')) continue;
    if (!OWN_PLACE.test(readFileSync(join(ROOT, input), 'utf8'))) continue;
    const found = LOOKS_AROUND.get(input.slice('node_modules/'.length));
    if (found === undefined)
      throw new Error(`${input} looks for files around it, which scripts/release/bundle.ts must know`);
    if (found !== null) cpSync(join(MODULES, found[0]), join(out, found[1]), { recursive: true });
  }
}

/**
 * One character of another alphabet, and V8 takes two bytes for each of the file. Of such there are only comments left: esbuild has
 * escaped what stands in texts.
 */
function narrow(path: string): void {
  writeFileSync(path, readFileSync(path, 'utf8').replace(/[^\x00-\x7f]/g, '?'));
}

/** Bundled files of packages → the folders of the packages, relative to the root of the work tree, sorted. */
function packageFolders(inputs: readonly string[]): string[] {
  const folders = inputs.flatMap((input) => /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(input)?.slice(1, 2) ?? []);
  return [...new Set(folders)].sort();
}

/** Gives the folders of the packages that became part of it, relative to the root of the work tree. */
export async function bundle({ out, build: { commit, time }, withPackages }: BundleOptions): Promise<string[]> {
  const named = globSync('**/*.ts', { cwd: SRC }).flatMap((name) => {
    const path = join(SRC, name);
    return rewriteUrls(readFileSync(path, 'utf8'), path).targets;
  });
  const entries = [join(SRC, 'main.ts'), ...new Set(named.filter((path) => path.endsWith('.ts')))].sort();
  mkdirSync(out, { recursive: true });
  const { metafile } = await build({
    absWorkingDir: ROOT,
    entryPoints: [
      ...entries.map((path) => ({ in: path, out: flatName(path).replace(/\.js$/, '') })),
      ...(withPackages ? [PISCINA_WORKER] : []),
    ],
    outdir: out,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    packages: withPackages ? 'bundle' : 'external',
    external: EXTERNAL,
    // Names and lines stay, for the stacks of errors that people send.
    minifySyntax: true,
    legalComments: 'none',
    define: { TSUJI_BUILD: JSON.stringify({ commit, time }) },
    banner: withPackages ? { js: BANNER } : {},
    plugins: [ownUrls()],
    metafile: true,
    logLevel: 'warning',
  });
  for (const name of globSync('*.js', { cwd: out })) narrow(join(out, name));
  const read = [...new Set(named.filter((path) => !path.endsWith('.ts')))];
  for (const path of read) cpSync(path, join(out, flatName(path)), { recursive: true });
  if (!withPackages) return [];
  copyLookedFor(Object.keys(metafile.inputs), out);
  return packageFolders([...Object.keys(metafile.inputs), ...read.map((path) => relative(ROOT, path))]);
}
