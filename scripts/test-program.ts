/**
 * The tsuji of a run of all tests, which start it some hundreds of times. It is bundled as in a release, since the sources take
 * half as long again to start; they are what runs where tests load modules of them into it. Both have run once before: whoever is
 * killed, as tests do, leaves nothing behind of what was compiled (NODE_COMPILE_CACHE).
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundle, ROOT } from './release/bundle.ts';

/** It is of no commit, as the sources. */
const BUILD = { commit: '', time: '2026-01-01T00:00:00Z' };

/** Builds it into the folder `out`, in the place of an older one; gives the path of its main file. */
export async function makeTestProgram(out: string): Promise<string> {
  rmSync(out, { recursive: true, force: true });
  await bundle({ out, build: BUILD, withPackages: false });
  const main = join(out, 'main.js');
  await Promise.all([runOnce(main), runOnce(join(ROOT, 'src/main.ts'))]);
  return main;
}

/** Until it listens, on both engines. */
async function runOnce(main: string): Promise<void> {
  const keys = mkdtempSync(join(tmpdir(), 'tsuji-test-'));
  const entryPoints = ['uws', 'tsuji'].map(
    (engine) => `--entryPoints=Name:${engine} Address:127.0.0.1:0 Engine:${engine}`,
  );
  const flags = ['--web', '--web.address=127.0.0.1:0', '--workers=1', `--folder=${keys}`, ...entryPoints];
  const child = spawn(process.execPath, [main, ...flags], { stdio: ['ignore', 'pipe', 'inherit'], timeout: 60_000 });
  let said = '';
  let isTold = false;
  child.stdout.setEncoding('utf8').on('data', (text) => {
    said += text;
    // A second signal would end it before it has written what was compiled.
    if (isTold || !/event=admin_listening/.test(said)) return;
    isTold = true;
    child.kill('SIGTERM');
  });
  const [code] = await once(child, 'close');
  rmSync(keys, { recursive: true });
  if (code !== 0) throw new Error(`the tsuji for tests ended with ${code}, it said:\n${said}`);
}
