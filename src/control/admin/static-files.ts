/**
 * The files of the dashboard, read once: our own, and those of packages that a browser takes as they are. The names are a
 * fixed list, so a path can never lead elsewhere.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { extname } from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, constants } from 'node:zlib';
import type { Fields } from './connection.ts';
import { Page } from './page.ts';
import { type AdminRequest, takesCoding } from './request.ts';

const squeeze = promisify(brotliCompress);

const OWN = new URL('./ui/', import.meta.url);

/**
 * preact with htm draws the page without a build, uPlot its charts on a canvas; the fonts have figures of one width. A
 * release copies each of them (scripts/release/bundle.ts); their licences are in ui/licences.txt.
 */
const OF_PACKAGES: readonly (readonly [name: string, file: URL])[] = [
  ['preact.js', new URL('../../../node_modules/htm/preact/standalone.module.js', import.meta.url)],
  ['uplot.js', new URL('../../../node_modules/uplot/dist/uPlot.iife.min.js', import.meta.url)],
  ['uplot.css', new URL('../../../node_modules/uplot/dist/uPlot.min.css', import.meta.url)],
  [
    'inter.woff2',
    new URL('../../../node_modules/@fontsource-variable/inter/files/inter-latin-wght-normal.woff2', import.meta.url),
  ],
  [
    'jetbrains-mono.woff2',
    new URL(
      '../../../node_modules/@fontsource-variable/jetbrains-mono/files/jetbrains-mono-latin-wght-normal.woff2',
      import.meta.url,
    ),
  ],
];

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain; charset=utf-8',
  '.woff2': 'font/woff2',
};

/** Nothing but our own files, and no style or script in the markup: text from keys can be nothing else than text. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "font-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'self'",
].join('; ');

/** Of brotli: little is gained above. */
const QUALITY = 9;

export class StaticFile {
  readonly etag: string;
  private readonly fields: Fields;
  private readonly page: Page;
  /** Made when first asked for; null for what is compressed by itself. */
  private squeezed: Promise<Page> | null = null;
  private readonly isText: boolean;

  constructor(name: string, body: Buffer) {
    const type = TYPES[extname(name)];
    // Weak: one for all codings (RFC 9110 §8.8.3.3).
    this.etag = `W/"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`;
    this.page = new Page([body]);
    this.isText = !type.startsWith('font/');
    this.fields = {
      'Content-Type': type,
      // Asked again each time, answered with 304: a new version shows at once.
      'Cache-Control': 'no-cache',
      ETag: this.etag,
      Vary: 'Accept-Encoding',
      'Content-Security-Policy': POLICY,
      'Referrer-Policy': 'no-referrer',
    };
  }

  /** `page`: null when the client has it. */
  async answer(request: AdminRequest): Promise<{ status: 200 | 304; fields: Fields; page: Page | null }> {
    const { fields } = this;
    if (request.fields.get('if-none-match') === this.etag) return { status: 304, fields, page: null };
    if (this.isText && takesCoding(request, 'br')) {
      this.squeezed ??= this.squeeze();
      return { status: 200, fields: { ...fields, 'Content-Encoding': 'br' }, page: await this.squeezed };
    }
    if (!this.isText || !takesCoding(request, 'gzip')) return { status: 200, fields, page: this.page };
    const page = await this.page.compressed();
    return { status: 200, fields: page.gzipped ? { ...fields, 'Content-Encoding': 'gzip' } : fields, page };
  }

  private async squeeze(): Promise<Page> {
    const params = { [constants.BROTLI_PARAM_QUALITY]: QUALITY };
    return new Page([await squeeze(Buffer.concat(this.page.pieces), { params })]);
  }
}

export class StaticFiles {
  private readonly files = new Map<string, StaticFile>();

  constructor() {
    for (const name of readdirSync(OWN, { recursive: true, encoding: 'utf8' })) {
      if (extname(name) !== '') this.read(name, new URL(name, OWN));
    }
    for (const [name, file] of OF_PACKAGES) this.read(name, file);
  }

  /** `name`: with `/` between its parts; '' for the page itself. */
  find(name: string): StaticFile | undefined {
    return this.files.get(name === '' ? 'index.html' : name);
  }

  private read(name: string, file: URL): void {
    this.files.set(name, new StaticFile(name, readFileSync(file)));
  }
}
