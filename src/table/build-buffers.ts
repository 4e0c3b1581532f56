/** Growing buffers in which the writer measures a section before its place in the table is known. */

const encoder = new TextEncoder();

/** 32-bit words. */
export class WordBuffer {
  private words = new Int32Array(1024);
  length = 0;

  push(word: number): void {
    if (this.length === this.words.length) this.grow(this.length + 1);
    this.words[this.length++] = word;
  }

  pushAll(words: ArrayLike<number>): void {
    if (this.length + words.length > this.words.length) this.grow(this.length + words.length);
    this.words.set(words, this.length);
    this.length += words.length;
  }

  /** Adds zeros; returns the index of the first. */
  reserve(count: number): number {
    const start = this.length;
    if (start + count > this.words.length) this.grow(start + count);
    this.length = start + count;
    return start;
  }

  get(index: number): number {
    return this.words[index];
  }

  set(index: number, word: number): void {
    this.words[index] = word;
  }

  view(): Int32Array {
    return this.words.subarray(0, this.length);
  }

  private grow(needed: number): void {
    const larger = new Int32Array(Math.max(needed, this.words.length * 2));
    larger.set(this.words);
    this.words = larger;
  }
}

/** UTF-8 texts, equal ones once. After `add`, `offset` and `byteLength` tell where that text stands. */
export class StringHeap {
  bytes = new Uint8Array(4096);
  length = 0;
  offset = 0;
  byteLength = 0;
  private readonly known = new Map<string, number>();
  private readonly lengths = new Map<string, number>();

  add(text: string): void {
    const known = this.known.get(text);
    if (known !== undefined) {
      this.offset = known;
      // Only a text with other than ASCII characters has an entry: for all others both lengths are equal.
      this.byteLength = this.lengths.get(text) ?? text.length;
      return;
    }
    const start = this.length;
    if (start + text.length * 3 > this.bytes.length) this.grow(start + text.length * 3);
    const bytes = this.bytes;
    let end = start;
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (code >= 0x80) {
        end = start + encoder.encodeInto(text, bytes.subarray(start)).written;
        this.lengths.set(text, end - start);
        break;
      }
      bytes[end++] = code;
    }
    this.known.set(text, start);
    this.length = end;
    this.offset = start;
    this.byteLength = end - start;
  }

  /** Adds the text and appends its reference, two words. */
  addTo(words: WordBuffer, text: string): void {
    this.add(text);
    words.push(this.offset);
    words.push(this.byteLength);
  }

  view(): Uint8Array {
    return this.bytes.subarray(0, this.length);
  }

  private grow(needed: number): void {
    const larger = new Uint8Array(Math.max(needed, this.bytes.length * 2));
    larger.set(this.bytes);
    this.bytes = larger;
  }
}
