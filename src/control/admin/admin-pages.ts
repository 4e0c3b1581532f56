/**
 * Which page answers which path of the admin address (shared/spec cli-api §5). Nothing here changes anything, but for
 * `POST /api/guard/confirm`; `POST /api/explain` has a body.
 * What says whether tsuji lives is made at once, everything else by the maker of pages.
 */
import { tellOwnError } from '../../kernel/own-error.ts';
import type { WebSettings } from '../../settings/settings.ts';
import { MetricsReader } from '../../shared/metrics-reader.ts';
import type { Board } from '../board/board.ts';
import { explainByBody, explainByQuery } from '../explain/explain-page.ts';
import { KeyPages } from '../keys/key-list.ts';
import type { ControlView } from '../view.ts';
import { AdminAuth, CHALLENGE } from './admin-auth.ts';
import { Admission, ownNames, type PageAccess } from './admission.ts';
import { apiReply, isApiPath } from './api.ts';
import { ConfigWait } from './config-wait.ts';
import type { AdminConnection, Fields } from './connection.ts';
import { EventHub } from './events.ts';
import { HealthPage } from './health.ts';
import { answerPast } from './history-page.ts';
import { LiveWindow } from './live-numbers.ts';
import { type ScrapeLimits, Scrapes } from './metrics/scrapes.ts';
import { MetricsSource } from './metrics/source.ts';
import { Page, PageMaker, type PageText } from './page.ts';
import { PercentilesPage } from './percentiles-page.ts';
import { whatIsOld, whyNotReady, whyNotServing } from './readiness.ts';
import { type AdminRequest, takesGzip } from './request.ts';
import { StaticFiles } from './static-files.ts';
import { configurationStatus, liveStatus, wholeStatus } from './status.ts';
import { streamTail } from './tail-stream.ts';
import { UiApi } from './ui-api/ui-api.ts';
import { Unpacking } from './unpacking.ts';
import { UnusedPage } from './unused-page.ts';

const JSON_TYPE = 'application/json; charset=UTF-8';
const TEXT_TYPE = 'text/plain; charset=utf-8';
const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8';
const OPEN_METRICS_TYPE = 'application/openmetrics-text; version=1.0.0; charset=utf-8';
const NOT_FOUND = '404 page not found\n';
const TOO_MANY_STREAMS = '{"error":"too many streams are open; /api/ui/overview gives the same"}\n';
const EMPTY = Page.of('');

/** On every answer: what it is stays what we say, and other sites do not build it into theirs. */
const COMMON: Fields = { 'X-Content-Type-Options': 'nosniff', 'Cross-Origin-Resource-Policy': 'same-origin' };

/** Answered to GET and HEAD, for everybody. */
const VITAL = ['ping', 'livez', 'readyz'];

export type PagesOptions = {
  /** No redirect from `/api/` to `/api`. */
  readonly keepTrailingSlash?: boolean;
  /** Compares a password with its hash. Absent: nobody gets in where one is asked for. */
  readonly checkPassword?: (password: string, hash: string) => Promise<boolean>;
  /** Open event streams; a page beyond them polls instead. */
  readonly maxEventClients?: number;
  readonly scrapes?: Partial<ScrapeLimits>;
  /** Absent: there is nothing below /api/ui/. */
  readonly board?: Board;
};

async function never(): Promise<boolean> {
  return false;
}

type Exchange = { readonly request: AdminRequest; readonly connection: AdminConnection };

export class AdminPages {
  /** Everything but `/health`, which is small and must not wait for large pages. */
  readonly maker = new PageMaker();
  private readonly configWait: ConfigWait;
  private readonly keyPages: KeyPages;
  private readonly healthMaker = new PageMaker();
  private readonly view: ControlView;
  private settings: WebSettings;
  private readonly checkPassword: (password: string, hash: string) => Promise<boolean>;
  private readonly keepTrailingSlash: boolean;
  private admission: Admission;
  /** null: everybody may read who was let in by its address. */
  private auth: AdminAuth | null;
  private readonly reader: MetricsReader;
  private readonly metrics: MetricsSource;
  private readonly scrapes: Scrapes;
  private readonly percentiles: PercentilesPage;
  private readonly unused: UnusedPage;
  private readonly live: LiveWindow;
  private readonly health: HealthPage;
  private readonly events: EventHub;
  private readonly board: Board | null;
  private readonly ui: UiApi | null;
  private readonly files = new StaticFiles();

