/**
 * The head of an HTTP/1 response: checked, its framing read, and its text cut down to what goes on to the client.
 * RFC 9112 §4–§6, shared/spec proxying §5. Works on one latin-1 string per head, by slices, because that is what both
 * V8 and the listener take fastest; nothing is parsed into objects.
 */
import { contentLengthOf, HOP_BY_HOP, listMembers, withoutFields } from './fields.ts';

/** Longest head that is accepted, bytes. */
export const MAX_HEAD_BYTES = 65_536;

/** `contentLength` of a response without the field. */
export const NO_LENGTH = -1;

/** 1 for the characters of a token (RFC 9110 §5.6.2), indexed by char code below 256. */
const TOKEN_CHAR = new Uint8Array(256);
for (const char of "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") {
  TOKEN_CHAR[char.charCodeAt(0)] = 1;
}

/** A character that needs a second look: control, DEL, above ASCII, or a CR that no LF follows. */
const UNUSUAL = /[^\t\r\n\x20-\x7e]|\r[^\n]/;
const FORBIDDEN = /[^\t\r\n\x20-\x7e\x80-\xff]|\r[^\n]/;
const CODE_CR = 13;
const CODE_COLON = 58;

/** Is `lower` at `at` in `text`, whatever its case? `lower` must be letters and `-` only. */
function standsAt(text: string, at: number, lower: string): boolean {
  for (let i = 0; i < lower.length; i++) {
    if ((text.charCodeAt(at + i) | 0x20) !== (lower.charCodeAt(i) | 0x20)) return false;
  }
  return true;
}

export class ResponseHead {
  status = 0;
  /** `200 OK\r\nname: value\r\n…` without hop-by-hop fields, framing, Date and last CRLF; a latin-1 char per byte. */
  text = '';
  contentLength: number = NO_LENGTH;
  chunked = false;
  /** The server will take another request on this connection. */
  keepAlive = true;
  /** Of a `Keep-Alive: timeout=N` field, milliseconds; 0 when not told. */
  keepAliveMs = 0;
  /** Value of `Upgrade`, '' without it. */
  upgrade = '';
  /** What is wrong, '' for a good head. */
  problem = '';

  private listed: string[] | null = null;
  private sawLength = false;

  private bad(problem: string): false {
    this.problem = problem;
    return false;
  }

  /** Reads a whole head, from the status line to the empty line. False: see `problem`. */
  parse(head: string): boolean {
    this.contentLength = NO_LENGTH;
    this.chunked = false;
    this.keepAlive = true;
    this.keepAliveMs = 0;
    this.upgrade = '';
    this.problem = '';
    this.listed = null;
    this.sawLength = false;
    if (UNUSUAL.test(head) && FORBIDDEN.test(head)) return this.bad('a control character in the head');

    let at = head.indexOf('\n') + 1;
    if (!this.parseStatusLine(head, at - 2)) return false;

    // Contiguous runs of kept lines are cut out together.
    let text = '';
    let runStart = 9; // behind `HTTP/1.1 `
    const end = head.length - 2;
    while (at < end) {
      const lineEnd = head.indexOf('\n', at);
      if (head.charCodeAt(lineEnd - 1) !== CODE_CR) return this.bad('a line that ends with a bare LF');
      let colon = at;
      while (TOKEN_CHAR[head.charCodeAt(colon)] === 1) colon++;
      if (colon === at || head.charCodeAt(colon) !== CODE_COLON) return this.bad('a line that is no field');
      if (this.isDropped(head, at, colon, lineEnd - 1)) {
        if (runStart < at) text += head.slice(runStart, at);
        runStart = lineEnd + 1;
      }
      if (this.problem !== '') return false;
      at = lineEnd + 1;
    }
    if (runStart < end) text += head.slice(runStart, end);
    this.text = text.slice(0, -2);
    if (this.listed !== null) this.dropListed();
    return this.checkFraming(head);
  }

