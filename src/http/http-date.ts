/** Date fields (RFC 9110 §6.6.1). Their text is made once per second. */

const SECOND = 1_000;
let second = 0;
let text = '';
let line = '';

function look(): void {
  const now = Math.floor(Date.now() / SECOND);
  if (now === second) return;
  second = now;
  text = new Date(now * SECOND).toUTCString();
  line = `\r\nDate: ${text}`;
}

/** Now, as HTTP writes it. */
export function httpDate(): string {
  look();
  return text;
}

/** The field with it, behind the end of the line before it. */
export function dateLine(): string {
  look();
  return line;
}
