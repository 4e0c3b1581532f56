/**
 * Settings that stand in the store of the routes: read once at start, above all others (shared/spec kv-schema §12). None
 * of them can keep tsuji from starting: what cannot be used is left out and said of its key.
 */
import { reasonOf, TsujiError } from '../kernel/errors.ts';
import { fillSettings } from './fill-settings.ts';
import type { Given } from './given.ts';
import type { Settings } from './settings.ts';
import { NANOSECONDS, readSettingsTree, type SettingsTree } from './settings-tree.ts';

/** Settings on their way to be put together. */
export type Layer = { readonly given: Given; readonly warnings: Set<string>; readonly configFile: string };

export type StoredSettings = {
  readonly settings: Settings;
  /** Key, relative to the prefix → why it is not in force. */
  readonly problems: ReadonlyMap<string, string>;
};

/** First parts of keys that are settings, in lower case. Everything else in a store is something else. */
export const STORED_SECTIONS: ReadonlySet<string> = new Set(
  [
    'accesslog accesslogsfile acme allowminweightzero api checknewversion constraints debug defaultentrypoints',
    'entrypoints etcd forwardingtimeouts gracetimeout healthcheck hostresolver idletimeout insecureskipverify',
    'keeptrailingslash lifecycle loglevel maxidleconnsperhost metrics ping providersthrottleduration',
    'respondingtimeouts rest retry rootcas sendanonymoususage traefiklog traefiklogsfile upstream web workers',
  ]
    .join(' ')
    .split(' '),
);

/** Is it a setting of tsuji itself? Empty values and directories mean nothing, as in the original. */
export function isStoredSetting(key: string, value: string): boolean {
  return value !== '' && !key.endsWith('/') && STORED_SECTIONS.has(key.split('/', 1)[0].toLowerCase());
}

/** Something that can be put on top by itself, and is left out by itself when it cannot be used. */
type Piece = {
  readonly key: string;
  readonly put: (given: Given) => void;
  /** Of an entrypoint: it is not listened on at all then. What is below may lack what the key was to guard it with. */
  readonly drop: (given: Given) => void;
  readonly later: boolean;
};

/** They guard the admin pages and hold together only: without them the pages are not served. */
const WEB_GUARDS = new Set(
  'web.certfile web.keyfile api.entrypoint ping.entrypoint metrics.prometheus.entrypoint'.split(' '),
);
const WEB_AUTH = /^web\/auth\//i;

function nothing(): void {}

function dropWeb(given: Given): void {
  given.dropWeb();
}

function webGuards(settings: SettingsTree['settings']): Piece[] {
  if (settings.length === 0) return [];
  const put = (given: Given): void => {
    for (const setting of settings) given.put(setting);
  };
  return [{ key: settings[0].path, put, drop: dropWeb, later: false }];
}

function piecesOf({ settings, entryPoints }: SettingsTree): Piece[] {
  const { true: guards = [], false: others = [] } = Object.groupBy(settings, ({ name }) =>
    WEB_GUARDS.has(name) ? 'true' : 'false',
  );
  return [
    ...entryPoints.map(({ path, written }) => ({
      key: path,
      put: (given: Given): void => given.putEntryPoint(written),
      drop: (given: Given): void => given.dropEntryPoint(written.name),
      later: false,
    })),
    ...webGuards(guards),
    ...others.map((setting) => ({
      key: setting.path,
      put: (given: Given): void => given.put(setting),
      drop: nothing,
      later: setting.row.support === 'later',
    })),
  ];
}

/** The message without what the command line calls it. */
function plainReason(error: TsujiError): string {
  return reasonOf(error).replace(/^--[\w.]+: ("(?:[^"\\]|\\.)*": )?/, '');
}

class Stack {
  readonly reasons = new Map<Piece, string>();
  private readonly layer: () => Layer;
  private taken: readonly Piece[] = [];

  constructor(layer: () => Layer) {
    this.layer = layer;
  }

  /** @throws TsujiError BAD_ENTRY_POINT when nothing is left to listen on */
  fill(pieces: readonly Piece[] = this.taken, dropped: Iterable<Piece> = this.reasons.keys()): Settings {
    const { given, warnings } = this.layer();
    for (const piece of pieces) piece.put(given);
    for (const piece of dropped) piece.drop(given);
    return fillSettings(given, warnings);
  }

  /** Takes all that can be used together; `reasons` has the others. */
  take(pieces: readonly Piece[]): void {
    if (this.tryTaking(pieces) === null) return;
    // One may need another, such as a redirect its target: those that fail are tried again when others were taken.
    let waiting = pieces;
    for (let before = -1; before !== waiting.length; ) {
      before = waiting.length;
      waiting = waiting.filter((piece) => {
        const reason = this.tryTaking([piece]);
        if (reason === null) this.reasons.delete(piece);
        else this.reasons.set(piece, reason);
        return reason !== null;
      });
    }
  }

  /** Why they cannot be, null when they were. */
  private tryTaking(pieces: readonly Piece[]): string | null {
    try {
      const all = [...this.taken, ...pieces];
      this.fill(all, []);
      this.taken = all;
      return null;
    } catch (error) {
      if (!(error instanceof TsujiError)) throw error;
      return plainReason(error);
    }
  }
}

/**
 * @param layer what is below, anew for each call
 * @param keys all of a store, relative to the prefix
 * @throws TsujiError BAD_ENTRY_POINT when nothing is left to listen on
 */
export function withStored(layer: () => Layer, keys: ReadonlyMap<string, string>): StoredSettings {
  const own = new Map([...keys].filter(([key, value]) => isStoredSetting(key, value)));
  const tree = readSettingsTree(own, NANOSECONDS);
  const problems = new Map(tree.problems);
  const pieces = piecesOf(tree);
  const stack = new Stack(layer);
  stack.take(pieces);
  for (const key of tree.problems.keys()) {
    if (!WEB_AUTH.test(key)) continue;
    const reason = 'not supported yet, and it would not be safe to serve the admin pages without it';
    stack.reasons.set({ key, put: nothing, drop: dropWeb, later: false }, reason);
  }
  for (const { key, later } of pieces) if (later) problems.set(key, 'not supported yet');
  for (const [{ key }, reason] of stack.reasons) problems.set(key, reason);
  return { settings: stack.fill(), problems };
}
