/**
 * The head of a response on its way to the client, as middlewares see and change it: `200 OK\r\nname: value\r\n…` without
 * framing and last CRLF, one latin-1 character per byte (as ResponseHead has it). Only routes with such middlewares pay
 * for it: each call is one pass over the text.
 */
import { fieldLine, fieldValueAt, hasField } from './fields.ts';

export class ResponseText {
  status = 0;
  text = '';
  /** Bytes of the body as announced; below 0: not known, or none. */
  length = -1;
  /** It is ours, and no server's. */
  isLocal = false;
  /** A 101 after which its client speaks as a WebSocket does. */
  opensWebSocket = false;

  has(name: string): boolean {
    return hasField(this.text, name);
  }

  /** Value of the first field of a lower-case name, null without one. */
  get(name: string): string | null {
    const line = fieldLine(this.text, name);
    return line < 0 ? null : fieldValueAt(this.text, name, line);
  }

  /** Values of all fields of a lower-case name. */
  all(name: string): string[] {
    const { text } = this;
    const found: string[] = [];
    for (let line = fieldLine(text, name); line >= 0; line = fieldLine(text, name, line)) {
      found.push(fieldValueAt(text, name, line));
    }
    return found;
  }

  /** Takes all fields of a lower-case name off. */
  remove(name: string): void {
    const { text } = this;
    let kept = '';
    let from = 0;
    for (let line = fieldLine(text, name); line >= 0; line = fieldLine(text, name, line)) {
      kept += text.slice(from, line - 2);
      const end = text.indexOf('\r\n', line);
      from = end < 0 ? text.length : end;
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
