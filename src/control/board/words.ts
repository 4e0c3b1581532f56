/** Figures and times as the sentences of the board have them. */

export function clockOf(t: number): string {
  return new Date(t).toISOString().slice(11, 19);
}

export function countOf(count: number, what: string): string {
  return `${wholeOf(count)} ${what}${count === 1 ? '' : 's'}`;
}

/** With thin spaces. */
export function wholeOf(count: number): string {
  return String(Math.round(count)).replace(/\B(?=(\d{3})+$)/g, '\u202f');
}

export function percentOf(share: number): string {
  const percent = share * 100;
  if (percent >= 99.95) return '100 %';
  if (percent >= 10) return `${percent.toFixed(1)} %`;
  return percent > 0 && percent < 0.01 ? '<0.01 %' : `${percent.toFixed(2)} %`;
}

export function rateOf(perSecond: number): string {
  if (perSecond >= 10) return wholeOf(perSecond);
  return perSecond > 0 && perSecond < 0.05 ? '<0.1' : perSecond.toFixed(1);
}

/** `1 s`, `14 min 5 s`, `3 d 4 h`. */
export function ageOf(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1_000));
  const units: readonly [number, string][] = [
    [86_400, 'd'],
    [3_600, 'h'],
    [60, 'min'],
    [1, 's'],
  ];
  const first = units.findIndex(([size]) => seconds >= size);
  if (first < 0) return '0 s';
  const [size, unit] = units[first];
  const [small, smallUnit] = units[first + 1] ?? [0, ''];
  const rest = small === 0 ? 0 : Math.floor((seconds % size) / small);
  return `${Math.floor(seconds / size)} ${unit}${rest > 0 ? ` ${rest} ${smallUnit}` : ''}`;
}
