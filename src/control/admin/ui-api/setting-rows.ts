/** The settings in force, with what the table of settings says of each. */
import { findRow } from '../../../settings/rows.ts';
import type { Board } from '../../board/board.ts';
import type { SettingRow } from './shapes.ts';

export function settingRows({ view }: Board): SettingRow[] {
  const store = view.provider === 'folder' ? 'folder' : 'etcd';
  return view.effectiveSettings().map(({ name, value, origin }) => {
    const row = findRow(name) ?? findRow(name.replace(/\..*$/, ''));
    const from = origin === 'store' ? store : origin;
    return { name, value, from, default: row?.fallback ?? '', help: row?.help ?? '' };
  });
}