  private parseStatusLine(head: string, lineEnd: number): boolean {
    if (head.charCodeAt(lineEnd) !== CODE_CR) return this.bad('a status line that ends with a bare LF');
    if (lineEnd < 12 || !head.startsWith('HTTP/1.') || head.charCodeAt(8) !== 32) {
      return this.bad('a status line that is not HTTP/1');
    }
    const minor = head.charCodeAt(7);
    if (minor !== 48 && minor !== 49) return this.bad('a status line that is not HTTP/1.0 or 1.1');
    if (minor === 48) this.keepAlive = false;
    const hundreds = head.charCodeAt(9) - 48;
    const tens = head.charCodeAt(10) - 48;
    const ones = head.charCodeAt(11) - 48;
    if (hundreds < 1 || hundreds > 9 || tens < 0 || tens > 9 || ones < 0 || ones > 9) {
      return this.bad('a status that is no three-digit number');
    }
    if (lineEnd > 12 && head.charCodeAt(12) !== 32) return this.bad('a status that is no three-digit number');
    this.status = hundreds * 100 + tens * 10 + ones;
    return true;
  }

  /** Notes what framing and connection fields say; true for every line that is not forwarded. */
  private isDropped(head: string, at: number, colon: number, valueEnd: number): boolean {
    switch (colon - at) {
      case 2:
        return standsAt(head, at, 'te');
      case 4:
        // The listener writes its own Date (DESIGN §6).
        return standsAt(head, at, 'date');
      case 7:
        if (standsAt(head, at, 'upgrade')) {
          this.upgrade = head.slice(colon + 1, valueEnd).trim();
          return true;
        }
        return standsAt(head, at, 'trailer');
      case 10:
        if (standsAt(head, at, 'connection')) {
          this.noteConnection(head.slice(colon + 1, valueEnd));
          return true;
        }
        if (standsAt(head, at, 'keep-alive')) {
          const timeout = /timeout\s*=\s*"?(\d{1,6})/i.exec(head.slice(colon + 1, valueEnd));
          if (timeout !== null) this.keepAliveMs = Number(timeout[1]) * 1000;
          return true;
        }
        return false;
      case 14:
        if (standsAt(head, at, 'content-length')) {
          const length = contentLengthOf(head.slice(colon + 1, valueEnd).trim());
          if (length < 0) this.problem = 'a Content-Length that is no number';
          else if (this.sawLength && length !== this.contentLength) this.problem = 'two different Content-Lengths';
          this.sawLength = true;
          this.contentLength = length;
          return true;
        }
        return false;
      case 16:
        return standsAt(head, at, 'proxy-connection');
      case 17:
        if (standsAt(head, at, 'transfer-encoding')) {
          const coding = head
            .slice(colon + 1, valueEnd)
            .trim()
            .toLowerCase();
          if (coding !== 'chunked' || this.chunked) this.problem = `the transfer coding ${JSON.stringify(coding)}`;
          this.chunked = true;
          return true;
        }
        return false;
      case 18:
        return standsAt(head, at, 'proxy-authenticate');
      case 19:
        return standsAt(head, at, 'proxy-authorization');
      default:
        return false;
    }
  }

  private noteConnection(value: string): void {
    for (const member of listMembers(value)) {
      if (member === 'close') this.keepAlive = false;
      else if (member === 'keep-alive') this.keepAlive = true;
      else if (!HOP_BY_HOP.has(member)) {
        this.listed ??= [];
        this.listed.push(member);
      }
    }
  }

  /** RFC 9110 §7.6.1: fields that `Connection` names are for us alone. */
  private dropListed(): void {
    const lineEnd = this.text.indexOf('\r\n');
    if (lineEnd < 0) return;
    const fields = withoutFields(`${this.text.slice(lineEnd + 2)}\r\n`, this.listed!);
    this.text = fields === '' ? this.text.slice(0, lineEnd) : this.text.slice(0, lineEnd + 2) + fields.slice(0, -2);
  }

  /** RFC 9112 §6.1 and §6.3: a coding wins over a length, and then the connection is not used again. */
  private checkFraming(head: string): boolean {
    if (!this.chunked) return true;
    if (head.charCodeAt(7) === 48) return this.bad('a transfer coding in HTTP/1.0');
    if (this.sawLength) {
      this.contentLength = NO_LENGTH;
      this.keepAlive = false;
    }
    return true;
  }
}
