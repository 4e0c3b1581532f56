/**
 * The admin address: ping, health, API, metrics and dashboard on one port (shared/spec cli-api §5). Reads only; its
 * own small HTTP server on the main thread, so that it answers even when the workers cannot.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { reasonOf, TsujiError } from '../../kernel/errors.ts';
import { log } from '../../kernel/log.ts';
import type { WebSettings } from '../../settings/settings.ts';
import { MetricsReader } from '../../shared/metrics-reader.ts';
import type { ControlView } from '../view.ts';
import { apiReply, isApiPath } from './api.ts';
import { EventHub } from './events.ts';
import { HealthPage } from './health.ts';
import { LiveWindow } from './live-numbers.ts';
import { metricsPage } from './metrics-page.ts';
import { StaticFiles } from './static-files.ts';
import { configurationJson, liveStatusJson, statusJson } from './status.ts';

const JSON_TYPE = 'application/json; charset=UTF-8';
const TEXT_TYPE = 'text/plain; charset=utf-8';
const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8';
const NOT_FOUND = '404 page not found\n';

const MAX_CONNECTIONS = 512;
const HEAD_BYTES = 16_384;
const HEAD_TIMEOUT_MS = 10_000;
const TICK_MS = 1000;
/** How long `close` waits for answers that are on their way. */
const CLOSE_GRACE_MS = 1000;

export type AdminOptions = {
  /** No redirect from `/api/` to `/api`. */
  readonly keepTrailingSlash?: boolean;
  /** Open event streams; a page beyond them polls instead. */
  readonly maxEventClients?: number;
};

const LISTEN_REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'the port is taken by another process',
  EACCES: 'this user may not listen on that port',
  EADDRNOTAVAIL: 'this machine does not have that address',
  ENOTFOUND: 'the name of the host does not resolve',
};

export class AdminServer {
  private readonly view: ControlView;
  private readonly settings: WebSettings;
  private readonly keepTrailingSlash: boolean;
  private readonly reader: MetricsReader;
  private readonly live: LiveWindow;
  private readonly health: HealthPage;
  private readonly events: EventHub;
  private readonly files = new StaticFiles();
  private readonly server: Server;
  /** Answers on their way, event streams included. */
  private answering = 0;
  private closing = false;
  private ticker: NodeJS.Timeout | null = null;
  private tickedAt = 0;
  /** Seconds. */
  private lag = 0;

  constructor(view: ControlView, settings: WebSettings, options: AdminOptions = {}) {
    this.view = view;
    this.settings = settings;
    this.keepTrailingSlash = options.keepTrailingSlash ?? false;
    this.reader = new MetricsReader(() => view.metricsLanes());
    this.live = new LiveWindow(this.reader, performance.now());
    this.health = new HealthPage(view, this.reader);
    this.events = new EventHub(
      {
        configuration: () => configurationJson(view),
        live: () => liveStatusJson(view, this.reader, this.live),
        onChange: (listener) => view.onChange(listener),
      },
      options.maxEventClients ?? 64,
    );
    this.server = createServer(
      { maxHeaderSize: HEAD_BYTES, headersTimeout: HEAD_TIMEOUT_MS, requestTimeout: HEAD_TIMEOUT_MS },
      (request, response) => this.answer(request, response),
    );
    this.server.maxConnections = MAX_CONNECTIONS;
  }

  /** Throws TsujiError ADMIN_LISTEN with the address and the reason. */
  async listen(): Promise<{ port: number }> {
    const { address, host, port } = this.settings;
    await new Promise<void>((resolve, reject) => {
      this.server.once('error', (error: NodeJS.ErrnoException) => {
        const reason = LISTEN_REASONS[error.code ?? ''] ?? error.message;
        reject(
          new TsujiError('ADMIN_LISTEN', `cannot listen on ${address} (web.address): ${reason}`, { cause: error }),
        );
      });
      this.server.listen(host === '' ? { port } : { host, port }, resolve);
    });
    this.server.removeAllListeners('error');
    this.server.on('error', (error) => log.error('the admin address had an error', { error: error.message }));
    this.tickedAt = performance.now();
    this.ticker = setInterval(() => this.tick(), TICK_MS).unref();
    return { port: (this.server.address() as AddressInfo).port };
  }

  /** Resolves when the port is free again. */
  async close(): Promise<void> {
    if (this.ticker !== null) clearInterval(this.ticker);
    this.ticker = null;
    this.events.close();
    if (!this.server.listening) return;
    const closed = new Promise((resolve) => this.server.close(resolve));
    this.closing = true;
    // Browsers keep spare connections that never carried a request; Node does not count them as idle.
    if (this.answering === 0) this.server.closeAllConnections();
    const force = setTimeout(() => this.server.closeAllConnections(), CLOSE_GRACE_MS);
    await closed;
    clearTimeout(force);
  }

  private tick(): void {
    const now = performance.now();
    this.lag = Math.max(now - this.tickedAt - TICK_MS, 0) / 1000;
    this.tickedAt = now;
    try {
      this.health.tick();
      this.live.tick(now);
    } catch (error) {
      log.error('the admin numbers cannot be read', { error: reasonOf(error) });
    }
  }

