/** The file of a snapshot, as it is read: whoever wrote it decides where requests go. */
import { join } from 'node:path';
import { TsujiError } from '../../kernel/errors.ts';
import { openIfThere } from '../../kernel/open-file.ts';
import type { Settings } from '../../settings/settings.ts';
import { SNAPSHOT_REFUSED } from './snapshot-format.ts';

/** A larger one would not fit into the memory of the main thread either. */
const MOST_BYTES = 1 << 30;
/** Written by the group or by others. */
const WRITABLE_BY_OTHERS = 0o022;
const ROOT = 0;

/** The file that `--snapshot` means; '' for none. `stateDirectory`: what the service manager says, '' for nothing. */
export function snapshotPath({ snapshot, etcd }: Settings, stateDirectory: string): string {
  if (etcd === null || snapshot === 'off') return '';
  if (snapshot !== '') return snapshot;
  // Several, separated by colons (systemd.exec(5)).
  const [first] = stateDirectory.split(':');
  return first === '' ? '' : join(first, 'snapshot');
}

/**
 * Routes come from it, and private keys are in it: nobody else may have written it. `isForRoot`: root may look at that of the
 * user that tsuji runs as. null: there is none.
 */
export async function readOwn(path: string, isForRoot = false): Promise<Buffer | null> {
  const file = await openIfThere(path);
  if (file === null) return null;
  try {
    const stats = await file.stat();
    const { uid, mode, size } = stats;
    if (!stats.isFile()) throw new TsujiError(SNAPSHOT_REFUSED, 'it is no file');
    const own = process.getuid!();
    if (uid !== own && uid !== ROOT && !(isForRoot && own === ROOT)) {
      throw new TsujiError(SNAPSHOT_REFUSED, `it belongs to another user (${uid})`);
    }
    if ((mode & WRITABLE_BY_OTHERS) !== 0) throw new TsujiError(SNAPSHOT_REFUSED, 'others than its owner may write it');
    if (size > MOST_BYTES) throw new TsujiError(SNAPSHOT_REFUSED, `it has ${size} bytes; the most is ${MOST_BYTES}`);
    return await file.readFile();
  } finally {
    await file.close();
  }
}
