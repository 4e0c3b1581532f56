/**
 * The catalogue of what the log tells at its default level (shared/spec logs §3.3). The name is what an operator's
 * filters may rely on; the text may change. Whatever differs from case to case is in the fields.
 *
 * What is in order again is told at the level at which its trouble was, so that whoever reads one reads both.
 */

export type LineLevel = 'debug' | 'info' | 'warning' | 'error' | 'fatal';

export type LogEvent = {
  readonly name: string;
  readonly level: LineLevel;
  readonly text: string;
  /** About one object a line may come each so many milliseconds, 0: as often as it happens. */
  readonly perMs: number;
  /** Lines that may come at once before that holds. */
  readonly burst: number;
};

const SECOND = 1_000;
/** Of the token buckets of lines (shared/spec logs §3.4). */
const BURST = 5;

function event(name: string, level: LineLevel, text: string, perMs = 0, burst = BURST): LogEvent {
  return Object.freeze({ name, level, text, perMs, burst });
}

export const EVENTS = Object.freeze({
  start: event('start', 'info', 'tsuji starts'),
  listening: event('listening', 'info', 'Listening'),
  adminListening: event('admin_listening', 'info', 'Admin pages'),
  settingIgnored: event('setting_ignored', 'warning', 'A setting is not obeyed'),
  settingsStored: event('settings_stored', 'info', 'Settings in the store are above all others'),
  settingRefused: event('setting_refused', 'error', 'A setting cannot be used'),
  settingsMissing: event(
    'settings_missing',
    'error',
    'The settings in the store cannot be read: tsuji listens without them, and serves no route until then',
  ),
  settingsChanged: event('settings_changed', 'warning', 'The store has other settings: starting anew by them'),

  sourceLive: event('source_live', 'info', 'A source of keys is followed', SECOND),
  sourceLost: event('source_lost', 'warning', 'A source of keys cannot be followed', SECOND),
  sourceTrouble: event('source_trouble', 'warning', 'A source of keys is followed with difficulty', SECOND),
  sourceEasy: event('source_easy', 'warning', 'A source of keys is followed without difficulty again', SECOND),
  noKeys: event(
    'no_keys',
    'warning',
    'No key was found: nothing is routed. Is the prefix right, and may the user read it?',
    SECOND,
  ),
  keysFound: event('keys_found', 'warning', 'Keys were found', SECOND),
  configApplied: event('config_applied', 'info', 'Routes are in force'),
  configFailed: event('config_failed', 'error', 'A routing table could not be made: the one before stays', SECOND),
  problem: event('problem', 'warning', 'A key is not as it should be', SECOND / 20, 20),
  problems: event('problems', 'warning', 'More keys are not as they should be, or are in order again', SECOND),
  problemGone: event('problem_gone', 'info', 'A key is in order again or gone', SECOND / 20, 20),

  serverDown: event('server_down', 'warning', 'Health check failed: the server is down', 10 * SECOND),
  serverUp: event('server_up', 'warning', 'Health check is good: the server is up again', 10 * SECOND),
  serverEjected: event('server_ejected', 'warning', 'Server ejected', 10 * SECOND),
  serverReturned: event('server_returned', 'warning', 'Server serves again after its ejection', 10 * SECOND),
  serverUnreachable: event('server_unreachable', 'warning', 'A server cannot be reached', SECOND, 1),
  failoverOn: event('failover_on', 'warning', 'Another backend stands in for one', SECOND),
  failoverOff: event('failover_off', 'warning', 'A backend serves by itself again', SECOND),
  breakerTripped: event('breaker_tripped', 'warning', 'Circuit breaker tripped', SECOND),

  certificateTrouble: event('certificate_trouble', 'warning', 'A certificate is not as it should be', SECOND),
  certificateGood: event('certificate_good', 'warning', 'A certificate is in order again', SECOND),
  ticketKeysAlone: event('ticket_keys_alone', 'warning', 'TLS session ticket keys are not shared', SECOND),
  ticketKeysShared: event('ticket_keys_shared', 'warning', 'TLS session ticket keys are shared again', SECOND),
  nodes: event('nodes', 'info', 'Live nodes are counted: limits are divided among them', SECOND),
  nodesLost: event('nodes_lost', 'warning', 'Live nodes cannot be counted: limits stay divided as they are', SECOND),
  nodesBack: event('nodes_back', 'warning', 'Live nodes are counted again', SECOND),
  keySetLost: event('key_set_lost', 'warning', 'The keys of tokens cannot be fetched: those from before stay', SECOND),
  keySetLive: event('key_set_live', 'warning', 'The keys of tokens are fetched again', SECOND),

  workerFailed: event('worker_failed', 'error', 'worker failed', SECOND),
  workerReplaced: event('worker_replaced', 'error', 'A worker has ended and is replaced', SECOND),
  workerBack: event('worker_back', 'error', 'A worker serves in the place of one that has ended', SECOND),
  /** Fields: worker, lag_ms. */
  workerSlow: event('worker_slow', 'warning', 'A worker does not answer', 60 * SECOND, 1),
  /** Fields: limit (a flag, or what is counted), object, value, refused. The object is the limit with what has reached it. */
  limitReached: event(
    'limit_reached',
    'warning',
    'A limit is reached: what goes beyond it is refused or ended',
    60 * SECOND,
    1,
  ),

  upgradeRefused: event(
    'upgrade_refused',
    'warning',
    'An upgrade is refused that uWebSockets cannot make: with Engine:tsuji the entrypoint makes any',
    60 * SECOND,
    1,
  ),

  signalIgnored: event('signal_ignored', 'warning', 'Nothing is there to be done for this signal', SECOND),
  ownError: event('own_error', 'error', 'An error inside tsuji: what it was about ends, all else goes on', SECOND),

  notifyFailed: event('notify_failed', 'warning', 'The service manager cannot be told how tsuji is', 60 * SECOND, 1),
  drainBegin: event('drain_begin', 'info', 'Stopping'),
  drainStep: event('drain_step', 'info', 'Waiting for running requests'),
  drainEnd: event('drain_end', 'info', 'All requests have ended'),
  stop: event('stop', 'info', 'Stopped'),
  logReopened: event('log_reopened', 'info', 'A log file was made anew under its name', SECOND),
  logReopenFailed: event(
    'log_reopen_failed',
    'error',
    'A log file cannot be made anew: the old one is written on',
    SECOND,
  ),
  libraryWarning: event('library_warning', 'warning', 'A library or Node warns', SECOND),
  linesHeld: event('lines_held', 'warning', 'Lines were held back: there are too many'),
});
