/**
 * How many file descriptors of the process its connections and its bodies on disk have: a lane per worker, and the whole is
 * their sum, since the system's limit is one for all. Looked at once per connection or file.
 *
 *     lane 0 [ clients ][ servers ][ files ]   lane 1 [ clients ][ servers ][ files ]   …
 */
const CLIENTS = 0;
const SERVERS = 1;
const FILES = 2;
const LANE_WORDS = 3;

export function createDescriptorCounts(workers: number): SharedArrayBuffer {
  return new SharedArrayBuffer(workers * LANE_WORDS * 4);
}

/** Of all workers. */
export function descriptorsInUse(buffer: SharedArrayBuffer): number {
  const words = new Int32Array(buffer);
  let sum = 0;
  for (let at = 0; at < words.length; at++) sum += Atomics.load(words, at);
  return sum;
}

/** The side of one worker. */
export class DescriptorCounts {
  private readonly words: Int32Array;
  private readonly lane: number;

  /** Begins anew: what the last worker of this lane had was closed with it. */
  constructor(buffer: SharedArrayBuffer, index: number) {
    this.words = new Int32Array(buffer);
    this.lane = index * LANE_WORDS;
    this.words.fill(0, this.lane, this.lane + LANE_WORDS);
  }

  addClients(change: number): void {
    Atomics.add(this.words, this.lane + CLIENTS, change);
  }

  addServers(change: number): void {
    Atomics.add(this.words, this.lane + SERVERS, change);
  }

  addFiles(change: number): void {
    Atomics.add(this.words, this.lane + FILES, change);
  }

  /** Of all workers. */
  get clients(): number {
    return this.sum(CLIENTS);
  }

  get servers(): number {
    return this.sum(SERVERS);
  }

  get all(): number {
    return this.clients + this.servers + this.sum(FILES);
  }

  private sum(word: number): number {
    let sum = 0;
    for (let at = word; at < this.words.length; at += LANE_WORDS) sum += Atomics.load(this.words, at);
    return sum;
  }
}
