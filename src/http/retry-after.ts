/** What a Retry-After says (RFC 9110 §10.2.3), milliseconds; 0 when it says nothing. `now`: of the wall clock. */
export function retryAfterMs(value: string, now: number): number {
  if (/^[0-9]{1,9}$/.test(value)) return Number(value) * 1000;
  const date = value === '' ? Number.NaN : Date.parse(value);
  return Number.isNaN(date) ? 0 : Math.max(0, date - now);
}
