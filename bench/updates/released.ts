/** tsuji as a release has it: bundled, beside the one package that is not part of a bundle. Sources start later and are larger. */
import { mkdirSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { bundle, ROOT } from '../../scripts/release/bundle.ts';
import { UWS } from '../../scripts/release/tree.ts';
import { tsujiCommand } from '../peers/tsuji.ts';
import type { Command, Processes } from '../processes.ts';

export type Released = {
  /** @param flags of tsuji */
  command(port: number, workers: number, flags: readonly string[]): Command;
};

function withMain(main: string, cache: string): Released {
  const sources = join(ROOT, 'src/main.ts');
  return {
    command(port, workers, flags) {
      const { file, args } = tsujiCommand(ROOT, port, flags);
      const own = args.map((arg) => (arg === sources ? main : arg).replace('--workers=1', `--workers=${workers}`));
      // Full from the second start on.
      return { file, args: own, env: { NODE_COMPILE_CACHE: cache } };
    },
  };
}

export async function makeReleased(processes: Processes): Promise<Released> {
  const folder = processes.folder('released');
  const build = { commit: 'bench', time: new Date(0).toISOString() };
  await bundle({ out: join(folder, 'js'), build, withPackages: true });
  mkdirSync(dirname(join(folder, UWS)), { recursive: true });
  symlinkSync(join(ROOT, UWS), join(folder, UWS));
  return withMain(join(folder, 'js/main.js'), join(folder, 'compiled'));
}

/** As `npm start` does. */
export function fromSources(processes: Processes): Released {
  return withMain(join(ROOT, 'src/main.ts'), join(processes.folder('sources'), 'compiled'));
}