  constructor(view: ControlView, settings: WebSettings, options: PagesOptions) {
    this.view = view;
    this.configWait = new ConfigWait(view);
    this.keyPages = new KeyPages(view);
    this.settings = settings;
    this.keepTrailingSlash = options.keepTrailingSlash ?? false;
    this.admission = new Admission(settings, ownNames(settings));
    this.checkPassword = options.checkPassword ?? never;
    this.auth = this.authOf(settings);
    this.reader = new MetricsReader(() => view.metricsLanes());
    this.metrics = new MetricsSource(view, this.reader);
    this.scrapes = new Scrapes(this.metrics, this.maker, options.scrapes ?? {});
    this.live = new LiveWindow(this.reader, performance.now());
    this.percentiles = new PercentilesPage(view, this.reader);
    this.unused = new UnusedPage(view);
    this.health = new HealthPage(view, this.reader);
    const content = {
      configuration: () => configurationStatus(view),
      live: () => liveStatus(view, this.reader, this.live),
      onChange: (listener: () => void) => view.onChange(listener),
    };
    this.board = options.board ?? null;
    this.ui = this.board === null ? null : new UiApi(this.board);
    this.events = new EventHub(content, this.maker, options.maxEventClients ?? 64);
  }

  /** Who may read them, and by which names, is as these say from now on. */
  reload(settings: WebSettings): void {
    this.settings = settings;
    this.admission = new Admission(settings, ownNames(settings));
    this.auth = this.authOf(settings);
  }

  private authOf({ users }: WebSettings): AdminAuth | null {
    return users === null ? null : new AdminAuth(users, this.checkPassword);
  }

  /** Another second has passed. `lag`: seconds that it was late. */
  tick(now: number, lag: number): void {
    this.metrics.lag = lag;
    this.board?.sawLag(lag * 1_000);
    try {
      this.health.tick();
      this.live.tick(now);
    } catch (error) {
      tellOwnError('admin numbers', error);
    }
  }

  /** Ends the event streams. */
  close(): void {
    this.events.close();
    this.ui?.stream.close();
  }

  /** Answers exactly once. */
  answer(request: AdminRequest, connection: AdminConnection): void {
    this.route({ request, connection }).catch((error: unknown) => {
      tellOwnError('admin page', error);
      send({ request, connection }, 500, TEXT_TYPE, 'Internal Server Error\n');
    });
  }

  private async route(exchange: Exchange): Promise<void> {
    const { method, target } = exchange.request;
    const mark = target.indexOf('?');
    const path = mark < 0 ? target : target.slice(0, mark);
    const below = pathBelow(path, this.settings.path);
    const segments = below === null ? null : decodedSegments(below);
    if (segments?.length === 1 && VITAL.includes(segments[0]) && (method === 'GET' || method === 'HEAD')) {
      this.vital(segments[0], exchange);
      return;
    }
    const access: PageAccess = segments?.length === 1 && segments[0] === 'metrics' ? 'machines' : 'guarded';
    const refusal = this.admission.refusal(exchange.request, exchange.connection.peerAddress, access);
    if (refusal !== '') {
      send(exchange, 403, TEXT_TYPE, refusal);
      return;
    }
    if (this.auth !== null && !(await this.auth.lets(exchange.request))) {
      send(exchange, 401, TEXT_TYPE, '401 Unauthorized\n', { 'WWW-Authenticate': CHALLENGE });
      return;
    }
    if (method === 'POST' && segments?.join('/') === 'api/explain' && this.serves(segments)) {
      const { status, text } = await explainByBody(this.view, exchange.request.body);
      send(exchange, status, JSON_TYPE, text);
      return;
    }
    if (method === 'POST' && segments?.join('/') === 'api/guard/confirm' && this.serves(segments)) {
      const held = this.view.held();
      this.view.confirmHeld();
      send(exchange, 200, JSON_TYPE, `${JSON.stringify({ confirmed: held })}\n`);
      return;
    }
    if (segments === null || method !== 'GET') {
      send(exchange, 404, TEXT_TYPE, NOT_FOUND);
      return;
    }
    if (segments.length > 1 && segments.at(-1) === '' && segments[0] !== 'dashboard') {
      const without = segments.slice(0, -1);
      if (this.keepTrailingSlash || !isKnown(without)) send(exchange, 404, TEXT_TYPE, NOT_FOUND);
      else redirect(exchange, 301, path.slice(0, -1) + (mark < 0 ? '' : target.slice(mark)));
      return;
    }
    await this.page(segments, exchange);
  }

