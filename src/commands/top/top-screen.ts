/** The terminal of `tsuji top`: keys change what is wanted, and each frame is written over the one before. */
import { fitted } from '../terminal-text.ts';
import type { TopData, Wanted } from './top-data.ts';
import { aboveText, headText, rowText, sortable } from './top-text.ts';

export type ScreenState = {
  readonly wanted: Wanted;
  /** Index of the row that is marked, from `offset` on. */
  readonly selected: number;
  /** What the list before is come back to with Escape. */
  readonly back: Wanted | null;
};

/** Lines that are no rows: three above, a blank one, the head, and the keys. */
const OTHER_LINES = 6;
const KEYS = 'b backends  f frontends  enter servers  esc back  ←→ sort  r reverse  ↑↓ move  q quit';
const STATE_COLOURS: Readonly<Record<string, string>> = {
  failing: '\x1b[31m',
  down: '\x1b[31m',
  ejected: '\x1b[31m',
  impaired: '\x1b[33m',
  suspect: '\x1b[33m',
  'on trial': '\x1b[33m',
};
const PLAIN = '\x1b[0m';
const INVERSE = '\x1b[7m';
const DIM = '\x1b[2m';

export function rowsOf(height: number): number {
  return Math.max(1, height - OTHER_LINES);
}

function moved(state: ScreenState, by: number, match: number): ScreenState {
  const { wanted, selected } = state;
  const last = Math.max(0, match - 1);
  const at = Math.min(last, Math.max(0, wanted.offset + selected + by));
  const offset = at < wanted.offset ? at : at >= wanted.offset + wanted.limit ? at - wanted.limit + 1 : wanted.offset;
  return { ...state, wanted: { ...wanted, offset }, selected: at - offset };
}

function listed(state: ScreenState, list: Wanted['list'], backend: string): ScreenState {
  const { wanted } = state;
  const next = {
    ...wanted,
    list,
    backend,
    filter: list === wanted.list ? wanted.filter : '',
    sort: 'worst',
    offset: 0,
  };
  return { wanted: next, selected: 0, back: list === 'servers' ? wanted : null };
}

function sortedBeside(state: ScreenState, step: number): ScreenState {
  const { wanted } = state;
  const names = ['worst', ...sortable(wanted.list)];
  const isDown = wanted.sort.startsWith('-');
  const at = names.indexOf(isDown ? wanted.sort.slice(1) : wanted.sort);
  const name = names[(at + step + names.length) % names.length];
  // What is most comes first, and texts by their letters.
  const sort = /^(?:worst|name|state|backend|rules|url)$/.test(name) ? name : `-${name}`;
  return { ...state, wanted: { ...wanted, sort, offset: 0 }, selected: 0 };
}

function reversed(state: ScreenState): ScreenState {
  const { sort } = state.wanted;
  if (sort === 'worst') return state;
  return {
    ...state,
    wanted: { ...state.wanted, sort: sort.startsWith('-') ? sort.slice(1) : `-${sort}`, offset: 0 },
    selected: 0,
  };
}

/** `key`: what the terminal sent. null: the end. */
export function afterKey(state: ScreenState, key: string, data: TopData | null): ScreenState | null {
  const match = data?.match ?? 0;
  switch (key) {
    case 'q':
    case '\x03':
    case '\x04':
      return null;
    case 'b':
      return listed(state, 'backends', '');
    case 'f':
      return listed(state, 'frontends', '');
    case '\r':
    case '\n': {
      const row = data?.rows[state.selected];
      if (row === undefined || state.wanted.list === 'servers') return state;
      return listed(state, 'servers', String(state.wanted.list === 'frontends' ? row.backend : row.name));
    }
    case '\x1b':
      return state.back === null ? state : { wanted: state.back, selected: 0, back: null };
    case '\x1b[A':
    case 'k':
      return moved(state, -1, match);
    case '\x1b[B':
    case 'j':
      return moved(state, 1, match);
    case '\x1b[5~':
      return moved(state, -state.wanted.limit, match);
    case '\x1b[6~':
      return moved(state, state.wanted.limit, match);
    case '\x1b[C':
      return sortedBeside(state, 1);
    case '\x1b[D':
      return sortedBeside(state, -1);
    case 'r':
      return reversed(state);
    default:
      return state;
  }
}

/** `trouble`: why there is nothing new, '' when there is. */
export function frame(
  { wanted, selected }: ScreenState,
  data: TopData | null,
  trouble: string,
  size: { readonly columns: number; readonly rows: number },
  hasColours: boolean,
): string {
  const { columns: width, rows: height } = size;
  const styled = (style: string, line: string): string =>
    hasColours && style !== '' ? `${style}${line}${PLAIN}` : line;
  const lines = data === null ? ['tsuji top', '', ''] : aboveText(data, wanted, width);
  if (trouble !== '') lines[1] = styled('\x1b[31m', fitted(trouble, width).trimEnd());
  lines.push('', styled(DIM, headText(wanted, width)));
  for (const [index, row] of (data?.rows ?? []).slice(0, rowsOf(height)).entries()) {
    const line = rowText(wanted.list, row, width);
    if (index === selected)
      lines.push(hasColours ? styled(INVERSE, fitted(line, width)) : fitted(`>${line.slice(1)}`, width).trimEnd());
    else lines.push(styled(STATE_COLOURS[String(row.state)] ?? '', line));
  }
  const filled = [...lines, ...Array<string>(Math.max(0, height - 1 - lines.length)).fill('')].slice(0, height - 1);
  return [...filled, styled(DIM, fitted(KEYS, width).trimEnd())].map((line) => `${line}\x1b[K`).join('\r\n');
}
