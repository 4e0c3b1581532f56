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

/**
 * UTF-8 texts, one after the other. They are not deduplicated: few are equal (the map for that took most of the time of
 * writing a table of 100 000 hosts, bench/micro/router.ts).
 */
export class StringHeap {
  bytes = new Uint8Array(4096);
  length = 0;

  /** Returns the length in bytes of the text that now ends the heap. */
  add(text: string): number {
    const byteLength = this.place(text);
    this.length += byteLength;
    return byteLength;
  }

  /** Adds bytes that are such a text. Returns their number. */
  addBytes(from: Uint8Array, offset: number, byteLength: number): number {
    if (this.length + byteLength > this.bytes.length) this.grow(this.length + byteLength);
    const { bytes, length } = this;
    // Most are short: a loop costs less than the call of `set` with a view.
    if (byteLength > 64) bytes.set(from.subarray(offset, offset + byteLength), length);
    else for (let i = 0; i < byteLength; i++) bytes[length + i] = from[offset + i];
    this.length += byteLength;
    return byteLength;
  }

  /** Writes the text behind the end, where the next text will overwrite it; returns its length in bytes. */
  place(text: string): number {
    const start = this.length;
    if (start + text.length * 3 > this.bytes.length) this.grow(start + text.length * 3);
    const bytes = this.bytes;
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (code >= 0x80) return encoder.encodeInto(text, bytes.subarray(start)).written;
      bytes[start + i] = code;
    }
    return text.length;
  }

  /** Adds the text and appends its reference, two words. */
  addTo(words: WordBuffer, text: string): void {
    words.push(this.length);
    words.push(this.add(text));
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
