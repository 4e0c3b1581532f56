/** What the settings say of the log, and the log of them. */
import { reasonOf } from '../kernel/errors.ts';
import { EVENTS } from '../kernel/events.ts';
import { log, setLogLevel, setLogOutput } from '../kernel/log.ts';
import type { Settings } from '../settings/settings.ts';

/** The file that was told not to be usable; settings may be put in force again. */
let refused = '';

/** A file that cannot be written is told, and standard output has the log. */
export function useLogSettings({ logLevel, log: { path, form } }: Settings): void {
  setLogLevel(logLevel);
  try {
    setLogOutput(path, form);
    refused = '';
  } catch (error) {
    setLogOutput('', form);
    if (path === refused) return;
    refused = path;
    log.event(EVENTS.settingRefused, path, { setting: 'traefikLog.filePath', path, reason: reasonOf(error) });
  }
}

/** A setting that is not obeyed as it was given. Where the words begin with its name or its place, these are fields. */
export function tellWarning(reason: string): void {
  const setting = /^--([\w.]+)/.exec(reason)?.[1] ?? '';
  const origin =
    /^the environment variable (\w+)|^(TSUJI_\w+)|^(\S+\.toml):/.exec(reason)?.slice(1).find(Boolean) ?? '';
  const event = / is not listened on: /.test(reason) ? EVENTS.settingRefused : EVENTS.settingIgnored;
  log.event(event, reason, { setting, origin, reason });
}
