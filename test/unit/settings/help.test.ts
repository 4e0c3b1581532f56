import assert from 'node:assert/strict';
import test from 'node:test';
import { COMMAND_ROWS } from '../../../src/settings/command-rows.ts';
import { problemOf, standsAlone } from '../../../src/settings/flag-values.ts';
import { commandHelp, helpText, shortHelp } from '../../../src/settings/help.ts';
import { parseFlags } from '../../../src/settings/parse-flags.ts';
import { rows } from '../../../src/settings/row.ts';
import { findRow, ROWS, SHORT_NAMES } from '../../../src/settings/rows.ts';

test('help names every flag once and fits 100 columns', () => {
  const lines = helpText().split('\n');
  for (const line of lines) assert.ok(line.length <= 100 && line === line.trimEnd(), line);
  for (const { name } of ROWS) {
    const mentions = lines.filter(
      (line) => line.startsWith(`  --${name}`) && !/[\w.*]/.test(line[name.length + 4] ?? ' '),
    );
    assert.equal(mentions.length, 1, name);
  }
});

test('the short help has every command, on one screen of a small terminal', () => {
  const lines = shortHelp().trimEnd().split('\n');
  assert.ok(lines.length <= 24, `${lines.length} lines`);
  for (const line of lines) assert.ok(line.length <= 80 && line === line.trimEnd(), line);
  for (const { name } of COMMAND_ROWS) {
    const start = name === 'help' ? 'more:   tsuji help ' : `  ${name} `;
    assert.ok(
      lines.some((line) => line.startsWith(start)),
      name,
    );
  }
});

test("the help of a command has its words and all of its options, and no option is one of tsuji's flags", () => {
  for (const { name, words, options } of COMMAND_ROWS) {
    const lines = commandHelp(name, 'What it does.\n').split('\n');
    assert.ok(lines[0].startsWith(`usage: tsuji ${name}${words === '' ? '' : ` ${words}`} [`), lines[0]);
    for (const line of lines) assert.ok(line.length <= 100, line);
    for (const option of options) {
      assert.ok(
        lines.some((line) => line.startsWith(`  --${option.name}`)),
        option.name,
      );
      assert.equal(findRow(option.name), undefined, option.name);
    }
  }
});

test('help shows defaults and says what is not supported yet', () => {
  const text = helpText();
  assert.match(text, /--etcd\.prefix=TEXT +The folder of the keys \(default: \/traefik\)/);
  assert.match(text, /--hostResolver +Resolve names of servers \(not supported yet\)/);
  assert.match(text, /--logLevel=TEXT, -l /);
});

test('a line of the table that is no row is found when it is read', () => {
  assert.deepEqual(rows('G', 'now', '\n  a.b  list  -  Some of  \n'), [
    { group: 'G', support: 'now', name: 'a.b', kind: 'list', fallback: '', help: 'Some of' },
  ]);
  for (const line of ['', 'a  list  -', 'a  lists  -  help', 'a list - help', 'a  list  -  help  more']) {
    assert.throws(() => rows('G', 'now', line), /no row of settings/, line);
  }
});

test('every row has a name, and so a variable, of its own, a default that it accepts, and a text', () => {
  const variables = ROWS.map(({ name }) => name.toLowerCase().replaceAll('.', '_'));
  assert.equal(new Set(variables).size, ROWS.length);
  for (const row of ROWS) {
    assert.notEqual(row.help, '', row.name);
    if (row.fallback !== '') assert.equal(problemOf(row, row.fallback), '', row.name);
  }
  for (const name of SHORT_NAMES.values()) assert.notEqual(findRow(name), undefined);
});

test('every flag of the table is accepted with its default, on its own', () => {
  for (const row of ROWS) {
    const flag = `--${row.name}`;
    if (standsAlone(row.kind)) assert.equal(parseFlags([flag], {}).kind, 'run', flag);
    if (row.fallback !== '') assert.equal(parseFlags([`${flag}=${row.fallback}`], {}).kind, 'run', flag);
  }
});

/** shared/spec cli-api §2, written out, so that a row that gets lost is noticed. */
const SPEC_FLAGS = `
configFile debug logLevel checkNewVersion sendAnonymousUsage graceTimeOut accessLogsFile traefikLogsFile
defaultEntryPoints entryPoints providersThrottleDuration maxIdleConnsPerHost insecureSkipVerify rootCAs constraints
keepTrailingSlash allowMinWeightZero idleTimeout cluster cluster.node retry retry.attempts
respondingTimeouts.readTimeout respondingTimeouts.writeTimeout respondingTimeouts.idleTimeout
forwardingTimeouts.dialTimeout forwardingTimeouts.responseHeaderTimeout healthCheck.interval
lifeCycle.requestAcceptGraceTimeout lifeCycle.graceTimeOut etcd etcd.endpoint etcd.prefix etcd.watch etcd.useAPIV3
etcd.username etcd.password etcd.constraints etcd.filename etcd.tls etcd.tls.ca etcd.tls.cert etcd.tls.key
etcd.tls.insecureSkipVerify etcd.tls.caOptional etcd.trace etcd.debugLogGeneratedTemplate etcd.templateVersion api
api.entryPoint api.dashboard api.statistics api.statistics.recentErrors ping ping.entryPoint rest rest.entryPoint
metrics metrics.prometheus metrics.prometheus.buckets metrics.prometheus.entryPoint metrics.datadog.address
metrics.statsd.pushInterval metrics.influxdb.database web web.address web.certFile web.keyFile web.readOnly web.path
web.statistics web.statistics.recentErrors web.metrics.prometheus.buckets traefikLog traefikLog.filePath
traefikLog.format accessLog accessLog.filePath accessLog.format accessLog.bufferingSize accessLog.filters.statusCodes
accessLog.filters.retryAttempts accessLog.filters.minDuration accessLog.fields.defaultMode accessLog.fields.names
accessLog.fields.headers.defaultMode accessLog.fields.headers.names hostResolver hostResolver.cnameFlattening
hostResolver.resolvConfig hostResolver.resolvDepth tracing.backend acme.email workers folder`;

test("every flag of Traefik's tables is known, in any case", () => {
  for (const name of SPEC_FLAGS.trim().split(/\s+/)) {
    assert.notEqual(findRow(name), undefined, name);
    assert.equal(findRow(name.toUpperCase()), findRow(name));
  }
  assert.equal(findRow('tracings'), undefined);
});
