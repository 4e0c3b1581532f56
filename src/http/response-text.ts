/**
 * The head of a response on its way to the client, as middlewares see and change it: `200 OK\r\nname: value\r\n…` without
 * framing and last CRLF, one latin-1 character per byte (as ResponseHead has it). Only routes with such middlewares pay
 * for it: each call is one pass over the text, or none where no field can have that name.
 */
import { ASCII } from '../kernel/characters.ts';
import { fieldLine, fieldValueAt } from './fields.ts';
import { ANY_NAMES, bitOf } from './name-bits.ts';

const NONE: readonly string[] = Object.freeze([]);

/** A field that many responses get, made ready once. */
export class ResponseField {
  /** Lower case. */
  readonly name: string;
  readonly bit: number;
  readonly line: string;
  readonly nonAscii: boolean;

  /** `name` as it is to be written. */
  constructor(name: string, value: string) {
    this.name = name.toLowerCase();
    this.bit = bitOf(name);
    // In one piece, which text that was put together is not: it is copied into every head.
    this.line = Buffer.from(`\r\n${name}: ${value}`).toString('latin1');
    this.nonAscii = !ASCII.spans(this.line);
  }
}

export class ResponseText {
  status = 0;
  text = '';
  /** Names that its fields may have (name-bits.ts). */
  names = ANY_NAMES;
  /** `text` may have bytes above 0x7F. */
  nonAscii = false;
  /** Bytes of the body as announced; below 0: not known, or none. */
  length = -1;
  /** It is ours, and no server's. */
  isLocal = false;
  /** A 101 after which its client speaks as a WebSocket does. */
  opensWebSocket = false;

  private mayHave(name: string): boolean {
    return (this.names & bitOf(name)) !== 0;
  }

  has(name: string): boolean {
    return this.mayHave(name) && fieldLine(this.text, name) >= 0;
  }

  /** Value of the first field of a lower-case name, null without one. */
  get(name: string): string | null {
    if (!this.mayHave(name)) return null;
    const line = fieldLine(this.text, name);
    return line < 0 ? null : fieldValueAt(this.text, name, line);
  }

  /** Values of all fields of a lower-case name. */
  all(name: string): readonly string[] {
    if (!this.mayHave(name)) return NONE;
    const { text } = this;
    const found: string[] = [];
    for (let line = fieldLine(text, name); line >= 0; line = fieldLine(text, name, line)) {
      found.push(fieldValueAt(text, name, line));
    }
    return found;
  }

  /** Takes all fields of a lower-case name off. */
  remove(name: string): void {
    if (this.mayHave(name)) this.takeOff(name);
  }

  private takeOff(name: string): void {
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
    this.names |= bitOf(name);
    if (!ASCII.spans(value)) this.nonAscii = true;
    this.text += `\r\n${name}: ${value}`;
  }

  /** In the place of all fields of that name. */
  set(name: string, value: string): void {
    this.remove(name.toLowerCase());
    this.add(name, value);
  }

  addField({ bit, line, nonAscii }: ResponseField): void {
    this.names |= bit;
    if (nonAscii) this.nonAscii = true;
    this.text += line;
  }

  setField(field: ResponseField): void {
    if ((this.names & field.bit) !== 0) this.takeOff(field.name);
    this.addField(field);
  }
}
