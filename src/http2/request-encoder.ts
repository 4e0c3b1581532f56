/**
 * Heads of requests, as HTTP/1.1 text, → header blocks for a server (RFC 9113 §8.3, RFC 7541). What one client after the
 * other sends alike goes into the table of the session and costs a byte from then on: a line is put there when it comes
 * for the second time, so that ids and dates, which come once, drive nothing out. Paths and credentials never are, nor is
 * what a client has marked so (RFC 7541 §7.1.3).
 *
 *     GET /a HTTP/1.1␍␊host: x␍␊accept: *␍␊␍␊   ─▶   :method GET  :scheme http  :authority x  :path /a  accept *
 *
 * Nothing that holds for one connection only crosses, and nothing that could end a line.
 */
import { asBytes, HOP_BY_HOP, isFieldValue, isToken } from '../http/fields.ts';
import { requestUri } from '../http/request-target.ts';
import type { ByteOutput } from '../kernel/byte-output.ts';
import { ASCII, trimBlanks } from '../kernel/characters.ts';
import { STATIC_FIELDS } from './field.ts';
import { DEFAULT_TABLE_BYTES } from './hpack-decoder.ts';
import {
  INCREMENTAL,
  NEVER_INDEXED,
  NOT_INDEXED,
  writeField,
  writeIndex,
  writePseudo,
  writeTableSize,
} from './hpack-encoder.ts';

/** Lines that are known, and may stand in the table, which has room for a hundred or so. */
const MAX_KNOWN = 256;
/** Longer ones come but once. */
const MAX_KNOWN_LINE = 512;
/** Where hashes of lines are kept that have come once. */
const SEEN = 1_024;
const ENTRY_OVERHEAD = 32;
const MIN_ENTRY_BYTES = ENTRY_OVERHEAD;
const RING = DEFAULT_TABLE_BYTES / MIN_ENTRY_BYTES;
/** An entry that takes a larger part of the table is not worth what it drives out. */
const MAX_SHARE = 4;

const CREDENTIALS: ReadonlySet<string> = new Set(['authorization', 'cookie']);

/** The same text, holding on to no longer one. */
function ownText(text: string): string {
  return Buffer.from(text, 'latin1').toString('latin1');
}

/** RFC 9113 §8.2.2; `host` has become `:authority`. */
function isCarried(name: string, value: string): boolean {
  if (name === 'te') return value === 'trailers';
  return name !== 'host' && name !== 'http2-settings' && !HOP_BY_HOP.has(name);
}

function hashOf(line: string): number {
  let hash = 0;
  for (let i = 0; i < line.length; i++) hash = (Math.imul(hash, 31) + line.charCodeAt(i)) | 0;
  return hash;
}

/** What is sent of a line. */
class Outgoing {
  name = '';
  value = '';
  /** False: nothing. */
  carried = true;
  /** It comes again and again. */
  repeats = false;
  neverIndexed = false;
  /** How many entries had been put into the table with it; 0: it was not. */
  place = 0;

  get size(): number {
    return this.name.length + this.value.length + ENTRY_OVERHEAD;
  }
}

export class RequestEncoder {
  private readonly scheme: string;
  /** For requests with an empty Host. */
  private readonly authority: string;

  private readonly known = new Map<string, Outgoing>();
  private readonly seen = new Int32Array(SEEN);

  /** A ring: the entry that was put in as number n at n modulo its length. */
  private readonly table: (Outgoing | null)[] = new Array<Outgoing | null>(RING).fill(null);
  private inserted = 0;
  private count = 0;
  private used = 0;
  private limit = DEFAULT_TABLE_BYTES;
  /** The smallest that the table has been since the last block; the limit itself, when nothing is to be told. */
  private smallest = DEFAULT_TABLE_BYTES;
  private owesSize = false;

  /** The block under way. */
  private method = '';
  private path = '';
  private pathIsSecret = false;
  private readonly lines: Outgoing[] = [];
  private length = 0;
  /** For lines that have not come before, by their place in the block. */
  private readonly spare: Outgoing[] = [];

  constructor(scheme: string, authority: string) {
    this.scheme = scheme;
    this.authority = authority;
  }

  /** What the server's table may hold (SETTINGS_HEADER_TABLE_SIZE). */
  limitTable(bytes: number): void {
    const limit = Math.min(bytes, DEFAULT_TABLE_BYTES);
    if (limit === this.limit) return;
    this.owesSize = true;
    this.smallest = Math.min(this.smallest, limit);
    this.limit = limit;
    this.evict(limit);
  }

  /**
   * Reads a request head, `host` its first line; `write` follows. `latin1`: the text has one character per byte.
   * `neverIndexed`: names between blanks, of fields that go into no table. False: it has something that HTTP/2 cannot carry.
   */
  read(head: string, latin1: boolean, neverIndexed: string): boolean {
    this.length = 0;
    const lineEnd = head.indexOf('\r\n');
    const methodEnd = head.indexOf(' ');
    this.method = head.slice(0, methodEnd);
    const target = head.slice(methodEnd + 1, head.lastIndexOf(' ', lineEnd));
    const path = target === '*' ? target : requestUri(target);
    this.path = latin1 ? path : asBytes(path);
    this.pathIsSecret = neverIndexed.includes(' :path ');
    // A CONNECT has neither path nor scheme: it is no request that could be routed by them.
    if (this.method === 'CONNECT' || !isToken(this.method) || !isFieldValue(this.path)) return false;
    let at = lineEnd + 2;
    for (let end = head.indexOf('\r\n', at); end > at; end = head.indexOf('\r\n', at)) {
      if (!this.line(head.slice(at, end), latin1, neverIndexed)) return false;
      at = end + 2;
    }
    return this.length > 0 && this.lines[0].name === ':authority';
  }