  private answer(request: IncomingMessage, response: ServerResponse): void {
    this.answering++;
    response.once('close', () => {
      this.answering--;
      if (this.closing && this.answering === 0) this.server.closeAllConnections();
    });
    response.setHeader('X-Content-Type-Options', 'nosniff');
    // Nothing here takes a body: the connection ends rather than be read to the end of one.
    const { 'content-length': length, 'transfer-encoding': coding } = request.headers;
    if (coding !== undefined || (length !== undefined && length !== '0')) response.setHeader('Connection', 'close');
    try {
      this.route(request, response);
    } catch (error) {
      log.error('the admin address could not answer', { path: request.url ?? '', error: reasonOf(error) });
      if (response.headersSent) response.destroy();
      else send(response, 500, TEXT_TYPE, 'Internal Server Error\n');
    }
  }

  private route(request: IncomingMessage, response: ServerResponse): void {
    const target = request.url ?? '/';
    const mark = target.indexOf('?');
    const path = mark < 0 ? target : target.slice(0, mark);
    const below = pathBelow(path, this.settings.path);
    const segments = below === null ? null : decodedSegments(below);
    const isPing = segments?.length === 1 && segments[0] === 'ping';
    if (segments === null || (request.method !== 'GET' && !(isPing && request.method === 'HEAD'))) {
      send(response, 404, TEXT_TYPE, NOT_FOUND);
      return;
    }
    if (segments.length > 1 && segments.at(-1) === '' && segments[0] !== 'dashboard') {
      const without = segments.slice(0, -1);
      if (this.keepTrailingSlash || !isKnown(without)) send(response, 404, TEXT_TYPE, NOT_FOUND);
      else redirect(response, 301, path.slice(0, -1) + (mark < 0 ? '' : target.slice(mark)));
      return;
    }
    this.page(segments, request, response);
  }

  private page(segments: readonly string[], request: IncomingMessage, response: ServerResponse): void {
    const [first, second] = segments;
    if (first === 'dashboard' && segments.length === 2 && second !== 'status') {
      if (!this.files.serve(second, request, response)) send(response, 404, TEXT_TYPE, NOT_FOUND);
    } else if ((first === '' && segments.length === 1) || (first === 'dashboard' && segments.length <= 2)) {
      redirect(response, 302, `${forwardedPrefix(request)}${this.settings.path}dashboard/`);
    } else if (first === 'api') {
      this.api(segments.slice(1), response);
    } else if (segments.length > 1) {
      send(response, 404, TEXT_TYPE, NOT_FOUND);
    } else if (first === 'ping') {
      if (this.view.draining()) send(response, 503, TEXT_TYPE, 'Service Unavailable');
      else send(response, 200, TEXT_TYPE, 'OK');
    } else if (first === 'health') {
      send(response, 200, JSON_TYPE, this.health.text());
    } else if (first === 'metrics') {
      this.metrics(response);
    } else {
      send(response, 404, TEXT_TYPE, NOT_FOUND);
    }
  }

  private api(path: readonly string[], response: ServerResponse): void {
    if (path.length === 1 && path[0] === 'status') {
      send(response, 200, JSON_TYPE, statusJson(this.view, this.reader, this.live));
    } else if (path.length === 1 && path[0] === 'events') {
      if (this.events.isFull()) {
        response.setHeader('Retry-After', '30');
        send(response, 503, TEXT_TYPE, 'too many event streams are open; /api/status gives the same\n');
      } else {
        this.events.add(response);
      }
    } else {
      const text = apiReply(this.view, path);
      if (text === null) send(response, 404, TEXT_TYPE, NOT_FOUND);
      else send(response, 200, JSON_TYPE, text);
    }
  }

  private metrics(response: ServerResponse): void {
    response.writeHead(200, { 'Content-Type': METRICS_TYPE, 'Cache-Control': 'no-store' });
    pipeline(Readable.from(metricsPage(this.view, this.reader, this.lag)), response).catch((error) => {
      log.debug('a scrape broke off', { error: reasonOf(error) });
    });
  }
}

function send(response: ServerResponse, status: number, type: string, body: string): void {
  const headers = { 'Content-Type': type, 'Content-Length': Buffer.byteLength(body), 'Cache-Control': 'no-store' };
  response.writeHead(status, headers).end(body);
}

function redirect(response: ServerResponse, status: 301 | 302, location: string): void {
  response.writeHead(status, { Location: location, 'Content-Length': 0 }).end();
}

/** What follows the prefix (which begins and ends with `/`), or null when the path is not below it. */
function pathBelow(path: string, prefix: string): string | null {
  if (path.startsWith(prefix)) return path.slice(prefix.length);
  return `${path}/` === prefix ? '' : null;
}

/** Null when a segment is not valid percent-encoding. */
function decodedSegments(path: string): string[] | null {
  try {
    return path.split('/').map(decodeURIComponent);
  } catch {
    return null;
  }
}

function isKnown(segments: readonly string[]): boolean {
  if (segments[0] === 'api') return isApiPath(segments.slice(1));
  return segments.length === 1 && ['ping', 'health', 'metrics'].includes(segments[0]);
}

/**
 * The path that a proxy in front cut off. Only a plain path is taken: one that could name a host (`//evil`, `/\evil`)
 * would make an open redirect.
 */
function forwardedPrefix(request: IncomingMessage): string {
  const value = request.headers['x-forwarded-prefix'];
  if (typeof value !== 'string' || !/^(\/[\w.~%-]+)+\/?$/.test(value)) return '';
  return value.endsWith('/') ? value.slice(0, -1) : value;
}
