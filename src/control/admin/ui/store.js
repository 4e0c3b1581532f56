/** What the page knows, who is told when it changes, and how more is asked for. Only windows are held, never the configuration. */
import { samePlace } from './place.js';
import { useEffect, useLayoutEffect, useRef, useState } from './preact.js';

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

/** The address takes on the place with these parameters, instead of what it was: back leaves the screen. */
export function replaceAddress(changes = {}) {
  history.replaceState(null, '', samePlace(state.place, changes));
  dispatchEvent(new HashChangeEvent('hashchange'));
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

/** No answer comes so late, ms: a connection that has been lost on the way says nothing. */
const LATEST = 15_000;

/**
 * Something that is asked again `every` ms after its last answer while the page is seen; 0: only when it is told to. One is under way at a
 * time, and whoever calls `now` meanwhile has the next one follow at once. `turn(signal)`; `refused(error)`: the server itself says
 * no. Without contact nothing happens: what is there stays, and the bar says so.
 */
export function repeated(turn, every, refused = () => {}) {
  let abort = null;
  let timer = 0;
  let isWanted = false;
  let isOver = false;
  const go = async () => {
    abort = new AbortController();
    const late = setTimeout(() => abort.abort(), LATEST);
    try {
      await turn(abort.signal);
    } catch (error) {
      if (!isOver && error.status !== undefined) refused(error);
    }
    clearTimeout(late);
    abort = null;
    if (isOver) return;
    if (isWanted) now();
    else if (every > 0) timer = setTimeout(again, every);
  };
  const again = () => {
    if (document.hidden) timer = setTimeout(again, every);
    else go();
  };
  const now = (wait = 0) => {
    isWanted = abort !== null;
    if (isWanted) return;
    clearTimeout(timer);
    if (wait > 0) timer = setTimeout(go, wait);
    else go();
  };
  const stop = () => {
    isOver = true;
    abort?.abort();
    clearTimeout(timer);
  };
  return { now, stop };
}

/**
 * What a path answers, asked again every `every` ms, 0: once, and when `again` changes. The last answer stays until another has come.
 * `body`: as for `ask`; another one has another path. `wait`: ms before the first. Gives `{ data, error, path }`; `path`: that `data` is
 * of. Of a path that changes faster than answers come the newest is asked for, in time for the next drawing.
 */
export function useAnswer(path, every = 0, again = 0, body = undefined, wait = 0) {
  const [answer, setAnswer] = useState({ data: null, error: null, path: '' });
  const wanted = useRef();
  wanted.current = { path, body };
  const asking = useRef(null);
  useLayoutEffect(() => {
    const known = {};
    const turn = async (signal) => {
      const { path: asked, body: sent } = wanted.current;
      if (asked === '') return;
      const data = await ask(asked, signal, known, sent);
      // What has not changed is drawn anew as well: ages go on.
      setAnswer((before) => ({ data: data ?? before.data, error: null, path: asked }));
    };
    asking.current = repeated(turn, every, ({ message }) => {
      known.path = undefined;
      setAnswer({ data: null, error: message, path: wanted.current.path });
    });
    return asking.current.stop;
  }, [every]);
  useLayoutEffect(() => {
    if (path !== '') asking.current.now(wait);
  }, [path, every, again]);
  return answer;
}

/** Of the names in sight, by name. `kind`: frontends, backends, servers. Rows that fly past are not asked for. */
export function useSparks(kind, names) {
  const wanted = names.slice(0, 200).map(encodeURIComponent).join(',');
  return useAnswer(wanted === '' ? '' : `spark/${kind}?names=${wanted}`, 10_000, 0, undefined, 100).data?.rows ?? NONE;
}

const NONE = {};

/** The rows of a list as objects. */
export function objects({ cols, rows }) {
  return rows.map((row) => Object.fromEntries(cols.map((name, at) => [name, row[at]])));
}
