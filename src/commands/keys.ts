/** `tsuji keys`: what each key below the prefix is to the tsuji that runs with the same flags. */
import type { KeyList } from '../control/keys/key-list.ts';
import type { KeyStatus } from '../control/keys/key-status.ts';
import { quoted } from '../kernel/quote.ts';
import { ADMIN_TIMEOUT_MS, adminPlace, answerReason, ask } from './admin-client.ts';
import { keyLines } from './key-text.ts';
import { command, print } from './run-command.ts';
import { UsageError } from './usage-error.ts';

const HELP = `Lists the keys below PREFIX, relative or whole, with what each is to the tsuji that runs here with these flags:
  accepted   it does what it says
  warned     it does, but not as it should
  defaulted  the default is used in its place
  ignored    it means nothing
  rejected   its object is left out
with the reason, the part of the value that is wrong, what would be right where that is known, and the revision of etcd at
which it was written last. Values that may be secrets are told by their length.
Exit code 0: they are listed; 1: they cannot be had; 2: wrongly called.
`;
/** Of one answer. */
const PAGE_KEYS = 1_000;

function numberIn(options: ReadonlyMap<string, string>, name: string): number | null {
  const text = options.get(name);
  if (text === undefined) return null;
  if (!/^\d{1,9}$/.test(text)) throw new UsageError(`--${name}: ${quoted(text)} is no number`);
  return Number(text);
}

export const runKeys = command('keys', HELP, async ({ words: [prefix = ''], options, flags }, env) => {
  const place = `${adminPlace(flags, env)}api/keys`;
  const first = numberIn(options, 'offset') ?? 0;
  const limit = numberIn(options, 'limit') ?? Number.POSITIVE_INFINITY;
  const keys: KeyStatus[] = [];
  let list: KeyList | null = null;
  do {
    const page = Math.min(PAGE_KEYS, limit - keys.length);
    const query = new URLSearchParams({ prefix, offset: String(first + keys.length), limit: String(page) });
    const state = options.get('state');
    if (state !== undefined) query.set('state', state);
    const { status, body } = await ask(`${place}?${query}`, 'GET', ADMIN_TIMEOUT_MS);
    if (status === 400) throw new UsageError(answerReason(body));
    if (status !== 200) throw new Error(answerReason(body));
    list = JSON.parse(body) as KeyList;
    keys.push(...list.keys);
  } while (list.keys.length > 0 && keys.length < limit && first + keys.length < list.match);
  if (options.get('format') === 'json') {
    print([JSON.stringify({ ...list, offset: first, keys })]);
    return 0;
  }
  const counts = Object.entries(list.counts).map(([state, count]) => `${count} ${state}`);
  if (list.total === 0)
    print([
      'there is no key at all: is the prefix right (--etcd.prefix), and does the store answer? The log says both',
    ]);
  print([...keys.flatMap(keyLines), `${keys.length} of ${list.match} keys; of all there: ${counts.join(', ')}`]);
  return 0;
});
