/** What the page knows, who is told when it changes, and how more is asked for. Only windows are held, never the configuration. */
import { useEffect, useRef, useState } from './preact.js';

/** The API beside the dashboard, below whatever prefix that is served. */
export const API = '../api/ui/';

const listeners = new Set();

export const state = {
  place: { screen: 'overview', names: [], params: {} },
  /** The last `overview`, and when it was heard (performance.now()). */
  overview: null,
  findings: null,
  /** Newest first, those heard since the page was opened. */
  events: [],
  /** Milliseconds since the last message; null before the first. */
  age: null,
  ticks: 0,
  /** `connecting`, `live`, `late`, or `lost`. */
  contact: 'connecting',
  /** When the last message came and when the next try is, ms of Unix. */
  heardAt: 0,
  retryAt: 0,
  /** Who this is: node, version, prefix, entrypoints. */
  about: null,
  /** Chosen, '' for that of the system; and what is shown. */
  theme: '',
  shownTheme: '',
  density: 'compact',
  clock: 'utc',
  palette: false,
  keys: false,
  printing: false,
};

/** Changes what is known and tells who listens. */
export function set(changes) {
  Object.assign(state, changes);
  for (const listener of listeners) listener();
}

/** What `select` gives, anew whenever that changes. */
export function useStore(select) {
  const [, redraw] = useState(0);
  const shown = useRef();
  shown.current = select(state);
  useEffect(() => {
    const listener = () => {
      if (select(state) !== shown.current) redraw((n) => n + 1);
    };
    listeners.add(listener);
    listener();
    return () => listeners.delete(listener);
  }, []);
  return shown.current;
}

const STORED = ['theme', 'density', 'clock'];

/** A choice of this browser. Without storage it holds as long as the page. */
export function choose(name, value) {
  set({ [name]: value });
  try {
    localStorage.setItem(`tsuji.${name}`, value);
  } catch {
    // Storage is forbidden: nothing is kept.
  }
}

export function readChoices() {
  try {
    for (const name of STORED) {
      const value = localStorage.getItem(`tsuji.${name}`);
      if (value !== null) state[name] = value;
    }
  } catch {
    // As above.
  }
}

/** `{"error": …}`, or a line of text. */
function reasonIn(text) {
  try {
    return String(JSON.parse(text).error);
  } catch {
    return text.slice(0, 300);
  }
}

/**
 * Throws with what the server says. `known`: an object of whoever keeps the answer, which remembers what it is of: what has
 * not changed since is not sent again, and `null` is given. `body`: it is asked by POST, for what no address may have.
 */
export async function ask(path, signal, known = {}, body = undefined) {
  const response = await fetch(API + path, {
    method: body === undefined ? 'GET' : 'POST',
    body,
    cache: 'no-store',
    signal,
    headers: known.path === path ? { 'If-None-Match': known.etag } : {},
  });
  if (response.status === 304) return null;
  if (!response.ok) {
    const error = new Error(reasonIn((await response.text()).trim()) || `status ${response.status}`);
    error.status = response.status;
    throw error;
  }
  const etag = response.headers.get('etag');
  if (etag !== null) Object.assign(known, { path, etag });
  return response.json();
}

/**
 * What a path answers, asked again every `every` ms while the page is seen and has contact; 0: once. The last answer stays
 * until the path is another. Gives `{ data, error, path }`; `path`: that `data` is of. `body`: as for `ask`; another one has
 * another path.
 */
export function useAnswer(path, every = 0, again = 0, body = undefined) {
  const [answer, setAnswer] = useState({ data: null, error: null, path: '' });
  const kept = useRef(answer);
  kept.current = answer;
  useEffect(() => {
    if (path === '') return undefined;
    const abort = new AbortController();
    const known = {};
    let timer = 0;
    const turn = async () => {
      try {
        if (!document.hidden || kept.current.path !== path) {
          const data = await ask(path, abort.signal, known, body);
          if (data !== null) setAnswer({ data, error: null, path });
          else if (kept.current.error !== null) setAnswer({ ...kept.current, error: null });
        }
      } catch (error) {
        if (abort.signal.aborted) return;
        // Without contact the figures stay and the bar says so; what the server itself refuses is told in their place.
        if (error.status !== undefined) setAnswer({ data: null, error: error.message, path });
      }
      if (every > 0 && !abort.signal.aborted) timer = setTimeout(turn, every);
    };
    turn();
    return () => {
      abort.abort();
      clearTimeout(timer);
    };
  }, [path, every, again]);
  return answer;
}

/** The rows of a list as objects. */
export function objects({ cols, rows }) {
  return rows.map((row) => Object.fromEntries(cols.map((name, at) => [name, row[at]])));
}
