/** Compression of a frontend's responses: `compress` and the keys `compress/…` (shared/spec frontend-options §3.10). */
import { CODINGS, type Coding, isCoding } from '../kernel/codings.ts';
import { quoted } from '../kernel/quote.ts';
import type { Kind } from './kind.ts';
import type { OptionKeys } from './option-keys.ts';

export type CompressOptions = {
  /** False: nothing of the frontend is compressed, whatever its entrypoint says. */
  readonly enabled: boolean;
  /** The first is preferred where a client takes several as gladly; at least one. */
  readonly encodings: readonly Coding[];
  /** Of the body, bytes: shorter ones are left as they are. */
  readonly minResponseBodyBytes: number;
  /** Lower-case media types, `text/*` possible: only these; empty: all but the excluded ones. */
  readonly contentTypes: readonly string[];
  /** The same; null: what is packed already, and streams. */
  readonly excludedContentTypes: readonly string[] | null;
  /** For requests without Accept-Encoding; null: none. */
  readonly defaultEncoding: Coding | null;
  readonly levels: Readonly<Record<Coding, number>>;
  /** Responses to requests with cookies are left as they are. */
  readonly skipCookies: boolean;
};

const LEVELS: Readonly<Record<Coding, readonly [fallback: number, lowest: number, highest: number]>> = {
  gzip: [6, 1, 9],
  br: [4, 0, 11],
  zstd: [3, 1, 22],
};
const KNOWN = CODINGS.join(', ');
const LEAST_BYTES = 1_024;
const TYPE = /^[a-z0-9!#$&^_.+-]+\/[a-z0-9!#$&^_.+-]*\*?$/;

function readEncodings(keys: OptionKeys): readonly Coding[] {
  const found = new Set<Coding>();
  for (const name of keys.list('compress/encodings')) {
    const lower = name.toLowerCase();
    if (isCoding(lower)) found.add(lower);
    else keys.ignored('compress/encodings', `${quoted(name)} is none of ${KNOWN}`);
  }
  return found.size === 0 ? CODINGS : [...found];
}

function readTypes(keys: OptionKeys, key: string): string[] {
  return keys
    .list(key)
    .map((type) => type.toLowerCase())
    .filter((type) => {
      if (type === '*/*' || (TYPE.test(type) && !type.endsWith('/'))) return true;
      keys.ignored(key, `${quoted(type)} is no media type: write text/html, or text/* for all of them`);
      return false;
    });
}

function readLevels(keys: OptionKeys): Record<Coding, number> {
  const levels = { gzip: LEVELS.gzip[0], br: LEVELS.br[0], zstd: LEVELS.zstd[0] };
  for (const name of keys.names('compress/levels')) {
    const key = `compress/levels/${name}`;
    if (!isCoding(name)) {
      keys.ignored(key, `${quoted(name)} is none of ${KNOWN}`);
      continue;
    }
    const [fallback, lowest, highest] = LEVELS[name];
    const level = keys.int(key, fallback);
    if (level >= lowest && level <= highest) levels[name] = level;
    else keys.defaulted(key, `${level} is not from ${lowest} to ${highest}; ${fallback} is used`);
  }
  return levels;
}

function readDefault(keys: OptionKeys, encodings: readonly Coding[]): Coding | null {
  const name = keys.text('compress/defaultencoding').toLowerCase();
  if (name === '' || name === 'identity') return null;
  const coding = encodings.find((each) => each === name);
  if (coding === undefined) {
    keys.ignored('compress/defaultencoding', `${quoted(name)} is none of ${encodings.join(', ')}`);
  }
  return coding ?? null;
}

function readLeast(keys: OptionKeys): number {
  const bytes = keys.int('compress/minresponsebodybytes', LEAST_BYTES);
  if (bytes >= 0) return bytes;
  keys.defaulted('compress/minresponsebodybytes', `${bytes} is below 0; ${LEAST_BYTES} is used`);
  return LEAST_BYTES;
}

export const COMPRESS: Kind<CompressOptions> = {
  name: 'compress',
  keys: [
    'compress',
    ...['encodings', 'contenttypes', 'excludedcontenttypes'].flatMap((key) => [`compress/${key}`, `compress/${key}/*`]),
    'compress/minresponsebodybytes',
    'compress/defaultencoding',
    'compress/levels/*',
    'compress/skipcookies',
  ],

  parse(keys) {
    const isDetailed = keys.names('compress').length > 0;
    if (!isDetailed && keys.text('compress') === '') return null;
    const encodings = readEncodings(keys);
    const contentTypes = readTypes(keys, 'compress/contenttypes');
    const excluded = readTypes(keys, 'compress/excludedcontenttypes');
    if (contentTypes.length > 0 && excluded.length > 0) {
      keys.ignored('compress/excludedcontenttypes', 'compress/contenttypes names all that is compressed');
    }
    return {
      enabled: keys.flag('compress', isDetailed),
      encodings,
      minResponseBodyBytes: readLeast(keys),
      contentTypes,
      excludedContentTypes: excluded.length > 0 ? excluded : null,
      defaultEncoding: readDefault(keys, encodings),
      levels: readLevels(keys),
      skipCookies: keys.flag('compress/skipcookies'),
    };
  },

  show(options) {
    const { enabled, encodings, minResponseBodyBytes, contentTypes, excludedContentTypes, levels, skipCookies } =
      options;
    const defaultEncoding = options.defaultEncoding ?? '';
    return {
      enabled,
      encodings,
      minResponseBodyBytes,
      contentTypes,
      excludedContentTypes: excludedContentTypes ?? [],
      defaultEncoding,
      levels,
      skipCookies,
    };
  },
};
