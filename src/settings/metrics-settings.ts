/** What `--metrics.prometheus.*` asks for (shared/spec logs §4.1), and its older names. */
import { TsujiError } from '../kernel/errors.ts';
import type { MetricsNames, MetricsOptions } from '../kernel/metrics-options.ts';
import { quoted } from '../kernel/quote.ts';
import type { Given } from './given.ts';

/** As many as a metrics lane has room for. */
const MAX_BUCKETS = 32;
/** Those of Traefik 1.7; and ours, which have them all, so that queries with `le` keep working. */
const BUCKETS_17 = [0.1, 0.3, 1.2, 5];
const BUCKETS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.3, 0.6, 1.2, 2.5, 5, 10];
const NAMES: readonly MetricsNames[] = ['3', '1.7', 'both'];
const HEADER_LABELS = 'metrics.prometheus.headerLabels.';
/** Each multiplies the series. */
const MAX_HEADER_LABELS = 8;
const LABEL = /^[a-z_][a-z0-9_]*$/;
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** What those series have without. */
const TAKEN = ['code', 'method', 'protocol', 'entrypoint', 'router', 'service', 'backend', 'le'];
const SUFFIX = /^(?:@?[\w.-]{1,64})?$/;
const MAX_SERVERS = 1_000_000;

function bad(flag: string, reason: string): TsujiError {
  return new TsujiError('BAD_SETTING', `--${flag}: ${reason}`);
}

function fillNames(given: Given): MetricsNames {
  const text = given.text('metrics.prometheus.names');
  const names = NAMES.find((name) => name === text);
  if (names === undefined) throw bad('metrics.prometheus.names', `${quoted(text)} is none of ${NAMES.join(', ')}`);
  return names;
}

function fillBuckets(given: Given, names: MetricsNames): readonly number[] {
  const older = given.has('web.metrics.prometheus.buckets') && !given.has('metrics.prometheus.buckets');
  const flag = older ? 'web.metrics.prometheus.buckets' : 'metrics.prometheus.buckets';
  if (!given.has(flag)) return names === '1.7' ? BUCKETS_17 : BUCKETS;
  const texts = given.list(flag).flatMap((item) => item.split(';'));
  const buckets = texts
    .map((text) => text.trim())
    .filter((text) => text !== '')
    .map((text) => {
      const seconds = Number(text);
      if (!Number.isFinite(seconds) || seconds <= 0) throw bad(flag, `${quoted(text)} is not a number above 0`);
      return seconds;
    });
  const ascending = [...new Set(buckets)].sort((one, other) => one - other);
  if (ascending.length === 0) throw bad(flag, 'it names no number');
  if (ascending.length > MAX_BUCKETS) throw bad(flag, `${ascending.length} buckets are more than ${MAX_BUCKETS}`);
  return ascending;
}

function fillHeaderLabels(given: Given): MetricsOptions['headerLabels'] {
  const below = HEADER_LABELS.toLowerCase();
  const flags = given.names().filter((name) => name.toLowerCase().startsWith(below));
  if (flags.length > MAX_HEADER_LABELS) {
    throw bad(`${HEADER_LABELS}*`, `${flags.length} labels are more than ${MAX_HEADER_LABELS}`);
  }
  return flags.map((flag) => {
    const label = flag.slice(below.length);
    const header = given.text(flag).trim().toLowerCase();
    if (!LABEL.test(label) || TAKEN.includes(label)) throw bad(flag, `${quoted(label)} cannot be the name of a label`);
    if (!TOKEN.test(header)) throw bad(flag, `${quoted(header)} is no name of a header`);
    return { label, header };
  });
}

function fillSuffix(given: Given): string {
  const text = given.text('metrics.prometheus.providerSuffix').trim();
  if (!SUFFIX.test(text)) throw bad('metrics.prometheus.providerSuffix', `${quoted(text)} is no name, as etcd is one`);
  return text === '' || text.startsWith('@') ? text : `@${text}`;
}

/** @throws TsujiError BAD_SETTING */
export function fillMetrics(given: Given): MetricsOptions {
  const names = fillNames(given);
  const maxServers = given.integer('metrics.prometheus.maxServers');
  if (maxServers > MAX_SERVERS) throw bad('metrics.prometheus.maxServers', `${maxServers} is more than ${MAX_SERVERS}`);
  return {
    names,
    buckets: fillBuckets(given, names),
    entryPoints: given.boolean('metrics.prometheus.addEntryPointsLabels'),
    services: given.boolean('metrics.prometheus.addServicesLabels'),
    routers: given.boolean('metrics.prometheus.addRoutersLabels'),
    suffix: fillSuffix(given),
    headerLabels: fillHeaderLabels(given),
    maxServers,
  };
}