  /** Reads trailers, `name: value\r\n` lines that may be passed on; what HTTP/2 cannot carry is left out. */
  readTrailers(text: string, latin1: boolean): void {
    this.length = 1;
    for (const line of text.split('\r\n')) {
      const { length } = this;
      if (line !== '' && !this.line(line, latin1, '')) this.length = length;
    }
  }

  /** Bytes of the block that `write` and `writeTrailers` will write, at most. */
  get bound(): number {
    let bytes = this.method.length + this.path.length + 64;
    for (let i = 0; i < this.length; i++) bytes += this.lines[i].size;
    return bytes;
  }

  /** Writes the block of the head that was read. */
  write(out: ByteOutput): void {
    this.tellSize(out);
    writePseudo(out, ':method', this.method, NOT_INDEXED);
    writePseudo(out, ':scheme', this.scheme, NOT_INDEXED);
    this.writeLine(out, this.lines[0]);
    writePseudo(out, ':path', this.path, this.pathIsSecret ? NEVER_INDEXED : NOT_INDEXED);
    this.writeLines(out);
  }

  writeTrailers(out: ByteOutput): void {
    this.tellSize(out);
    this.writeLines(out);
  }

  private writeLines(out: ByteOutput): void {
    for (let i = 1; i < this.length; i++) if (this.lines[i].carried) this.writeLine(out, this.lines[i]);
  }

  /** RFC 7541 §4.2: the smallest size that there was in between, and the last. */
  private tellSize(out: ByteOutput): void {
    if (!this.owesSize) return;
    this.owesSize = false;
    if (this.smallest < this.limit) writeTableSize(out, this.smallest);
    writeTableSize(out, this.limit);
    this.smallest = this.limit;
  }

  private line(line: string, latin1: boolean, neverIndexed: string): boolean {
    const known = this.known.get(line);
    if (known !== undefined && (neverIndexed === '' || !neverIndexed.includes(` ${known.name} `))) {
      this.lines[this.length++] = known;
      return true;
    }
    const colon = line.indexOf(':');
    if (colon <= 0) return false;
    const isHost = this.length === 0;
    const given = line.slice(0, colon).toLowerCase();
    const name = isHost && given === 'host' ? ':authority' : given;
    const text = line.slice(colon + 1);
    const value = trimBlanks(latin1 ? text : asBytes(text));
    if (!isToken(given) || !isFieldValue(value)) return false;
    const secret = CREDENTIALS.has(name) || (neverIndexed !== '' && neverIndexed.includes(` ${name} `));
    const repeats = !secret && this.hasComeBefore(line);
    const outgoing = repeats ? new Outgoing() : this.takeSpare();
    outgoing.name = name;
    outgoing.value = isHost && value === '' ? this.authority : value;
    outgoing.carried = isHost || isCarried(name, value);
    outgoing.neverIndexed = secret;
    if (repeats) this.learn(line, outgoing);
    this.lines[this.length++] = outgoing;
    return true;
  }

  private takeSpare(): Outgoing {
    this.spare[this.length] ??= new Outgoing();
    return this.spare[this.length];
  }

  /** Notes that it has come. */
  private hasComeBefore(line: string): boolean {
    if (line.length > MAX_KNOWN_LINE) return false;
    const hash = hashOf(line);
    const slot = hash & (SEEN - 1);
    const before = this.seen[slot];
    this.seen[slot] = hash;
    // Other text may mean one thing or the other.
    return before === hash && ASCII.spans(line);
  }

  private learn(line: string, outgoing: Outgoing): void {
    outgoing.repeats = true;
    outgoing.name = ownText(outgoing.name);
    outgoing.value = ownText(outgoing.value);
    if (this.known.size >= MAX_KNOWN) this.known.delete(this.known.keys().next().value!);
    this.known.set(ownText(line), outgoing);
  }

  private writeLine(out: ByteOutput, line: Outgoing): void {
    if (line.place > this.inserted - this.count) {
      writeIndex(out, STATIC_FIELDS.length + this.inserted - line.place);
    } else if (line.repeats && line.size <= this.limit / MAX_SHARE) {
      writeField(out, INCREMENTAL, line.name, line.value);
      this.insert(line);
    } else {
      writeField(out, line.neverIndexed ? NEVER_INDEXED : NOT_INDEXED, line.name, line.value);
    }
  }

  private insert(line: Outgoing): void {
    this.evict(this.limit - line.size);
    line.place = ++this.inserted;
    this.table[line.place % RING] = line;
    this.count++;
    this.used += line.size;
  }

  /** As the server does when it reads the block: the oldest go until the others count for `most` bytes or less. */
  private evict(most: number): void {
    while (this.used > most && this.count > 0) {
      const oldest = (this.inserted - this.count + 1) % RING;
      this.used -= this.table[oldest]!.size;
      this.table[oldest] = null;
      this.count--;
    }
  }
}
