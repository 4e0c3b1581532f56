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
  /**
   * Of what this tells the state: events of one name share their rate, and where lines are left out the last of them comes
   * as soon as it may, so that the log never ends with a state that is over. '' for what just happens.
   */
  readonly of: string;
  /** The field that says how often it has come since the last line. '' for none: then `suppressed` says how many lines were left out. */
  readonly counts: string;
};

const SECOND = 1_000;
/** Of the token buckets of lines (shared/spec logs §3.4). */
const BURST = 5;

function event(name: string, level: LineLevel, text: string, perMs = 0, burst = BURST): LogEvent {
  return Object.freeze({ name, level, text, perMs, burst, of: '', counts: '' });
}

function state(of: string, name: string, level: LineLevel, text: string, perMs = SECOND): LogEvent {
  return Object.freeze({ name, level, text, perMs, burst: BURST, of, counts: '' });
}

/** The first one at once, then the sum of what came since. */
function sum(counts: string, name: string, level: LineLevel, text: string, perMs: number): LogEvent {
  return Object.freeze({ name, level, text, perMs, burst: 1, of: name, counts });
}

export const EVENTS = Object.freeze({
  start: event('start', 'info', 'tsuji starts'),
  listening: event('listening', 'info', 'Listening'),
  listenFailed: event('listen_failed', 'error', 'An address cannot be listened on', 10 * SECOND, 1),
  /** Fields: limit (as it is), clients (for so many connections), needed. */
  fewOpenFiles: event(
    'few_open_files',
    'warning',
    'There are few file descriptors: raise the limit (ulimit -n, LimitNOFILE=)',
  ),
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

  sourceLive: state('source', 'source_live', 'info', 'A source of keys is followed', SECOND),
  sourceLost: state('source', 'source_lost', 'warning', 'A source of keys cannot be followed', SECOND),
  sourceTrouble: state(
    'source trouble',
    'source_trouble',
    'warning',
    'A source of keys is followed with difficulty',
    SECOND,
  ),
  sourceEasy: state(
    'source trouble',
    'source_easy',
    'warning',
    'A source of keys is followed without difficulty again',
    SECOND,
  ),
  configHeld: event('config_held', 'error', 'Too much would be gone at once: it stays until somebody confirms it'),
  configReleased: event('config_released', 'error', 'What was held is held no more'),
  heldLost: event('held_lost', 'error', 'What the guard held before the restart cannot be read: it is gone'),
  heldFailed: event(
    'held_failed',
    'warning',
    'What the guard holds cannot be written: a restart forgets it',
    60 * SECOND,
  ),
  snapshotUsed: event(
    'snapshot_used',
    'warning',
    'The store does not answer: the routes are those of a snapshot until it does',
  ),
  snapshotRefused: event('snapshot_refused', 'error', 'The snapshot of the keys cannot be used: starting without it'),
  snapshotFailed: state(
    'snapshot',
    'snapshot_failed',
    'warning',
    'The snapshot of the keys cannot be written: it is tried again',
    60 * SECOND,
  ),
  snapshotKept: state('snapshot', 'snapshot_kept', 'warning', 'The snapshot of the keys is written again', 60 * SECOND),
  usageLost: event('usage_lost', 'warning', 'What was known of unused frontends cannot be read: watching begins anew'),
  usageFailed: event('usage_failed', 'warning', 'The use of frontends cannot be written', 60 * SECOND),
  historyLost: event(
    'history_lost',
    'warning',
    'An earlier snapshot of the keys cannot be kept: the history of this node has a gap',
    60 * SECOND,
    1,
  ),
  noKeys: state(
    'keys',
    'no_keys',
    'warning',
    'No key was found: nothing is routed. Is the prefix right, and may the user read it?',
    SECOND,
  ),
  keysFound: state('keys', 'keys_found', 'warning', 'Keys were found', SECOND),
  configApplied: event('config_applied', 'info', 'Routes are in force'),
  /** Its text is completed by configurationReloaded. Field: address. */
  configurationReloaded: event('configuration_reloaded', 'info', 'Server configuration reloaded on'),
  configFailed: event('config_failed', 'error', 'A routing table could not be made: the one before stays', SECOND),
  mergeFailed: event(
    'merge_failed',
    'warning',
    'What has changed could not be made part of the routing table: it is kept beside it, and tried again',
    60 * SECOND,
    1,
  ),
  problem: event('problem', 'warning', 'A key is not as it should be', SECOND / 20, 20),
  problems: event('problems', 'warning', 'More keys are not as they should be, or are in order again', SECOND),
  problemGone: event('problem_gone', 'info', 'A key is in order again or gone', SECOND / 20, 20),

  serverAdded: event('server_added', 'info', 'A server is new', SECOND / 20, 20),
  serverRemoved: event('server_removed', 'info', 'A server is gone', SECOND / 20, 20),
  serverDraining: event('server_draining', 'info', 'A server gets no new requests', SECOND / 20, 20),
  serverSuspect: event(
    'server_suspect',
    'warning',
    'The lease of a server ran out: it is a last resort while it serves',
    SECOND / 20,
    20,
  ),
  serverTrusted: event('server_trusted', 'warning', 'A server that was suspect is registered again', SECOND / 20, 20),
  serverGivenUp: event('server_given_up', 'warning', 'A server that was suspect is kept no longer', SECOND / 20, 20),
  serverDown: state('server', 'server_down', 'warning', 'A server is down', 10 * SECOND),
  serverUp: state('server', 'server_up', 'warning', 'A server is up again', 10 * SECOND),
  serverEjected: state('ejection', 'server_ejected', 'warning', 'Server ejected', 10 * SECOND),
  serverReturned: state(
    'ejection',
    'server_returned',
    'warning',
    'Server serves again after its ejection',
    10 * SECOND,
  ),
  backendEmpty: state('backend', 'backend_empty', 'error', 'A backend has no server that can be used'),
  backendBack: state('backend', 'backend_back', 'error', 'A backend has servers again'),
  failoverOn: state('failover', 'failover_on', 'warning', 'Another backend stands in for one', SECOND),
  failoverOff: state('failover', 'failover_off', 'warning', 'A backend serves by itself again', SECOND),
  breakerTripped: state('breaker', 'breaker_tripped', 'warning', 'Circuit breaker tripped: all requests are refused'),
  breakerRecovering: state('breaker', 'breaker_recovering', 'warning', 'Circuit breaker lets some requests in'),
  breakerStandby: state('breaker', 'breaker_standby', 'warning', 'Circuit breaker lets all requests in again'),

  certificateLoaded: event('certificate_loaded', 'info', 'A certificate is served', SECOND / 20, 20),
  certificateExpiring: event('certificate_expiring', 'warning', 'A certificate ends soon, or has ended'),
  certificateFailed: state('certificate', 'certificate_failed', 'error', 'A certificate is not as it should be'),
  certificateGood: state('certificate', 'certificate_good', 'error', 'A certificate is in order again'),
  ocspFailed: state('certificate', 'ocsp_failed', 'warning', 'A certificate is served without a fresh OCSP response'),
  ticketKeysAlone: state(
    'ticket keys',
    'ticket_keys_alone',
    'warning',
    'TLS session ticket keys are not shared',
    SECOND,
  ),
  ticketKeysShared: state(
    'ticket keys',
    'ticket_keys_shared',
    'warning',
    'TLS session ticket keys are shared again',
    SECOND,
  ),
  nodes: event('nodes', 'info', 'Live nodes are counted: limits are divided among them', SECOND),
  nodesLost: state(
    'nodes',
    'nodes_lost',
    'warning',
    'Live nodes cannot be counted: limits stay divided as they are',
    SECOND,
  ),
  nodesBack: state('nodes', 'nodes_back', 'warning', 'Live nodes are counted again', SECOND),
  keySetLost: state(
    'key set',
    'key_set_lost',
    'warning',
    'The keys of tokens cannot be fetched: those from before stay',
    SECOND,
  ),
  keySetLive: state('key set', 'key_set_live', 'warning', 'The keys of tokens are fetched again', SECOND),

  workerFailed: event('worker_failed', 'error', 'worker failed', SECOND),
  workerReplaced: event('worker_replaced', 'error', 'A worker has ended and is replaced', SECOND),
  workerBack: event('worker_back', 'error', 'A worker serves in the place of one that has ended', SECOND),
  authUnreachable: state(
    'auth',
    'auth_unreachable',
    'warning',
    'An auth server does not say who may pass',
    60 * SECOND,
  ),
  authBack: state('auth', 'auth_back', 'warning', 'An auth server says again who may pass', 60 * SECOND),
  clockJump: event('clock_jump', 'warning', 'The clock of the system was set', 60 * SECOND, 1),
  /** The process is out of file descriptors, or the system of something else. */
  acceptFailed: event('accept_failed', 'warning', 'A connection cannot be accepted', 60 * SECOND, 1),
  spoolFailed: event('spool_failed', 'error', 'A body cannot be kept on disk', 60 * SECOND, 1),
  slowSockets: event(
    'slow_sockets',
    'warning',
    'The handles of this Node are not as they should be: its sockets are used, which is slower',
    60 * SECOND,
    1,
  ),
  healthcheckUnanswered: event('healthcheck_unanswered', 'warning', 'tsuji healthcheck gets no answer', 60 * SECOND, 1),
  /** Fields: worker, lag_ms. */
  workerSlow: event('worker_slow', 'warning', 'A worker does not answer', 60 * SECOND, 1),
  /** Fields: lag_ms. */
  workersStuck: event(
    'workers_stuck',
    'fatal',
    'No worker answers any more: tsuji aborts, so that it can be started anew',
  ),
  /** To be told by `tellLimit` (limit-log.ts). */
  limitReached: sum(
    'refused',
    'limit_reached',
    'warning',
    'A limit is reached: what goes beyond it is refused or ended',
    60 * SECOND,
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
  settingChanged: event('setting_changed', 'info', 'A setting has changed'),
  reloaded: event('reloaded', 'info', 'Files were read again'),
  reloadFailed: event('reload_failed', 'error', 'What was read again cannot be used: what was in force stays'),
  successorStarted: event('successor_started', 'info', 'A successor is started'),
  successorReady: event('successor_ready', 'info', 'The successor serves: this process lets go'),
  successorFailed: event('successor_failed', 'error', 'No successor takes over: this process serves on', SECOND),
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
  accessLogFailed: event('access_log_failed', 'error', 'The access log cannot be written', SECOND),
  /** Fields: path, count, reason. */
  accessLogLost: event('access_log_lost', 'warning', 'Lines of the access log were lost', SECOND),
  /** Fields: count, of those that wait, reason. None is lost yet. */
  spansWait: event('spans_wait', 'warning', 'Spans wait: they do not reach their collector', SECOND),
  /** Fields: count, of those since the last line, reason. */
  spansLost: event('spans_lost', 'warning', 'Spans do not reach their collector', SECOND),
  /** It has taken all that it was sent. */
  collectorWarns: event('collector_warns', 'warning', 'The collector of spans warns', 60 * SECOND),
  spansBack: event('spans_back', 'warning', 'Spans reach their collector again', SECOND),
  /** Of `tsuji register`. Fields: backend, server, url, weight, api, ttl_s. */
  registered: event('registered', 'info', 'A server is registered', SECOND),
  unregistered: event('unregistered', 'info', 'A server is registered no more', SECOND),
  registrationLost: event('registration_lost', 'warning', 'The registration cannot be kept', 10 * SECOND),
  registrationForeign: event(
    'registration_foreign',
    'warning',
    'A key of the registered server has got another value from somebody else, and is left alone',
    60 * SECOND,
  ),
  libraryWarning: event('library_warning', 'warning', 'A library or Node warns', SECOND),
  linesHeld: event('lines_held', 'warning', 'Lines were held back: there are too many'),
});

/** The line that scripts written for Traefik look for, word by word (shared/spec cli-api §8). */
export function configurationReloaded(address: string): LogEvent {
  return { ...EVENTS.configurationReloaded, text: `${EVENTS.configurationReloaded.text} ${address}` };
}
