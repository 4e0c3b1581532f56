/**
 * Pages that are made once for all who ask. Whoever asks before the making of a page begins gets that one, so what it
 * says is never older than the question; whoever asks later shares the next. One page is made at a time, in slices, and
 * after a large one the main thread rests: however many ask, they cost it a bounded part of its time.
 */

import { finished } from 'node:stream/promises';
import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises';
import { promisify } from 'node:util';
import { createGzip, type Gzip, gunzip, gzip } from 'node:zlib';
import { timerSpan } from '../../kernel/durations.ts';
import { tellLimit } from '../../kernel/limit-log.ts';

const compress = promisify(gzip);
const unpack = promisify(gunzip);

/** Bytes of a piece, about: what one client may be written in a turn of the event loop. */
export const PIECE_BYTES = 65_536;
/** Characters that are encoded together. */
const MOST_TEXT = 16_384;
/** How long a page is made before something else may run, milliseconds; a part more, which is short. */
const SLICE_MS = 2;
/** The rest after a page, in times of what it cost; for less than a millisecond there is none. */
const REST_PER_COST = 3;
/** Smaller pages are not worth compressing. */
const GZIP_FROM_BYTES = 1024;

/** Whoever a page is being sent to. */
export interface PageUser {
  destroy(): void;
}

/** In parts: texts, and bytes that are valid until the next part is asked for. */
export type PageText = () => Iterable<string | Uint8Array> | null;

function piecesOf(bytes: Buffer): Buffer[] {
  const pieces: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) pieces.push(bytes.subarray(at, at + PIECE_BYTES));
  return pieces;
}

export class Page {
  readonly pieces: readonly Buffer[];
  readonly bytes: number;
  readonly gzipped: boolean;
  /** Of its text, as it was before it was compressed. */
  readonly textBytes: number;
  private small: Promise<Page> | null = null;
  private plain: Promise<Page> | null = null;

  /** `textBytes`: where it is compressed. */
  constructor(pieces: readonly Buffer[], gzipped = false, textBytes = 0) {
    this.pieces = pieces;
    this.bytes = pieces.reduce((sum, piece) => sum + piece.length, 0);
    this.gzipped = gzipped;
    this.textBytes = gzipped ? textBytes : this.bytes;
  }

  static of(text: string): Page {
    return new Page([Buffer.from(text)]);
  }

  /** Compressed in zlib's threads when first asked for; the page itself when that would gain nothing. */
  compressed(): Promise<Page> {
    this.small ??= this.bytes < GZIP_FROM_BYTES ? Promise.resolve(this) : this.compress();
    return this.small;
  }

  /** As a whole, when first asked for. */
  unpacked(): Promise<Page> {
    this.plain ??= this.gzipped ? this.unpack() : Promise.resolve(this);
    return this.plain;
  }

  equals(other: Page): boolean {
    return (
      this.bytes === other.bytes &&
      this.pieces.length === other.pieces.length &&
      this.pieces.every((piece, index) => piece.equals(other.pieces[index]))
    );
  }

  private async compress(): Promise<Page> {
    return new Page(piecesOf(await compress(Buffer.concat(this.pieces))), true, this.bytes);
  }

  private async unpack(): Promise<Page> {
    return new Page(piecesOf(await unpack(Buffer.concat(this.pieces))));
  }
}

/**
 * Which pages are being sent to whom. Clients that read slowly keep old pages in memory: when those take more than their
 * budget, the clients of the oldest one are closed. The newest page never goes.
 */
export class PagesInUse {
  private readonly budget: number;
  /** Oldest first. */
  private readonly users = new Map<Page, Set<PageUser>>();
  /** Of all pages in use. */
  private bytes = 0;

  /** `budget`: bytes. */
  constructor(budget: number) {
    this.budget = budget;
  }

  use(page: Page, user: PageUser): void {
    const users = this.users.get(page);
    if (users !== undefined) {
      users.add(user);
      return;
    }
    this.users.set(page, new Set([user]));
    this.bytes += page.bytes;
    while (this.bytes > this.budget && this.users.size > 1) this.drop(this.users.keys().next().value!);
  }

  release(page: Page, user: PageUser): void {
    const users = this.users.get(page);
    if (users?.delete(user) === true && users.size === 0) this.forget(page);
  }

  private drop(page: Page): void {
    const users = this.users.get(page)!;
    this.forget(page);
    const what = 'clients of old pages, which read too slowly';
    tellLimit({ limit: 'pages', object: 'admin', value: this.budget, what }, {}, users.size);
    for (const user of users) user.destroy();
  }

  private forget(page: Page): void {
    if (this.users.delete(page)) this.bytes -= page.bytes;
  }
}

