/** The tables of the dashboard: which columns each has and how a cell shows its item. */
import { byId, countText, durationText, element, rateText, Table } from './render.js';

const SHOWN_SERVERS = 50;

const latency = (label, name) => ({
  label,
  kind: 'number',
  text: ({ numbers }) => durationText(numbers.latency === null ? null : numbers.latency[name]),
});
const rate = (label, name) => ({ label, kind: 'number', text: ({ numbers }) => rateText(numbers[name]) });

function badge(cell, text, mood) {
  cell.replaceChildren(element('span', `badge ${mood}`, text));
}

const SOURCE_MOODS = { live: 'good', connecting: 'warn', stale: 'bad', absent: 'calm' };
const SERVER_MOODS = {
  'in rotation': 'good',
  'slow start': 'warn',
  'on trial': 'warn',
  draining: 'warn',
  ejected: 'bad',
  down: 'bad',
  'not used': 'calm',
};
const WORKER_MOODS = { serving: 'good', starting: 'warn', draining: 'warn', ended: 'bad' };
/** The worst first. */
export const PROBLEM_MOODS = { rejected: 'bad', defaulted: 'warn', warned: 'warn', ignored: 'calm' };

/** A certificate that ends within these days is shown as a warning. */
const SOON_DAYS = 14;

function fillExpiry(cell, { notAfter, days }) {
  if (notAfter === 0) badge(cell, 'not readable', 'bad');
  else if (days < 0) badge(cell, `expired ${dayText(notAfter)}`, 'bad');
  else badge(cell, `${dayText(notAfter)}, ${countText(days)} d`, days < SOON_DAYS ? 'warn' : 'good');
}

function dayText(milliseconds) {
  return new Date(milliseconds).toISOString().slice(0, 10);
}

function fillRules(cell, { routes }) {
  if (routes.length === 0) cell.replaceChildren(element('span', 'muted', 'every request'));
  else cell.replaceChildren(...routes.map(({ rule }) => element('code', 'rule', rule)));
}

/** What --constraints leaves out, with the tags that do not meet them. */
function leftOutLine({ name, url, tags, constraint }) {
  const why = `left out by ${constraint} · ${tags.length === 0 ? 'no tags' : `tags ${tags.join(', ')}`}`;
  return element(
    'li',
    '',
    element('span', 'dot calm'),
    element('span', 'name', name),
    element('code', '', url),
    element('span', 'muted', why),
  );
}

function serverWords({ weight, effectiveWeight = weight, state, inFlight = 0, ejections }) {
  const now = effectiveWeight === weight ? '' : ` (now counts ${countText(effectiveWeight)})`;
  const often = ejections === 0 ? '' : ` · ejected ${countText(ejections)} ${ejections === 1 ? 'time' : 'times'}`;
  return `weight ${weight}${now} · ${state}${inFlight === 0 ? '' : ` · ${countText(inFlight)} in flight`}${often}`;
}

/** What the last health check said, and since when it is so. */
function healthWords({ health }) {
  if (health === null || health.checkedAt === 0) return '';
  const since = health.since === 0 ? '' : ` since ${new Date(health.since).toLocaleTimeString()}`;
  const why = health.reason === '' ? durationText(health.seconds) : health.reason;
  return ` · check ${health.state}${since}: ${why}`;
}

function methodText({ method, sticky, hash }) {
  return [
    hash === null ? method : `${method} of ${hash.key}`,
    ...(sticky === null ? [] : [`sticky by ${sticky}`]),
  ].join(', ');
}

function fillServers(cell, { servers, leftOut }) {
  const none = servers.length === 0 ? [element('span', 'badge bad', 'no server')] : [];
  if (servers.length + leftOut.length === 0) {
    cell.replaceChildren(...none);
    return;
  }
  const lines = servers.slice(0, SHOWN_SERVERS).map((server) => {
    const mood = SERVER_MOODS[server.state];
    const dot = element('span', `dot ${mood}`);
    dot.setAttribute('aria-hidden', 'true');
    const words = [element('span', 'name', server.name), element('code', '', server.url)];
    return element('li', '', dot, ...words, element('span', 'muted', serverWords(server) + healthWords(server)));
  });
  if (servers.length > SHOWN_SERVERS) {
    lines.push(element('li', 'muted', `and ${countText(servers.length - SHOWN_SERVERS)} more`));
  }
  lines.push(...leftOut.slice(0, SHOWN_SERVERS).map(leftOutLine));
  if (leftOut.length > SHOWN_SERVERS) {
    lines.push(element('li', 'muted', `and ${countText(leftOut.length - SHOWN_SERVERS)} more left out by constraints`));
  }
  cell.replaceChildren(...none, element('ul', 'servers', ...lines));
}

const BREAKER_MOODS = { standby: 'good', recovering: 'warn', tripped: 'bad' };

/** The circuit breaker and the limit of a backend, in words. */
function protectionLines({ breakerExpression, maxConn, protection: { breaker, limit } }) {
  const lines = [];
  if (breaker !== null) {
    lines.push([
      `breaker ${breaker.state}`,
      BREAKER_MOODS[breaker.state],
      `${breakerExpression} · ${countText(breaker.trips)} trips · ${countText(breaker.refused)} refused`,
    ]);
  }
  if (maxConn !== null && limit !== null) {
    const full = limit.refused > 0 ? 'warn' : 'calm';
    lines.push([
      `maxconn ${countText(maxConn.amount)}`,
      full,
      `per ${maxConn.extractorFunc} · ${countText(limit.inProgress)} open · ${countText(limit.refused)} refused`,
    ]);
  }
  return lines;
}

