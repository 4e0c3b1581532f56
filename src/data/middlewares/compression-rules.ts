/** Which responses are compressed, and by what: as an entrypoint has it, and as a frontend has it. */
import { acceptedCodings, namesGzip } from '../../http/accept-encoding.ts';
import { forbidsTransform } from '../../http/compressed-head.ts';
import { GRPC_TYPE } from '../../http/grpc.ts';
import type { RequestHead } from '../../http/request-head.ts';
import type { Coding } from '../../kernel/codings.ts';
import type { CompressOptions } from '../../middlewares/compress.ts';

export interface CompressionRules {
  /** Of the body: shorter ones are left as they are. At least 1. */
  readonly leastBytes: number;
  readonly levels: Readonly<Record<Coding, number>>;
  /** `Vary` stands on every response, and not only on those that may be compressed. */
  readonly variesAlways: boolean;
  /** What this client takes, the best first; empty: its response stays as it is. */
  codings(request: RequestHead): readonly Coding[];
  /** Final, and with a body. */
  allowsStatus(status: number): boolean;
  /** Lower case, '' for none. */
  allowsType(type: string): boolean;
}

/** Media types, some by what they begin with. */
class MediaTypes {
  private readonly whole: ReadonlySet<string>;
  private readonly starts: readonly string[];

  /** Lower case; `text/*`: all that begin so. */
  constructor(patterns: readonly string[]) {
    this.whole = new Set(patterns.filter((pattern) => !pattern.endsWith('*')));
    this.starts = patterns
      .filter((pattern) => pattern.endsWith('*'))
      .map((pattern) => (pattern === '*/*' ? '' : pattern.slice(0, -1)));
  }

  has(type: string): boolean {
    return this.whole.has(type) || this.starts.some((start) => type.startsWith(start));
  }
}

/** What is packed by itself: another round costs time and saves nothing. */
const PACKED = [
  ...['audio/*', 'video/*', 'font/woff*', 'application/zip', 'application/gzip', 'application/zstd', 'application/pdf'],
  ...['application/x-7z-compressed', 'application/x-rar-compressed', 'application/x-bzip2'],
];
const NO_CODINGS: readonly Coding[] = [];
const GZIP: readonly Coding[] = ['gzip'];

/** A part of a body, and a request that says so, stay as they are. */
function mayTransform(request: RequestHead): boolean {
  return request.values('range').length === 0 && !forbidsTransform(request.values('cache-control'));
}

/** `Compress:true` of an entrypoint (shared/spec cli-api §3). */
class EntryPointRules implements CompressionRules {
  readonly leastBytes = 512;
  readonly levels = { gzip: 6, br: 4, zstd: 3 };
  readonly variesAlways = true;
  private readonly packed = new MediaTypes([
    ...PACKED,
    ...['png', 'jpeg', 'jpg', 'gif', 'webp', 'avif', 'heic'].map((name) => `image/${name}`),
    ...['application/x-gzip', 'application/x-xz'],
  ]);

  codings(request: RequestHead): readonly Coding[] {
    return namesGzip(request.values('accept-encoding')) && mayTransform(request) ? GZIP : NO_CODINGS;
  }

  allowsStatus(status: number): boolean {
    return status >= 200 && status !== 204 && status !== 205 && status !== 206 && status !== 304;
  }

  allowsType(type: string): boolean {
    return !this.packed.has(type);
  }
}

export const ENTRY_POINT_RULES: CompressionRules = new EntryPointRules();

const EXCLUDED = new MediaTypes([...PACKED, 'text/event-stream', 'image/*', 'application/wasm']);
/** Images all the same, but not packed. */
const NOT_EXCLUDED = new MediaTypes(['image/svg+xml', 'image/bmp', 'image/x-icon']);

/** The keys `compress/…` of a frontend (shared/spec frontend-options §3.10). */
export class FrontendRules implements CompressionRules {
  readonly leastBytes: number;
  readonly levels: Readonly<Record<Coding, number>>;
  readonly variesAlways = false;
  private readonly options: CompressOptions;
  private readonly absent: readonly Coding[];
  private readonly included: MediaTypes | null;
  private readonly excluded: MediaTypes | null;

  constructor(options: CompressOptions) {
    const { contentTypes, excludedContentTypes, defaultEncoding } = options;
    this.options = options;
    this.leastBytes = Math.max(options.minResponseBodyBytes, 1);
    this.levels = options.levels;
    this.absent = defaultEncoding === null ? NO_CODINGS : [defaultEncoding];
    this.included = contentTypes.length === 0 ? null : new MediaTypes(contentTypes);
    this.excluded = excludedContentTypes === null ? null : new MediaTypes(excludedContentTypes);
  }

  codings(request: RequestHead): readonly Coding[] {
    const accepted = request.values('accept-encoding');
    const codings = accepted.length === 0 ? this.absent : acceptedCodings(accepted, this.options.encodings);
    if (codings.length === 0 || !mayTransform(request)) return NO_CODINGS;
    return this.options.skipCookies && request.values('cookie').length > 0 ? NO_CODINGS : codings;
  }

  allowsStatus(status: number): boolean {
    if (status >= 400) return status < 600;
    return status >= 200 && status < 300 && status !== 204 && status !== 205 && status !== 206;
  }

  allowsType(type: string): boolean {
    if (type === '' || type.startsWith(GRPC_TYPE)) return false;
    if (this.included !== null) return this.included.has(type);
    if (this.excluded !== null) return !this.excluded.has(type);
    return !EXCLUDED.has(type) || NOT_EXCLUDED.has(type);
  }
}
