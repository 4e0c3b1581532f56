/**
 * The paths below `/api/ui/` (docs/api.md): what the dashboard asks for. All answers are of the last look of the board, so that
 * a page costs what it shows and not what is configured.
 */
import { hash } from 'node:crypto';
import type { Board } from '../../board/board.ts';
import type { Counted } from '../../board/counted.ts';
import { overviewOf } from '../../board/facts.ts';
import { historyOf, sparksOf } from '../../board/points.ts';
import { RANGES } from '../../board/steps.ts';
import { BackendDetails } from './backend-detail.ts';
import { eventPage } from './event-pages.ts';
import { frontendDetail } from './frontend-detail.ts';
import { BadRequest, LIST_NAMES, Lists, wholeNumber } from './lists.ts';
import { nodesOf } from './nodes.ts';
import { searchFor } from './search.ts';
import { settingRows } from './setting-rows.ts';
import { UiStream } from './stream.ts';
import { wallOf } from './wall.ts';

export type UiAnswer = {
  readonly status: 200 | 304 | 400 | 404;
  readonly text: string;
  /** '' for none. */
  readonly etag: string;
};

type Asked = {
  readonly board: Board;
  readonly lists: Lists;
  readonly details: BackendDetails;
  readonly path: readonly string[];
  readonly query: URLSearchParams;
};
/** undefined: there is no such thing. */
type Path = (asked: Asked) => unknown;

const MOST_NAMES = 200;

/** By the number of segments behind the name of the path. */
const PATHS: Readonly<Record<string, readonly (Path | undefined)[]>> = {
  overview: [({ board }) => overviewOf(board)],
  findings: [({ board }) => board.findings],
  wall: [({ board }) => wallOf(board)],
  nodes: [({ board }) => nodesOf(board)],
  events: [({ board, query }) => eventPage(board, query)],
  history: [({ board, query }) => historyPage(board, query)],
  settings: [({ board }) => ({ settings: settingRows(board) })],
  search: [({ board, query }) => ({ hits: searchFor(board, query.get('q') ?? '') })],
  list: [undefined, ({ lists, path, query }) => (lists.has(path[1]) ? lists.list(path[1], query) : undefined)],
  spark: [undefined, sparkPage],
  frontends: [undefined, ({ board, path }) => frontendDetail(board, path[1])],
  backends: [
    undefined,
    ({ details, path }) => details.backend(path[1]),
    undefined,
    ({ details, path }) => (path[2] === 'servers' ? details.server(path[1], path[3]) : undefined),
  ],
};

function sparkPage({ board, path, query }: Asked): unknown {
  const names = (query.get('names') ?? '').split(',').filter((name) => name !== '');
  if (names.length > MOST_NAMES) throw new BadRequest(`names has more than ${MOST_NAMES}`);
  const kind = { frontends: 'frontend', backends: 'backend', servers: 'server' }[path[1]];
  if (kind === undefined) return undefined;
  const owners = names.flatMap((name) => {
    const owner = ownerOf(board, `${kind}:${name}`);
    return owner === null ? [] : [[name, owner.counted] as const];
  });
  return sparksOf(board, new Map(owners));
}

function historyPage(board: Board, query: URLSearchParams): unknown {
  const name = query.get('range') || '1h';
  const range = RANGES.findIndex((each) => each.name === name);
  if (range < 0) throw new BadRequest(`range: there is ${RANGES.map((each) => each.name).join(', ')}`);
  const after = wholeNumber(query.get('after'), 'after', -1, Number.MAX_SAFE_INTEGER);
  const owner = ownerOf(board, query.get('of') || 'all');
  return owner === null ? undefined : historyOf(board, owner.counted, range, owner.of, after);
}

/** `all`, `entrypoint:N`, `backend:B`, `server:B/S`, `frontend:F`; null: there is no such thing. */
function ownerOf(board: Board, text: string): { readonly counted: Counted; readonly of: readonly string[] } | null {
  const colon = text.indexOf(':');
  const [kind, name] = colon < 0 ? [text, ''] : [text.slice(0, colon), text.slice(colon + 1)];
  if (text === 'all') return { counted: board.all, of: [] };
  if (kind === 'entrypoint') {
    const index = board.view.entryPoints().findIndex((entryPoint) => entryPoint.name === name);
    return index < 0 ? null : { counted: board.entryPoints[index], of: [] };
  }
  if (kind === 'server') return serverOf(board, name);
  const row =
    kind === 'backend' ? board.backends.get(name) : kind === 'frontend' ? board.frontends.get(name) : undefined;
  return row === undefined ? null : { counted: row.counted, of: [kind, name] };
}

/** Names of servers have no slash, those of backends neither. */
function serverOf(board: Board, name: string): ReturnType<typeof ownerOf> {
  const slash = name.indexOf('/');
  const [backend, server] = [name.slice(0, slash), name.slice(slash + 1)];
  const row = board.backends.get(backend)?.servers.find((each) => each.server.name === server);
  return row === undefined ? null : { counted: row.counted, of: ['server', backend, server] };
}

export class UiApi {
  readonly stream: UiStream;
  private readonly board: Board;
  private readonly lists: Lists;
  private readonly details: BackendDetails;

  constructor(board: Board) {
    this.board = board;
    this.details = new BackendDetails(board);
    this.lists = new Lists(board);
    this.stream = new UiStream(board);
  }

  /** `path`: the decoded segments behind `/api/ui/`; `ifNoneMatch`: as the field of that name, '' for none. */
  async answer(path: readonly string[], query: URLSearchParams, ifNoneMatch: string): Promise<UiAnswer> {
    const [name] = path;
    const make = Object.hasOwn(PATHS, name) ? PATHS[name][path.length - 1] : undefined;
    const { board, lists, details } = this;
    try {
      const value = await make?.({ board, lists, details, path, query });
      if (value === undefined) return { status: 404, text: notFound(path), etag: '' };
      const text = `${JSON.stringify(value)}\n`;
      const etag = `"${hash('sha1', text, 'base64url')}"`;
      return { status: etag === ifNoneMatch ? 304 : 200, text, etag };
    } catch (error) {
      if (!(error instanceof BadRequest)) throw error;
      return { status: 400, text: `${JSON.stringify({ error: error.message })}\n`, etag: '' };
    }
  }
}

function notFound([name, what]: readonly string[]): string {
  if (name === 'list')
    return `${JSON.stringify({ error: `there is no such list; there are ${LIST_NAMES.join(', ')}` })}\n`;
  const error = Object.hasOwn(PATHS, name) && what !== undefined ? 'there is no such thing' : 'there is no such path';
  return `${JSON.stringify({ error })}\n`;
}
