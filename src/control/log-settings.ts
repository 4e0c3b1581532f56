/** What the settings say of the log, and the log of them. */
import { reasonOf } from '../kernel/errors.ts';
import { EVENTS } from '../kernel/events.ts';
import { log, setLogLevel, setLogOutput } from '../kernel/log.ts';
import type { SettingWarning } from '../settings/setting-warning.ts';
import type { Settings } from '../settings/settings.ts';

/** The file that was told not to be usable; settings may be put in force again. */
let refused = '';

/** A file that cannot be written is told, and standard output has the log. */
export function useLogSettings({ logLevel, log: { path, form }, origins }: Settings): void {
  setLogLevel(logLevel);
  try {
    setLogOutput(path, form);
    refused = '';
  } catch (error) {
    setLogOutput('', form);
    if (path === refused) return;
    refused = path;
    const setting = origins['traefikLog.filePath'] === undefined ? 'traefikLogsFile' : 'traefikLog.filePath';
    const fields = { setting, origin: origins[setting], path, reason: reasonOf(error) };
    log.event(EVENTS.settingRefused, path, fields);
  }
}

/** A setting that is not obeyed as it was written. */
export function tellWarning({ setting, origin, reason, isRefused }: SettingWarning): void {
  const event = isRefused ? EVENTS.settingRefused : EVENTS.settingIgnored;
  log.event(event, `${setting}: ${reason}`, { setting, origin, reason });
}
