/**
 * The head of a response on its way to the client, as middlewares see and change it: `200 OK\r\nname: value\r\n…` without
 * framing and last CRLF, one latin-1 character per byte (as ResponseHead has it). Only routes with such middlewares pay
 * for it: each call is one pass over the text.
 */
import { hasField } from './fields.ts';

const COLON = 0x3a;

/** Is there a field of this lower-case name in the line that begins at `at`? */
function isNamed(text: string, at: number, name: string): boolean {
  if (text.charCodeAt(at + name.length) !== COLON) return false;
  return text.slice(at, at + name.length).toLowerCase() === name;
}

export class ResponseText {
  status = 0;
  text = '';
  /** Bytes of the body as announced; below 0: not known, or none. */
  length = -1;
  /** It is ours, and no server's. */
  isLocal = false;

  has(name: string): boolean {
    return hasField(this.text, name);
  }

  /** Value of the first field of a lower-case name, null without one. */
  get(name: string): string | null {
    const { text } = this;
    for (let at = text.indexOf('\r\n'); at >= 0; at = text.indexOf('\r\n', at + 2)) {
      if (!isNamed(text, at + 2, name)) continue;
      const end = text.indexOf('\r\n', at + 2);
      return text.slice(at + 3 + name.length, end < 0 ? text.length : end).trim();
    }
    return null;
  }

  /** Values of all fields of a lower-case name. */
  all(name: string): string[] {
    const { text } = this;
    const found: string[] = [];
    for (let at = text.indexOf('\r\n'); at >= 0; at = text.indexOf('\r\n', at + 2)) {
      if (!isNamed(text, at + 2, name)) continue;
      const end = text.indexOf('\r\n', at + 2);
      found.push(text.slice(at + 3 + name.length, end < 0 ? text.length : end).trim());
    }
    return found;
  }

  /** Takes all fields of a lower-case name off. */
  remove(name: string): void {
    if (!this.has(name)) return;
    const { text } = this;
    let kept = '';
    let from = 0;
    for (let at = text.indexOf('\r\n'); at >= 0; ) {
      const next = text.indexOf('\r\n', at + 2);
      if (isNamed(text, at + 2, name)) {
        kept += text.slice(from, at);
        from = next < 0 ? text.length : next;
      }
      at = next;
    }
    if (from > 0) this.text = kept + text.slice(from);
  }

  /** One more field; `name` as it is to be written. */
  add(name: string, value: string): void {
    this.text += `\r\n${name}: ${value}`;
  }

  /** In the place of all fields of that name. */
  set(name: string, value: string): void {
    this.remove(name.toLowerCase());
    this.add(name, value);
  }
}