  /** Never waits for anything. */
  private vital(name: string, exchange: Exchange): void {
    if (name === 'readyz') this.readiness(whyNotReady(this.view), exchange);
    else if (name === 'livez' || whyNotServing(this.view) === '') send(exchange, 200, TEXT_TYPE, 'OK');
    else send(exchange, 503, TEXT_TYPE, 'Service Unavailable');
  }

  /** The reason may name hosts, so that it is for those who may read the other pages. */
  private readiness(reason: string, exchange: Exchange): void {
    const { request, connection } = exchange;
    const mayRead = this.admission.refusal(request, connection.peerAddress, 'guarded') === '';
    if (reason === '') send(exchange, 200, TEXT_TYPE, `ready\n${mayRead ? whatIsOld(this.view) : ''}`);
    else send(exchange, 503, TEXT_TYPE, `not ready${mayRead ? `: ${reason}` : ''}\n`);
  }

  private async page(segments: readonly string[], exchange: Exchange): Promise<void> {
    const { dashboard, path } = this.settings;
    const [first, second] = segments;
    if (!this.serves(segments)) {
      send(exchange, 404, TEXT_TYPE, NOT_FOUND);
      return;
    }
    if (dashboard && first === 'dashboard' && segments.length > 1 && second !== 'status') {
      await this.file(segments.slice(1).join('/'), exchange);
    } else if (
      dashboard &&
      ((first === '' && segments.length === 1) || (first === 'dashboard' && segments.length <= 2))
    ) {
      redirect(exchange, 302, `${forwardedPrefix(exchange.request)}${path}dashboard/`);
    } else if (first === 'api') {
      await this.api(segments.slice(1), exchange);
    } else if (first === 'health' && segments.length === 1) {
      await made(exchange, this.healthMaker, 'health', JSON_TYPE, () => [this.health.text()]);
    } else if (first === 'metrics' && segments.length === 1) {
      await this.scrape(exchange);
    } else {
      send(exchange, 404, TEXT_TYPE, NOT_FOUND);
    }
  }

  private async scrape(exchange: Exchange): Promise<void> {
    const { request, connection } = exchange;
    const isOpen = (request.fields.get('accept') ?? '').includes('application/openmetrics-text');
    const page = await this.scrapes.page(isOpen, takesGzip(request));
    const type = isOpen ? OPEN_METRICS_TYPE : METRICS_TYPE;
    if (page instanceof Page) sendPage(exchange, type, page);
    else if (page instanceof Unpacking) connection.answerUnpacked(200, pageFields(type), page);
    else send(exchange, 503, TEXT_TYPE, page.reason, { 'Retry-After': 1 });
  }

  private serves(segments: readonly string[]): boolean {
    const { pages } = this.settings;
    return pages === 'all' || (pages === 'metrics' && segments.length === 1 && segments[0] === 'metrics');
  }

  private async file(name: string, exchange: Exchange): Promise<void> {
    const { request, connection } = exchange;
    const file = this.files.find(name);
    if (file === undefined) {
      send(exchange, 404, TEXT_TYPE, NOT_FOUND);
      return;
    }
    const { status, fields, page } = await file.answer(request);
    connection.answer(status, { ...COMMON, ...fields }, page);
  }

  private async api(path: readonly string[], exchange: Exchange): Promise<void> {
    const { view, reader, live } = this;
    if (path.length === 1 && path[0] === 'status') {
      await made(exchange, this.maker, 'status', JSON_TYPE, () => wholeStatus(view, reader, live));
    } else if (path.length === 1 && path[0] === 'events') {
      this.stream(exchange);
    } else if (path.length === 1 && path[0] === 'keys') {
      const { status, text } = await this.keyPages.answer(queryOf(exchange.request));
      send(exchange, status, JSON_TYPE, text);
    } else if (path.length === 2 && path[0] === 'ui' && path[1] === 'explain') {
      const { status, text } = await explainByQuery(view, queryOf(exchange.request));
      send(exchange, status, JSON_TYPE, text);
    } else if (path.length === 2 && path[0] === 'ui' && path[1] === 'tail') {
      this.tail(exchange);
    } else if (path[0] === 'ui' && path.length > 1 && this.ui !== null) {
      await this.uiPage(this.ui, path.slice(1), exchange);
    } else if (path.length === 1 && (path[0] === 'percentiles' || path[0] === 'unused')) {
      const page = path[0] === 'unused' ? this.unused : this.percentiles;
      const { status, text } = await page.answer(queryOf(exchange.request));
      send(exchange, status, JSON_TYPE, text);
    } else if (path.length === 1 && (path[0] === 'history' || path[0] === 'diff')) {
      const { status, text } = await answerPast(view, path[0], queryOf(exchange.request));
      send(exchange, status, JSON_TYPE, text);
    } else if (path.length === 1 && path[0] === 'nodes') {
      send(exchange, 200, JSON_TYPE, `${JSON.stringify(await view.nodes())}\n`);
    } else if (path.length === 2 && path[0] === 'config' && path[1] === 'wait') {
      const { status, text } = await this.configWait.answer(queryOf(exchange.request));
      send(exchange, status, JSON_TYPE, text);
    } else {
      await made(exchange, this.maker, `api ${JSON.stringify(path)}`, JSON_TYPE, () => {
        const text = apiReply(view, path);
        return typeof text === 'string' ? [text] : text;
      });
    }
  }