/** Where a page goes while it is made: into pieces, which are compressed at once where that is wanted. */
class Pieces {
  private readonly list: Buffer[] = [];
  private readonly coder: Gzip | null;
  /** Texts that have not been encoded yet, and the piece that is being filled. */
  private text = '';
  private piece = Buffer.alloc(0);
  private at = 0;
  private textBytes = 0;

  /** `gzips`: in zlib's threads, so that the page is never whole in memory as it was. */
  constructor(gzips: boolean) {
    this.coder = gzips ? createGzip({ level: 1, chunkSize: PIECE_BYTES }) : null;
    this.coder?.on('data', (bytes: Buffer) => this.list.push(bytes));
  }

  /** null, or until it is compressed. */
  add(part: string | Uint8Array): Promise<void> | null {
    if (typeof part === 'string') {
      this.text += part;
      if (this.text.length < MOST_TEXT) return null;
      this.encode();
    } else {
      this.encode();
      this.reserve(part.length);
      this.piece.set(part, this.at);
      this.at += part.length;
    }
    return this.at < this.wanted ? null : this.push();
  }

  async page(): Promise<Page> {
    this.encode();
    await this.push();
    const { coder } = this;
    if (coder === null) return new Page(this.list);
    coder.end();
    await finished(coder);
    return new Page(this.list, true, this.textBytes);
  }

  /** Bytes of a piece: fewer calls are cheaper for whoever compresses. */
  private get wanted(): number {
    return this.coder === null ? PIECE_BYTES : 4 * PIECE_BYTES;
  }

  private encode(): void {
    if (this.text === '') return;
    // No character has more than three bytes per unit.
    this.reserve(3 * this.text.length);
    this.at += this.piece.write(this.text, this.at);
    this.text = '';
  }

  private reserve(length: number): void {
    if (this.at + length <= this.piece.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(2 * this.piece.length, this.at + length));
    larger.set(this.piece.subarray(0, this.at));
    this.piece = larger;
  }

  private push(): Promise<void> | null {
    const { coder, at } = this;
    if (at === 0) return null;
    const bytes = this.piece.subarray(0, at);
    this.textBytes += at;
    this.at = 0;
    if (coder === null) {
      // Pages are kept for slow clients, the rest of the piece is not.
      this.list.push(Buffer.from(bytes));
      return null;
    }
    // Not written again before it is compressed.
    return new Promise((resolve, reject) => {
      coder.write(bytes, (error) => (error ? reject(error) : resolve()));
    });
  }
}

type Waiter = { readonly resolve: (page: Page | null) => void; readonly reject: (error: unknown) => void };
type Asked = { readonly text: PageText; readonly gzips: boolean; readonly waiters: Waiter[] };

export class PageMaker {
  /** Since start, those that failed included. */
  made = 0;
  /** In the order in which they were first asked for; none of them is begun. */
  private readonly asked = new Map<string, Asked>();
  private working = false;

  /**
   * The page that `text` says, null when it says that there is none. Two with one `name` must be the same page.
   * Rejects with what `text` throws. `gzips`: it is wanted compressed and not otherwise.
   */
  ask(name: string, text: PageText, gzips = false): Promise<Page | null> {
    return new Promise((resolve, reject) => {
      const waiter = { resolve, reject };
      const asked = this.asked.get(name);
      if (asked !== undefined) asked.waiters.push(waiter);
      else this.asked.set(name, { text, gzips, waiters: [waiter] });
      if (this.working) return;
      this.working = true;
      void this.work();
    });
  }

  private async work(): Promise<void> {
    // All that this turn of the event loop brings shares a page.
    await nextTurn();
    for (const [name, { text, gzips, waiters }] of this.asked) {
      this.asked.delete(name);
      this.made++;
      let cost = 0;
      try {
        const { page, spent } = await this.make(text, gzips);
        cost = spent;
        for (const { resolve } of waiters) resolve(page);
      } catch (error) {
        for (const { reject } of waiters) reject(error);
      }
      await (cost < 1 ? nextTurn() : delay(timerSpan(cost * REST_PER_COST)));
    }
    this.working = false;
  }

  private async make(text: PageText, gzips: boolean): Promise<{ page: Page | null; spent: number }> {
    let began = performance.now();
    let spent = 0;
    const parts = text();
    if (parts === null) return { page: null, spent: 0 };
    const pieces = new Pieces(gzips);
    for (const part of parts) {
      const taken = pieces.add(part);
      if (taken !== null) {
        spent += performance.now() - began;
        await taken;
        began = performance.now();
      }
      const now = performance.now();
      if (now - began < SLICE_MS) continue;
      spent += now - began;
      await nextTurn();
      began = performance.now();
    }
    spent += performance.now() - began;
    return { page: await pieces.page(), spent };
  }
}
