/** Is the folder for bodies there (`--buffering.dir`)? One that comes later will do, so that nothing but a word is lost. */
import { accessSync, constants } from 'node:fs';
import { reasonOf } from '../../kernel/errors.ts';
import { EVENTS } from '../../kernel/events.ts';
import { log } from '../../kernel/log.ts';
import type { Settings } from '../../settings/settings.ts';

/** That of temporary files is not looked at. */
export function checkBufferFolder({ bufferDisk: { folder }, origins }: Settings): void {
  if (folder === '') return;
  try {
    // The dot makes it a folder.
    accessSync(`${folder}/.`, constants.W_OK | constants.X_OK);
  } catch (error) {
    const reason = `bodies cannot be kept there now, and long ones are answered with 500: ${reasonOf(error)}`;
    const setting = 'buffering.dir';
    log.event(EVENTS.settingRefused, folder, { setting, origin: origins[setting], path: folder, reason });
  }
}
