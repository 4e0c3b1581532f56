/**
 * `tsuji wait REVISION`: until the tsuji that runs with the same flags, or with `--nodes=all` every one of its prefix,
 * routes by that revision of etcd. For scripts that go on when a change is in force: exit code 0 when it is, 1 when not.
 */
import { adminPlace, tellAnswer } from './admin-client.ts';
import { command, readDuration } from './run-command.ts';

const HELP = `Waits until every worker of the tsuji that runs here with these flags routes by REVISION of etcd, which
"etcdctl put -w json" prints; with --nodes=all, until every live node of the prefix does. At most 60 s.
Exit code 0: it does; 1: not in time, or it cannot be asked.
`;
/** More than what the answer may take anyway. */
const MARGIN_MS = 5_000;

export const runWait = command('wait', HELP, ({ words: [revision], options, flags }, env) => {
  const ms = readDuration(options, 'timeout', '5s');
  const query = new URLSearchParams([...options, ['revision', revision]]);
  return tellAnswer(`${adminPlace(flags, env)}api/config/wait?${query}`, 'GET', ms + MARGIN_MS);
});
