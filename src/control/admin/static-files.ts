/** The files of the dashboard, read once. The names are a fixed list, so a path can never lead elsewhere. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Fields } from './connection.ts';
import { Page } from './page.ts';

export type StaticFile = { readonly page: Page; readonly etag: string; readonly fields: Fields };

const FOLDER = new URL('./ui/', import.meta.url);

const TYPES = [
  ['index.html', 'text/html; charset=utf-8'],
  ['app.js', 'text/javascript; charset=utf-8'],
  ['render.js', 'text/javascript; charset=utf-8'],
  ['tables.js', 'text/javascript; charset=utf-8'],
  ['style.css', 'text/css; charset=utf-8'],
  ['tables.css', 'text/css; charset=utf-8'],
  ['icon.svg', 'image/svg+xml'],
] as const;

const POLICY =
  "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'; img-src 'self'";

export class StaticFiles {
  private readonly files = new Map<string, StaticFile>();

  constructor() {
    for (const [name, type] of TYPES) {
      const body = readFileSync(new URL(name, FOLDER));
      const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`;
      this.files.set(name, {
        page: new Page([body]),
        etag,
        fields: {
          'Content-Type': type,
          // Asked again each time, answered with 304: a new version shows at once.
          'Cache-Control': 'no-cache',
          ETag: etag,
          'Content-Security-Policy': POLICY,
          'Referrer-Policy': 'no-referrer',
        },
      });
    }
  }

  /** `name`: '' for the page itself. */
  find(name: string): StaticFile | undefined {
    return this.files.get(name === '' ? 'index.html' : name);
  }
}
