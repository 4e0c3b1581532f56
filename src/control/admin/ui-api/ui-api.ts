/**
 * The paths below `/api/ui/` (docs/api.md): what the dashboard asks for. All answers are of the last look of the board, so that
 * a page costs what it shows and not what is configured.
 */
import { hash } from 'node:crypto';
import type { Board } from '../../board/board.ts';
import { overviewOf } from '../../board/facts.ts';
import { BadRequest, LIST_NAMES, Lists } from './lists.ts';
import { UiStream } from './stream.ts';

/** `value` is to be written as JSON; null: there is no such thing. */
export type UiAnswer = {
  readonly status: 200 | 304 | 400 | 404;
  readonly text: string;
  /** '' for none. */
  readonly etag: string;
};

type Asked = {
  readonly board: Board;
  readonly lists: Lists;
  readonly path: readonly string[];
  readonly query: URLSearchParams;
};
/** undefined: there is no such thing. */
type Path = (asked: Asked) => unknown;

const PATHS: Readonly<Record<string, Path>> = {
  overview: ({ board, path }) => (path.length === 1 ? overviewOf(board) : undefined),
  findings: ({ board, path }) => (path.length === 1 ? board.findings : undefined),
  list: ({ lists, path, query }) => (path.length === 2 && lists.has(path[1]) ? lists.list(path[1], query) : undefined),
};

export class UiApi {
  readonly stream: UiStream;
  private readonly board: Board;
  private readonly lists: Lists;

  constructor(board: Board) {
    this.board = board;
    this.lists = new Lists(board);
    this.stream = new UiStream(board);
  }

  /** `path`: the decoded segments behind `/api/ui/`; `ifNoneMatch`: as the field of that name, '' for none. */
  async answer(path: readonly string[], query: URLSearchParams, ifNoneMatch: string): Promise<UiAnswer> {
    const [name] = path;
    const make = Object.hasOwn(PATHS, name) ? PATHS[name] : undefined;
    try {
      const value = await make?.({ board: this.board, lists: this.lists, path, query });
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
