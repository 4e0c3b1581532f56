/** The settings of the access log (shared/spec cli-api §2.5, logs §1.3, §2.5–§2.7). */
import type {
  AccessLogFilters,
  AccessLogFormat,
  AccessLogNames,
  AccessLogOptions,
  FieldMode,
  HeaderMode,
  Modes,
  SyslogTarget,
} from '../kernel/access-log-options.ts';
import { TsujiError } from '../kernel/errors.ts';
import { quoted } from '../kernel/quote.ts';
import type { Given } from './given.ts';
import type { Warn } from './setting-warning.ts';

const SECTION = 'accessLog';
const FORMATS: readonly AccessLogFormat[] = ['common', 'genericCLF', 'extended', 'json'];
const FIELD_MODES: readonly FieldMode[] = ['keep', 'drop'];
const HEADER_MODES: readonly HeaderMode[] = ['keep', 'drop', 'redact'];
/** Of one worker, where nobody says how many. */
const MOST_LINES = 8_192;
const LONGEST_BUFFER = 1_000_000;
/** RFC 5424 §6.2.1, by their numbers. */
const FACILITIES = [
  ...['kern', 'user', 'mail', 'daemon', 'auth', 'syslog', 'lpr', 'news', 'uucp', 'cron', 'authpriv', 'ftp'],
  ...['ntp', 'audit', 'alert', 'clock'],
  ...Array.from({ length: 8 }, (_, local) => `local${local}`),
];
const SYSLOG_PORTS = { udp: 514, tcp: 601 } as const;
const SYSLOG_URL = /^(udp|tcp):\/\/(\[[0-9a-fA-F:.]+\]|[^:/[\]]+)(?::(\d{1,5}))?\/?$/;
const STATUS = /^\s*(\d{1,3})\s*(?:-\s*(\d{1,3})\s*)?$/;
const NUMBER = /^(?:\d+(?:\.\d*)?|\.\d+)$/;

function bad(flag: string, reason: string): TsujiError {
  return new TsujiError('BAD_SETTING', `--${SECTION}.${flag}: ${reason}`);
}

function oneOf<Value extends string>(given: Given, flag: string, values: readonly Value[]): Value {
  const text = given.text(`${SECTION}.${flag}`);
  const found = values.find((value) => value.toLowerCase() === text.toLowerCase());
  if (found === undefined) throw bad(flag, `${quoted(text)} is none of ${values.join(', ')}`);
  return found;
}

/** A bad item voids all of it, as in Traefik; that is told. */
function fillStatuses(given: Given, warn: Warn): (readonly [number, number])[] {
  const flag = `${SECTION}.filters.statusCodes`;
  const items = given
    .list(flag)
    .flatMap((item) => item.split(';'))
    .filter((item) => item.trim() !== '');
  const ranges: (readonly [number, number])[] = [];
  for (const item of items) {
    const [, low = '', high = low] = STATUS.exec(item) ?? [];
    if (low === '') {
      warn(flag, `${quoted(item)} is no status and no range like 300-302: no line is chosen by its status`);
      return [];
    }
    ranges.push([Number(low), Number(high)]);
  }
  return ranges;
}

function fillFilters(given: Given, warn: Warn): AccessLogFilters {
  return {
    statuses: fillStatuses(given, warn),
    retryAttempts: given.boolean(`${SECTION}.filters.retryAttempts`),
    minDurationMs: given.duration(`${SECTION}.filters.minDuration`),
  };
}

/** Of a name and of all others; an unknown mode is that of all others. */
function fillModes<Mode extends string>(
  given: Given,
  flag: string,
  modes: readonly Mode[],
  usual: Mode,
  spelled: (name: string) => string,
  warn: Warn,
): Modes<Mode> {
  const [defaultFlag, namesFlag] = [`${SECTION}.${flag}.defaultMode`, `${SECTION}.${flag}.names`];
  const modeOf = (text: string, setting: string, what: string, otherwise: Mode): Mode => {
    const mode = modes.find((each) => each === text.toLowerCase());
    if (mode === undefined) warn(setting, `${quoted(text)}${what} is none of ${modes.join(', ')}`);
    return mode ?? otherwise;
  };
  const defaultMode = given.has(defaultFlag) ? modeOf(given.text(defaultFlag), defaultFlag, '', usual) : usual;
  const items = given
    .texts(namesFlag)
    .flatMap((text) => text.split(/[\s,]+/))
    .filter((item) => item !== '');
  const names = items.flatMap((item): (readonly [string, Mode])[] => {
    const equals = item.indexOf('=');
    if (equals < 1) {
      warn(namesFlag, `${quoted(item)} is not of the form Name=${modes.join('|')}`);
      return [];
    }
    const name = item.slice(0, equals);
    return [[spelled(name), modeOf(item.slice(equals + 1), namesFlag, ` for ${quoted(name)}`, defaultMode)]];
  });
  return { defaultMode, names };
}

