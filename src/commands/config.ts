/** `tsuji config`: the settings that tsuji would run with, flags, environment, file and store put together. */
import { checkFiles } from '../control/setting-files.ts';
import { SourceLog } from '../control/source/source-log.ts';
import { StoredKeysReader } from '../control/stored-keys.ts';
import { timerSpan } from '../kernel/durations.ts';
import { setLogLevel } from '../kernel/log.ts';
import { quoted } from '../kernel/quote.ts';
import { type EffectiveSetting, effectiveSettings } from '../settings/effective.ts';
import type { Settings } from '../settings/settings.ts';
import { command, print, readDuration, readFlags } from './run-command.ts';

const HELP = `Prints every setting with its value and where it comes from: flag, environment, file (traefik.toml), store (etcd or the
folder of the routes, which count more than all others) or default. Secrets are shown as (set). What is not obeyed is told on
standard error.
Exit code 0: these are the settings; 1: the store cannot be read, or some setting cannot be used.
`;
const ORIGIN_WIDTH = 13;

/** null: it does not answer. */
async function storeKeys(settings: Settings, ms: number): Promise<ReadonlyMap<string, string> | null> {
  // Trouble of sources is told by us.
  setLogLevel('FATAL');
  const reader = new StoredKeysReader(settings, new SourceLog());
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(resolve, timerSpan(ms), null);
  });
  try {
    return await Promise.race([reader.read(), late]);
  } finally {
    clearTimeout(timer);
    await reader.stop();
  }
}

/** `value`: quoted where it would not be one word. */
function line({ name, value, origin }: EffectiveSetting): string {
  const text = /^[^\s"\x7f-\x9f]*$/.test(value) ? value : quoted(value);
  return `${origin.padEnd(ORIGIN_WIDTH)}${name} = ${text}`.trimEnd();
}

export const runConfig = command('config', HELP, async ({ options, flags }, env) => {
  const parsed = readFlags(flags, env);
  const keys = await storeKeys(parsed.settings, readDuration(options, 'timeout', '6s'));
  const stored = keys === null ? null : parsed.withStored(keys, checkFiles);
  const { settings, given } = stored ?? parsed;
  const all = effectiveSettings(given, settings);
  const wanted = options.has('changed') ? all.filter(({ origin }) => origin !== 'default') : all;
  const troubles = settings.warnings.map(({ setting, origin, reason }) => ({
    setting,
    origin: origin as string,
    reason,
  }));
  for (const [key, reason] of stored?.problems ?? []) troubles.push({ setting: key, origin: 'store', reason });
  if (keys === null)
    troubles.push({
      setting: 'store',
      origin: 'store',
      reason: 'it does not answer: settings that stand there are missing',
    });
  if (options.has('json'))
    print([JSON.stringify({ configFile: parsed.configFile, settings: wanted, problems: troubles }, null, 2)]);
  else {
    print(wanted.map(line));
    const lines = troubles.map(({ setting, origin, reason }) => `${setting} (${origin}): ${reason}\n`);
    process.stderr.write(lines.join(''));
  }
  const isRefused = settings.warnings.some((warning) => warning.isRefused) || (stored?.problems.size ?? 0) > 0;
  return keys === null || isRefused ? 1 : 0;
});
