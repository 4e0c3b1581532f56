/** Who may ask an entrypoint, by password or by the word of another server (shared/spec cli-api §3): read as a frontend's is. */
import { readFileSync, statSync } from 'node:fs';
import { ProblemList } from '../kernel/problems.ts';
import { AUTH, type AuthOptions } from '../middlewares/auth.ts';
import { type FileText, REJECTED } from '../middlewares/kind.ts';
import { parseKind } from '../middlewares/kinds.ts';
import { OPTION_NAMES } from './entrypoint-text.ts';
import type { OptionReader } from './option-reader.ts';
import type { Warn } from './setting-warning.ts';

const MAX_FILE_BYTES = 1_048_576;

function readFile(path: string): FileText {
  try {
    const { size } = statSync(path);
    if (size > MAX_FILE_BYTES) return { text: '', problem: `it has ${size} bytes; ${MAX_FILE_BYTES} are the most` };
    return { text: readFileSync(path, 'utf8'), problem: '' };
  } catch (error) {
    return { text: '', problem: `it cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unreadable'})` };
  }
}

/** `on` and `enable` are good for an entrypoint, and not for a frontend. */
const FLAGS: ReadonlySet<string> = new Set([
  'Auth.Basic.RemoveHeader',
  'Auth.Digest.RemoveHeader',
  'Auth.Forward.TrustForwardHeader',
  'Auth.Forward.TLS.CAOptional',
  'Auth.Forward.TLS.InsecureSkipVerify',
]);

/** `Auth.Basic.Users` → `auth/basic/users`. */
function keyOf(option: string): string {
  return option.toLowerCase().replaceAll('.', '/');
}

/** null: none is asked for. What is wrong refuses the entrypoint, by the option's own name. */
export function fillAuth(options: OptionReader, warn: Warn): AuthOptions | null {
  const keys = new Map<string, string>();
  const optionOf = new Map<string, string>();
  for (const option of options.names()) {
    if (!option.startsWith('Auth')) continue;
    const texts = FLAGS.has(option) ? [String(options.boolean(option))] : options.list(option);
    // A section alone says its own name.
    const key = option === 'Auth' ? (texts[0] ?? 'auth') : keyOf(option);
    keys.set(key, option === 'Auth' ? '' : texts.join(','));
    optionOf.set(key, option);
  }
  // A section with something in it needs no word of its own.
  for (const key of [...keys.keys()])
    if ([...keys.keys()].some((other) => other.startsWith(`${key}/`))) keys.delete(key);
  if (keys.size === 0) return null;
  const problems = new ProblemList('');
  const known = {
    entryPoints: new Set<string>(),
    backend: '',
    backendLack: () => 'an entrypoint knows no backends',
    keyOf: () => '',
    readFile,
  };
  const auth = parseKind(AUTH, keys, known, problems);
  const named = (key: string): string =>
    optionOf.get(key) ??
    [...optionOf].find(([each]) => each.startsWith(key))?.[1] ??
    OPTION_NAMES.find((name) => keyOf(name) === key) ??
    key;
  for (const { key, state, reason } of problems.list) {
    if (state === 'rejected') options.refuse(named(key), reason);
    warn(options.settingOf(named(key)), reason);
  }
  if (auth === null || auth === REJECTED) return options.refuse('Auth', 'it lets nobody in');
  if (auth.how.kind === 'none')
    options.refuse('Auth', 'it names no basic, digest or forward auth: nobody could get in');
  return auth;
}