  private async uiPage(ui: UiApi, path: readonly string[], exchange: Exchange): Promise<void> {
    const { request, connection } = exchange;
    if (path.length === 1 && path[0] === 'stream') {
      const last = /^\d{1,15}$/.exec(request.fields.get('last-event-id') ?? '');
      if (!ui.stream.isFull()) ui.stream.add(connection, COMMON, last === null ? -1 : Number(last[0]));
      else send(exchange, 503, JSON_TYPE, TOO_MANY_STREAMS, { 'Retry-After': 30 });
      return;
    }
    const query = new URLSearchParams(queryOf(request));
    const { status, text, etag } = await ui.answer(path, query, request.fields.get('if-none-match') ?? '');
    const fields = { ...pageFields(JSON_TYPE), ...(etag === '' ? {} : { ETag: etag }) };
    if (status === 304) {
      connection.answer(304, fields, null);
      return;
    }
    const page = Page.of(text);
    const body = takesGzip(request) ? await page.compressed() : page;
    connection.answer(status, body.gzipped ? { ...fields, 'Content-Encoding': 'gzip' } : fields, body);
  }

  private tail(exchange: Exchange): void {
    const { request, connection } = exchange;
    const refused = streamTail(this.view, queryOf(request), connection, COMMON);
    if (refused !== null) send(exchange, refused.status, JSON_TYPE, refused.text);
  }

  private stream({ request, connection }: Exchange): void {
    if (!this.events.isFull()) {
      this.events.add(connection, COMMON);
      return;
    }
    const text = 'too many event streams are open; /api/status gives the same\n';
    send({ request, connection }, 503, TEXT_TYPE, text, { 'Retry-After': 30 });
  }
}

/** Answers with a page that is shared with all who ask for it now; 404 when there is none. */
async function made(exchange: Exchange, maker: PageMaker, name: string, type: string, text: PageText): Promise<void> {
  const page = await maker.ask(name, text);
  if (page === null) {
    send(exchange, 404, TEXT_TYPE, NOT_FOUND);
    return;
  }
  sendPage(exchange, type, takesGzip(exchange.request) ? await page.compressed() : page);
}

function pageFields(type: string): Fields {
  return { ...COMMON, 'Content-Type': type, 'Cache-Control': 'no-store', Vary: 'Accept-Encoding' };
}

function sendPage(exchange: Exchange, type: string, body: Page): void {
  const fields = pageFields(type);
  exchange.connection.answer(200, body.gzipped ? { ...fields, 'Content-Encoding': 'gzip' } : fields, body);
}

function send(exchange: Exchange, status: number, type: string, text: string, more: Fields = {}): void {
  const fields = { ...COMMON, 'Content-Type': type, 'Cache-Control': 'no-store', ...more };
  exchange.connection.answer(status, fields, Page.of(text), exchange.request.method === 'HEAD');
}

function redirect({ connection }: Exchange, status: 301 | 302, location: string): void {
  connection.answer(status, { ...COMMON, Location: location }, EMPTY);
}

/** '' for none. */
function queryOf({ target }: AdminRequest): string {
  const mark = target.indexOf('?');
  return mark < 0 ? '' : target.slice(mark + 1);
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
  return segments.length === 1 && [...VITAL, 'health', 'metrics'].includes(segments[0]);
}

/**
 * The path that a proxy in front cut off. Only a plain path is taken: one that could name a host (`//evil`, `/\evil`)
 * would make an open redirect.
 */
function forwardedPrefix({ fields }: AdminRequest): string {
  const value = fields.get('x-forwarded-prefix') ?? '';
  if (!/^(\/[\w.~%-]+)+\/?$/.test(value)) return '';
  return value.endsWith('/') ? value.slice(0, -1) : value;
}
