/** Text tables and number formats for the terminal. */
import type { Spread } from './stats.ts';

/** Columns as wide as their widest cell; the first is flushed left, the others right. */
export function formatTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = header.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]!.length)));
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!)))
      .join('  ')
      .trimEnd();
  return [line(header), widths.map((width) => '─'.repeat(width)).join('  '), ...rows.map(line)].join('\n');
}

/** About three significant digits, never an exponent; `–` for what was not measured. */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return '–';
  const size = Math.abs(value);
  const digits = size >= 100 ? 0 : size >= 10 ? 1 : 2;
  // A thin blank every three digits would be nicer, but terminals disagree about its width.
  return value.toFixed(digits).replace(/\B(?=(\d{3})+$)/g, digits === 0 ? ' ' : '');
}

export function formatRange(spread: Spread): string {
  return Number.isFinite(spread.median) ? `${formatNumber(spread.min)}–${formatNumber(spread.max)}` : '–';
}

/** `1.04 (0.99–1.10)` */
export function formatSpread(spread: Spread): string {
  return Number.isFinite(spread.median) ? `${formatNumber(spread.median)} (${formatRange(spread)})` : '–';
}

export function formatShare(share: number): string {
  return Number.isFinite(share) ? `${Math.round(share * 100)} %` : '–';
}