function fillProtection(cell, backend) {
  const lines = protectionLines(backend).map(([name, mood, details]) =>
    element('li', '', element('span', `badge ${mood}`, name), element('span', 'muted', details)),
  );
  if (lines.length === 0) cell.replaceChildren('–');
  else cell.replaceChildren(element('ul', 'servers', ...lines));
}

export const tables = {
  problems: new Table(byId('problems-table'), {
    key: ({ key }) => key,
    empty: 'No key matches the filter.',
    columns: [
      { label: 'Key', kind: 'code', text: ({ key }) => key },
      { label: 'State', text: ({ state: s }) => s, fill: (cell, { state: s }) => badge(cell, s, PROBLEM_MOODS[s]) },
      { label: 'Reason', text: ({ reason }) => reason },
    ],
  }),
  entrypoints: new Table(byId('entrypoints-table'), {
    key: ({ name }) => name,
    empty: 'There is no entrypoint.',
    columns: [
      { label: 'Name', text: ({ name }) => name },
      { label: 'Address', kind: 'code', text: ({ address }) => address },
      { label: 'Port', kind: 'number', text: ({ port }) => (port === 0 ? 'not yet' : String(port)) },
      { label: 'Open', kind: 'number', text: ({ openExchanges }) => countText(openExchanges) },
      rate('Requests/s', 'requestsPerSecond'),
      rate('5xx/s', 'errorsPerSecond'),
      latency('p50', 'p50'),
      latency('p90', 'p90'),
      latency('p99', 'p99'),
      latency('p99.9', 'p999'),
      latency('max', 'max'),
    ],
  }),
  frontends: new Table(byId('frontends-table'), {
    key: ({ name }) => name,
    empty: 'No key makes a frontend yet.',
    columns: [
      { label: 'Frontend', text: ({ name }) => name },
      { label: 'Rules', text: ({ routes }) => JSON.stringify(routes), fill: fillRules },
      { label: 'Backend', text: ({ backend }) => backend },
      { label: 'Entrypoints', text: ({ entryPoints }) => entryPoints.join(', ') },
      { label: 'Priority', kind: 'number', text: ({ rank }) => countText(rank) },
    ],
  }),
  backends: new Table(byId('backends-table'), {
    key: ({ name }) => name,
    empty: 'No key makes a backend yet.',
    columns: [
      { label: 'Backend', text: ({ name }) => name },
      { label: 'Method', text: methodText },
      { label: 'Servers', kind: 'wide', text: ({ servers }) => JSON.stringify(servers), fill: fillServers },
      { label: 'Protection', text: (b) => JSON.stringify(protectionLines(b)), fill: fillProtection },
      rate('Requests/s', 'requestsPerSecond'),
      rate('5xx/s', 'errorsPerSecond'),
      latency('p50', 'p50'),
      latency('p99', 'p99'),
      { label: 'Requests', kind: 'number', text: ({ numbers }) => countText(numbers.requests) },
    ],
  }),
  certificates: new Table(byId('certificates-table'), {
    key: ({ from }) => from,
    empty: 'There is no certificate.',
    columns: [
      { label: 'From', kind: 'code', text: ({ from }) => from },
      { label: 'Names', text: ({ names }) => names.join(', ') || '–' },
      { label: 'Entrypoints', text: ({ entryPoints }) => entryPoints.join(', ') || '–' },
      { label: 'Default of', text: ({ defaultOf }) => defaultOf.join(', ') || '–' },
      { label: 'Key', text: ({ keyType }) => keyType || '–' },
      { label: 'Valid until', text: ({ notAfter, days }) => `${notAfter} ${days}`, fill: fillExpiry },
      { label: 'OCSP', text: ({ stapled }) => (stapled ? 'stapled' : '–') },
      { label: 'Problem', text: ({ problem }) => problem || '–' },
    ],
  }),
  sources: new Table(byId('sources-table'), {
    key: ({ name }) => name,
    empty: 'No source of keys is configured.',
    columns: [
      { label: 'Source', text: ({ name }) => name },
      { label: 'State', text: ({ state: s }) => s, fill: (cell, { state: s }) => badge(cell, s, SOURCE_MOODS[s]) },
      { label: 'Revision', kind: 'number', text: ({ revision }) => revision || '–' },
      { label: 'Confirmed', kind: 'number', text: ({ ago }) => ago },
      { label: 'Restarts', kind: 'number', text: ({ restarts }) => countText(restarts) },
      {
        label: 'Alias',
        kind: 'code',
        text: ({ tree, aliasProblem }) => (aliasProblem ? 'not obeyed' : (tree ?? '–') || '/'),
      },
      { label: 'Error', text: ({ error }) => error || '–' },
    ],
  }),
  workers: new Table(byId('workers-table'), {
    key: ({ index }) => index,
    empty: 'No worker has started yet.',
    columns: [
      { label: 'Worker', text: ({ index }) => String(index) },
      { label: 'State', text: ({ state: s }) => s, fill: (cell, { state: s }) => badge(cell, s, WORKER_MOODS[s]) },
      { label: 'Generation', kind: 'number', text: ({ generation }) => countText(generation) },
      { label: 'Restarts', kind: 'number', text: ({ restarts }) => countText(restarts) },
    ],
  }),
};
