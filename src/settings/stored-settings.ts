/**
 * Settings that stand in the store of the routes: read once at start, above all others (shared/spec kv-schema §12). What
 * cannot be used is left out and said of its key, and what is below stays; an entrypoint that it was to guard is not
 * listened on.
 */
import { reasonOf, TsujiError } from '../kernel/errors.ts';
import { quoted } from '../kernel/quote.ts';
import { EntryPointError, type EntryPointText } from './entrypoint-text.ts';
import { isGuarded } from './entrypoints.ts';
import { fillSettings } from './fill-settings.ts';
import type { Given } from './given.ts';
import type { Warnings } from './setting-warning.ts';
import type { Settings } from './settings.ts';
import { NANOSECONDS, readSettingsTree, type SettingsTree } from './settings-tree.ts';

/** Settings on their way to be put together. */
export type Layer = { readonly given: Given; readonly warnings: Warnings; readonly configFile: string };

export type StoredSettings = {
  readonly settings: Settings;
  /** What they were put together from. */
  readonly given: Given;
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

type Filled = Pick<StoredSettings, 'settings' | 'given'>;

/** Throws a TsujiError when settings name something that cannot be used, such as a file that is not there. */
export type CheckSettings = (settings: Settings) => void;

export type WithStored = (keys: ReadonlyMap<string, string>, check: CheckSettings) => StoredSettings;

/** Something that can be put on top by itself, and is left out by itself when it cannot be used. */
type Piece = {
  readonly key: string;
  readonly put: (given: Given) => void;
  /** When it is left out, what is below may lack what the key was to guard it with: then that is left out as well. */
  readonly drop: (given: Given) => void;
  readonly later: boolean;
  readonly entryPoint: EntryPointText | null;
};

/** They guard the admin pages and hold together only: without them the pages are not served. */
const WEB_GUARDS = new Set(
  'web.certfile web.keyfile api.entrypoint ping.entrypoint metrics.prometheus.entrypoint'.split(' '),
);
const WEB_AUTH = /^web\/auth\//i;
const REASONS_TOLD = 3;

function nothing(): void {}

function dropWeb(given: Given): void {
  given.dropWeb();
}

function webGuards(settings: SettingsTree['settings']): Piece[] {
  if (settings.length === 0) return [];
  const put = (given: Given): void => {
    for (const setting of settings) given.put(setting, 'store');
  };
  return [{ key: settings[0].path, put, drop: dropWeb, later: false, entryPoint: null }];
}

function piecesOf({ settings, entryPoints }: SettingsTree): Piece[] {
  const { true: guards = [], false: others = [] } = Object.groupBy(settings, ({ name }) =>
    WEB_GUARDS.has(name) ? 'true' : 'false',
  );
  return [
    ...entryPoints.map(({ path, written }) => ({
      key: path,
      put: (given: Given): void => given.putEntryPoint(written, 'store'),
      drop: isGuarded(written) ? (given: Given): void => given.dropEntryPoint(written.name) : nothing,
      later: false,
      entryPoint: written,
    })),
    ...webGuards(guards),
    ...others.map((setting) => ({
      key: setting.path,
      put: (given: Given): void => given.put(setting, 'store'),
      drop: nothing,
      later: setting.row.support === 'later',
      entryPoint: null,
    })),
  ];
}

/** The message without what the command line calls it. */
function plainReason(error: TsujiError): string {
  return reasonOf(error).replace(/^--[\w.]+: ("(?:[^"\\]|\\.)*": )?/, '');
}

class Stack {
  readonly errors = new Map<Piece, TsujiError>();
  /** Entrypoints that are given up because they lead to one that is. */
  private readonly lost = new Map<string, string>();
  private readonly layer: () => Layer;
  private readonly check: CheckSettings;
  private taken: readonly Piece[] = [];

  constructor(layer: () => Layer, check: CheckSettings) {
    this.layer = layer;
    this.check = check;
  }

  /** Takes all that can be used together; `errors` has the others. */
  take(pieces: readonly Piece[]): void {
    if (this.tryTaking(pieces) === null) return;
    // One may need another, such as a redirect its target: those that fail are tried again when others were taken.
    let waiting = pieces;
    for (let before = -1; before !== waiting.length; ) {
      before = waiting.length;
      waiting = waiting.filter((piece) => {
        const error = this.tryTaking([piece]);
        if (error === null) this.errors.delete(piece);
        else this.errors.set(piece, error);
        return error !== null;
      });
    }
  }

  /** @throws TsujiError when nothing is left to listen on */
  fill(): Filled {
    for (;;) {
      try {
        return this.tryFilling(this.taken, this.errors.keys());
      } catch (error) {
        if (!(error instanceof EntryPointError) || error.entryPoint === '' || this.lost.has(error.entryPoint))
          throw error;
        this.lost.set(error.entryPoint, plainReason(error));
      }
    }
  }

  private tryFilling(pieces: readonly Piece[], dropped: Iterable<Piece>): Filled {
    const { given, warnings } = this.layer();
    for (const piece of pieces) piece.put(given);
    for (const piece of dropped) piece.drop(given);
    for (const [name, reason] of this.lost) {
      given.dropEntryPoint(name);
      const setting = `entryPoints.${name}`;
      warnings.add(setting, given.originOf(setting), `it is not listened on: ${reason}`, true);
    }
    const settings = fillSettings(given, warnings);
    this.check(settings);
    return { settings, given };
  }

  /** Why they cannot be, null when they were. */
  private tryTaking(pieces: readonly Piece[]): TsujiError | null {
    try {
      const all = [...this.taken, ...pieces];
      this.tryFilling(all, []);
      this.taken = all;
      return null;
    } catch (error) {
      if (!(error instanceof TsujiError)) throw error;
      return error;
    }
  }
}

/** Says of each key of a piece why it is not in force. */
function tell(piece: Piece, error: TsujiError, problems: Map<string, string>): void {
  const reason = plainReason(error);
  const { key, entryPoint } = piece;
  if (entryPoint === null) {
    problems.set(key, reason);
    return;
  }
  const result = isGuarded(entryPoint) ? 'the entrypoint is not listened on' : 'the entrypoint is as without its keys';
  const culprit = error instanceof EntryPointError ? (entryPoint.paths.get(error.option) ?? key) : key;
  problems.set(key, `${result}: ${reason}`);
  problems.set(culprit, `${reason}; ${result}`);
}

/**
 * @param layer what is below, anew for each call
 * @param keys all of a store, relative to the prefix
 * @throws TsujiError when nothing is left to listen on, with the keys that are at fault
 */
export function withStored(
  layer: () => Layer,
  keys: ReadonlyMap<string, string>,
  check: CheckSettings,
): StoredSettings {
  const own = new Map([...keys].filter(([key, value]) => isStoredSetting(key, value)));
  const tree = readSettingsTree(own, NANOSECONDS);
  const problems = new Map(tree.problems);
  const auth = [...problems.keys()].filter((key) => WEB_AUTH.test(key));
  for (const key of auth) {
    problems.set(key, 'not supported yet, and it would not be safe to serve the admin pages without it');
  }
  const pieces = piecesOf(tree);
  const stack = new Stack(() => {
    const below = layer();
    if (auth.length > 0) below.given.dropWeb();
    return below;
  }, check);
  stack.take(pieces);
  for (const { key, later } of pieces) if (later) problems.set(key, 'not supported yet');
  for (const [piece, error] of stack.errors) tell(piece, error, problems);
  try {
    return { ...stack.fill(), problems };
  } catch (error) {
    if (!(error instanceof TsujiError)) throw error;
    const reasons = [...problems].map(([key, reason]) => `${quoted(key)} in the store: ${reason}`);
    const told = reasons.slice(0, REASONS_TOLD).concat(reasons.length > REASONS_TOLD ? ['…'] : []);
    throw new TsujiError(error.code, [reasonOf(error), ...told].join('; '));
  }
}
