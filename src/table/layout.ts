/**
 * Where every word of the shared routing table stands: the only file with offsets. A table is written once (by
 * writer.ts, in the compiler's thread), then only read (by reader.ts, in every worker), so that nobody needs a lock.
 *
 *     ┌────────────┐ 0
 *     │ header     │   magic, format version, generation, size, place of every section
 *     ├────────────┤
 *     │ backends   │   records ──▶ a range of servers, a range of turns
 *     │ servers    │   records, those of one backend side by side, in the model's order
 *     │ schedules  │   one word per turn: the number of a server inside its backend
 *     │ frontends  │   records in global order (rank descending, then name ascending): index = order
 *     │ programs   │   what a frontend asks for beyond its host
 *     │ hostIndex  │   hash table: host ──▶ candidates
 *     │ candidates │   which frontends to try, ascending
 *     │ strings    │   UTF-8, no terminators
 *     └────────────┘ total bytes
 *
 * Words are 32 bits in the order of the machine; sections begin at multiples of 8 bytes. Words written by: the writer
 * only. A string is two words, byte offset in `strings` and byte length. A reference is a word index inside the section
 * it points into; word 0 of `programs` and `candidates` is kept free, so that reference 0 means none.
 */

/** The bytes `TSUJ` on a little-endian machine. */
export const MAGIC = 0x4a555354;
/** To be raised with every change in this file. */
export const FORMAT_VERSION = 2;

export const WORD_BYTES = 4;
export const SECTION_ALIGNMENT = 8;

/**
 * Header, in words. From `sections` on there are two words per section: byte offset, length in bytes. A new section
 * goes to the end of SECTION.
 */
export const HEADER = {
  magic: 0,
  formatVersion: 1,
  generationLow: 2,
  generationHigh: 3,
  totalBytes: 4,
  /** Candidates of the frontends that name no host, coded as in HOST_CELL.candidates. */
  anyHostCandidates: 5,
  sections: 6,
} as const;

export const SECTION = {
  backends: 0,
  servers: 1,
  schedules: 2,
  frontends: 3,
  programs: 4,
  hostIndex: 5,
  candidates: 6,
  strings: 7,
} as const;
export const SECTION_COUNT = 8;
export const HEADER_WORDS = HEADER.sections + 2 * SECTION_COUNT;

/** What routing reads comes first, and a record never crosses a cache line. */
export const FRONTEND = {
  /** Bit i: served on entrypoint i. */
  entryPoints: 0,
  /** Reference to a program, 0: no condition beyond the host. */
  program: 1,
  backend: 2,
  flags: 3,
  name: 4,
  words: 8,
} as const;
export const FRONTEND_PASS_HOST_HEADER = 1;

export const BACKEND = {
  slot: 0,
  flags: 1,
  firstServer: 2,
  serverCount: 3,
  firstTurn: 4,
  turnCount: 5,
  name: 6,
  /** Requests in flight per connection to a server; 0: as the flag says. */
  pipelining: 8,
  words: 9,
} as const;
export const BACKEND_ALL_WEIGHTS_ZERO = 1;

export const SERVER = {
  slot: 0,
  weight: 1,
  scheme: 2,
  port: 3,
  name: 4,
  url: 6,
  host: 8,
  hostHeader: 10,
  words: 12,
} as const;
/** SERVER.scheme is an index into this list. */
export const SCHEMES = ['http', 'https', 'h2c'] as const;

/**
 * A program is a row of instructions that must all hold, closed by `end`:
 *
 *     opcode │ number of alternatives │ string │ string │ …       one alternative must hold
 *
 * A Host matcher has no opcode: the host index answers it. Headers, queries and regular expressions get the next
 * numbers.
 */
export const OPCODE = {
  end: 0,
  path: 1,
  pathPrefix: 2,
  method: 3,
} as const;

/**
 * The host index is open addressing with linear steps over a power of two of cells, at most half of them in use.
 * `candidates`: 0 empty cell, negative ~(the only frontend), positive reference to a candidate list.
 */
export const HOST_CELL = {
  hash: 0,
  candidates: 1,
  host: 2,
  words: 4,
} as const;

/**
 * A candidate list: the frontends to be tried one after the other, and an optional path index for all others.
 *
 *     path index (0: none) │ count │ frontend │ frontend │ …
 *
 * A path index: which frontends can match a path, by hash; every length that a prefix has is probed once, so that the
 * cost depends on the path and not on the number of frontends. The cells, an open-addressing hash table like the host
 * index, hold no text: the program of the frontend compares it, and a collision of two hashes only costs that.
 *
 *     cell mask │ count of lengths │ length, ascending │ … │ hash, run │ hash, run │ …
 *
 * `run`: 0 empty cell, negative ~(the only frontend), positive reference to `count │ frontend │ frontend │ …`.
 */
export const CANDIDATE_LIST = { pathIndex: 0, count: 1, frontends: 2 } as const;
export const PATH_INDEX = { cellMask: 0, lengthCount: 1, lengths: 2 } as const;
export const PATH_CELL = { hash: 0, run: 1, words: 2 } as const;
export const RUN = { count: 0, frontends: 1 } as const;

/** Lists up to this length are walked: that costs less than hashing the path. */
export const MAX_WALKED_CANDIDATES = 8;
