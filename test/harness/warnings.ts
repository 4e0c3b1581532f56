import type { SettingWarning } from '../../src/settings/setting-warning.ts';

/** `setting (origin): reason`, one line each. */
export function warningTexts(warnings: readonly SettingWarning[]): string[] {
  return warnings.map(({ setting, origin, reason }) => `${setting} (${origin}): ${reason}`);
}
