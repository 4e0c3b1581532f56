/**
 * Where every word of the shared routing table stands: the only file with offsets. A table is written once, then only read
 * (by reader.ts, in every worker), so that nobody needs a lock.
 *
 * There are two kinds of one form: a **base** is whole in itself; an **overlay** has what is new, different or gone since
 * its base was made, and is only understood together with it (README.md).
 *
 *     ┌────────────┐ 0
 *     │ header     │   magic, format version, generation, size, place of every section
 *     ├────────────┤
 *     │ backends   │   records ──▶ a range of servers, a range of turns
 *     │ servers    │   records, those of one backend side by side, in the model's order
 *     │ schedules  │   one word per turn: the number of a server inside its backend
 *     │ frontends  │   records in global order (rank descending, then name ascending): index = order
 *     │ programs   │   what a frontend asks for beyond its exact host, and how it modifies paths
 *     │ hostIndex  │   hash table: host ──▶ candidates
 *     │ candidates │   which frontends to try, ascending
 *     │ strings    │   UTF-8, no terminators
 *     │ filings    │   records, one per frontend: what only writers ask
 *     │ names      │   of a base: hash tables, name ──▶ frontend, name ──▶ backend
 *     │ hidden     │   of an overlay: bit i: frontend i of the base is replaced or gone
 *     │ places     │   of an overlay: per frontend, before which one of the base it stands
 *     │ moved      │   of an overlay: which backends of the base it replaces
 *     └────────────┘ total bytes
 *
 * Words are 32 bits in the order of the machine; sections begin at multiples of 8 bytes. Words written by: the writer
 * only. A string is two words, byte offset in `strings` and byte length. A reference is a word index inside the section
 * it points into; word 0 of `programs` and `candidates` is kept free, so that reference 0 means none.
 */

/** The bytes `TSUJ` on a little-endian machine. */
export const MAGIC = 0x4a555354;
/** To be raised with every change in this file. */
export const FORMAT_VERSION = 7;

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
  /** Reference to a suffix index, 0: no host template has a literal suffix. */
  suffixIndex: 6,
  /** The generation of the base that this is an overlay of, two words; 0: it is a base. */
  base: 7,
  /** The generation of the base that this one was made of, together with an overlay; 0: of another source. */
  origin: 9,
  /** Since that generation texts and programs were only added: tables that agree in it share their words' places. */
  writtenAnew: 11,
  sections: 13,
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
  filings: 8,
  frontendNames: 9,
  backendNames: 10,
  hidden: 11,
  places: 12,
  moved: 13,
} as const;
export const SECTION_COUNT = 14;
export const HEADER_WORDS = HEADER.sections + 2 * SECTION_COUNT;

/** What routing reads comes first, and a record never crosses a cache line. */
export const FRONTEND = {
  /** Bit i: served on entrypoint i. */
  entryPoints: 0,
  /** Reference to a program, 0: no condition beyond the host. */
  program: 1,
  /** Its index; in an overlay ~index for one of the base, whether that was replaced or not. So in lists of backends, too. */
  backend: 2,
  flags: 3,
  name: 4,
  /** Reference to a program of MODIFIER instructions, 0: none. */
  modifiers: 6,
  /** Word index in `programs` of OPTIONS; 0: none. */
  options: 7,
  words: 8,
} as const;
export const FRONTEND_PASS_HOST_HEADER = 1;

/** Of each frontend, beside its record. */
export const FILING = {
  /** A float of 64 bits: what comes first in global order, names aside. */
  rank: 0,
  /** The low word of the generation in which it was put. */
  version: 2,
  /** Word index in `programs` of KEYS; 0: nothing finds it. */
  keys: 3,
  words: 4,
} as const;

/**
 * What a frontend is found by (find-keys.ts), in `programs`: three lists of pairs of words, each behind its length, which is
 * -1 where there is no such condition.
 *
 *     hosts │ text │ … │ suffixes │ hash, length │ … │ paths │ hash, length │ …
 */
export const NO_KEYS = -1;

/** Backends of the base that an overlay replaces, ascending: which one, by which of its own. */
export const MOVED = { from: 0, to: 1, words: 2 } as const;

/** Of a frontend, in `programs`. */
export const OPTIONS = {
  /** A string: `MiddlewareOptions` (options.ts) as JSON. */
  text: 0,
  /** How many backends its options name; their indexes follow. */
  backendCount: 2,
  backends: 3,
} as const;

/** Of a backend, in `programs`: how many others its options name; their indexes follow. */
export const OTHERS = { count: 0, backends: 1 } as const;

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
  /** A string: `BackendPolicy` (options.ts) as JSON, empty for none. */
  policy: 9,
  /** Word index in `programs` of OTHERS; 0: its options name no other backend. */
  others: 11,
  /** The low word of the generation in which it was put. */
  version: 12,
  words: 13,
} as const;
export const BACKEND_ALL_WEIGHTS_ZERO = 1;
/** It has been there; nobody names it. */
export const BACKEND_GONE = 2;

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
 *     opcode │ number of strings │ string │ string │ …
 *
 * Of OPERANDS strings that belong together, one such group must hold. A Host matcher has no opcode: the host index
 * answers it. Patterns are RE2; what a term of the same name means is told in src/rule/terms.ts.
 */
export const OPCODE = {
  end: 0,
  /** path */
  path: 1,
  /** prefix */
  pathPrefix: 2,
  /** method */
  method: 3,
  /** prefix, pattern, suffix */
  hostTemplate: 4,
  /** prefix, pattern, suffix: `/` or empty */
  pathTemplate: 5,
  /** prefix, pattern, suffix */
  pathPrefixTemplate: 6,
  /** name, value */
  header: 7,
  /** name, pattern */
  headerRegexp: 8,
  /** name, value */
  query: 9,
  /** name, pattern */
  queryTemplate: 10,
} as const;
/** By opcode. */
export const OPERANDS: readonly number[] = [0, 1, 1, 1, 3, 3, 3, 2, 2, 2, 2];

/** The instructions of path modifiers (src/rule/terms.ts), at most one of each, coded as those of programs. */
export const MODIFIER = {
  end: 0,
  /** pattern, … */
  stripTemplates: 1,
  /** prefix, … */
  stripPrefixes: 2,
  addPrefix: 3,
  /** pattern, replacement */
  replacePathRegex: 4,
  replacePath: 5,
} as const;
/** By MODIFIER. */
export const MODIFIER_OPERANDS: readonly number[] = [0, 1, 1, 1, 2, 1];

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

/**
 * The suffix index: which frontends have a host template that ends in a literal text, by the hash of that text. It is
 * laid out as a path index, but `run` is a candidate list, coded as in HOST_CELL.candidates. Two texts with the same hash
 * share a list: the programs compare.
 */

/** Lists up to this length are walked: that costs less than hashing the path. */
export const MAX_WALKED_CANDIDATES = 8;
