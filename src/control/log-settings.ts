/** What the settings say of the log. */
import { reasonOf } from '../kernel/errors.ts';
import { EVENTS } from '../kernel/events.ts';
import { log, setLogLevel, setLogOutput } from '../kernel/log.ts';
import type { Settings } from '../settings/settings.ts';

/** A file that cannot be written is told, and standard output has the log. */
export function useLogSettings({ logLevel, log: { path, form } }: Settings): void {
  setLogLevel(logLevel);
  try {
    setLogOutput(path, form);
  } catch (error) {
    setLogOutput('', form);
    log.event(EVENTS.settingRefused, path, { setting: 'traefikLog.filePath', path, reason: reasonOf(error) });
  }
}
