/** Date fields (RFC 9110 §6.6.1). */

const SECOND = 1_000;
let second = 0;
let text = '';

/** Now, as HTTP writes it. Made once per second. */
export function httpDate(): string {
  const now = Math.floor(Date.now() / SECOND);
  if (now !== second) {
    second = now;
    text = new Date(now * SECOND).toUTCString();
  }
  return text;
}
