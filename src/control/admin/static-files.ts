/** The files of the dashboard, read once. The names are a fixed list, so a path can never lead elsewhere. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';

type StaticFile = { readonly body: Buffer; readonly type: string; readonly etag: string };

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
      const body = readFileSync(new URL(`./ui/${name}`, import.meta.url));
      const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`;
      this.files.set(name, { body, type, etag });
    }
  }

  /** `name`: '' for the page itself. False: there is no such file, and nothing was answered. */
  serve(name: string, request: IncomingMessage, response: ServerResponse): boolean {
    const file = this.files.get(name === '' ? 'index.html' : name);
    if (file === undefined) return false;
    // Asked again each time, answered with 304: a new version shows at once.
    response.setHeader('Cache-Control', 'no-cache');
    response.setHeader('ETag', file.etag);
    response.setHeader('Content-Security-Policy', POLICY);
    response.setHeader('Referrer-Policy', 'no-referrer');
    if (request.headers['if-none-match'] === file.etag) {
      response.writeHead(304).end();
    } else {
      response.writeHead(200, { 'Content-Type': file.type, 'Content-Length': file.body.length }).end(file.body);
    }
    return true;
  }
}