function fillSyslog(given: Given): SyslogTarget | null {
  const text = given.text(`${SECTION}.syslog`);
  if (text === '') return null;
  const [, protocol, host = '', port = ''] = SYSLOG_URL.exec(text) ?? [];
  if (protocol !== 'udp' && protocol !== 'tcp') {
    throw bad('syslog', `${quoted(text)} is not of the form udp://HOST:514 or tcp://HOST:601`);
  }
  const number = port === '' ? SYSLOG_PORTS[protocol] : Number(port);
  if (number < 1 || number > 65_535) throw bad('syslog', `${quoted(port)} is no port`);
  if (given.text(`${SECTION}.filePath`) !== '')
    throw bad('syslog', `there is --${SECTION}.filePath as well: choose one`);
  const facility = given.text(`${SECTION}.syslog.facility`);
  const code = FACILITIES.indexOf(facility.toLowerCase());
  if (code < 0) throw bad('syslog.facility', `${quoted(facility)} is none of ${FACILITIES.join(', ')}`);
  return { protocol, host: host.replace(/^\[(.*)\]$/, '$1'), port: number, facility: code };
}

function fillSampling(given: Given): number {
  const text = given.text(`${SECTION}.sampling`);
  if (!NUMBER.test(text) || Number(text) > 1) throw bad('sampling', `${quoted(text)} is no number from 0 to 1`);
  return Number(text);
}

function fillBuffer(given: Given): number {
  const lines = given.integer(`${SECTION}.bufferingSize`);
  if (lines < 0 || lines > LONGEST_BUFFER) {
    throw bad('bufferingSize', `${lines} is not between 0 and ${LONGEST_BUFFER}`);
  }
  return lines === 0 ? MOST_LINES : lines;
}

function fillFile(given: Given): string {
  const own = given.text(`${SECTION}.filePath`);
  const path = own === '' ? given.text('accessLogsFile') : own;
  return path === '/dev/stdout' ? '' : path;
}

/** In 1.7 an unknown format is no access log, in 3 the common one. */
function fillFormat(given: Given, names: AccessLogNames, warn: Warn): AccessLogFormat | null {
  const text = given.text(`${SECTION}.format`);
  const format = FORMATS.find((known) => known.toLowerCase() === text.toLowerCase());
  if (format !== undefined) return format;
  const instead = names === '3' ? 'common is used' : 'there is no access log';
  warn(`${SECTION}.format`, `${quoted(text)} is none of ${FORMATS.join(', ')}: ${instead}`);
  return names === '3' ? 'common' : null;
}

/**
 * null: none is asked for.
 * @throws TsujiError for a value that means nothing
 */
export function fillAccessLog(given: Given, provider: string, warn: Warn): AccessLogOptions | null {
  if (!given.enabled(SECTION) && given.text('accessLogsFile') === '') return null;
  const names = oneOf<AccessLogNames>(given, 'names', ['1.7', '3']);
  const format = fillFormat(given, names, warn);
  if (format === null) return null;
  const lower = (name: string): string => name.toLowerCase();
  return {
    format,
    names,
    filePath: fillFile(given),
    syslog: fillSyslog(given),
    mostLines: fillBuffer(given),
    filters: fillFilters(given, warn),
    fields: fillModes(given, 'fields', FIELD_MODES, 'keep', (name) => name, warn),
    headers: fillModes(given, 'fields.headers', HEADER_MODES, names === '3' ? 'drop' : 'keep', lower, warn),
    queryParameters: oneOf(given, 'fields.queryParameters.defaultMode', FIELD_MODES),
    internals: given.boolean(`${SECTION}.addInternals`),
    extras: given.boolean(`${SECTION}.extras`),
    sampling: fillSampling(given),
    provider,
  };
}
