/**
 * The dashboard: follows /api/events, falls back to asking /api/status, and says so when neither is in reach. All
 * addresses are relative, so it works below any path prefix.
 */
import { byId, countText, drawChart, durationText, element, rateText, setText, spanText } from './render.js';
import { PROBLEM_MOODS, tables } from './tables.js';

const POLL_MS = 5000;
const STREAM_AGAIN_MS = 30_000;
/** The server sends something each 2 s. */
const SILENCE_MS = 7000;
const CHART_POINTS = 150;

const state = {
  live: null,
  configuration: null,
  filter: '',
  rates: [],
  pointAt: -Infinity,
  connection: 'connecting',
  heardAt: 0,
};

// ── figures ────────────────────────────────────────────────────────────────────────────────────────────────────

const figures = new Map();
function figure(label, text, mood = '') {
  let shown = figures.get(label);
  if (shown === undefined) {
    shown = element('dd');
    figures.set(label, shown);
    byId('figures').append(element('div', '', element('dt', '', label), shown));
  }
  setText(shown, text);
  shown.className = mood;
}

const sum = (items, value) => items.reduce((total, item) => total + value(item), 0);

/** The worst of several entrypoints: percentiles cannot be added. */
function worst(entryPoints, name) {
  const values = entryPoints.flatMap(({ numbers }) => (numbers.latency === null ? [] : [numbers.latency[name]]));
  return values.length === 0 ? null : Math.max(...values);
}

// ── drawing ────────────────────────────────────────────────────────────────────────────────────────────────────

const NO_PROTECTION = { breaker: null, limit: null };
const NO_NUMBERS = { requests: 0, retries: 0, requestsPerSecond: 0, errorsPerSecond: 0, latency: null };

function drawLive(live) {
  setText(byId('version'), live.version);
  byId('draining').hidden = !live.draining;
  const errors = sum(live.entryPoints, ({ numbers }) => numbers.errorsPerSecond);
  figure('Requests/s', rateText(sum(live.entryPoints, ({ numbers }) => numbers.requestsPerSecond)));
  figure('5xx/s', rateText(errors), errors > 0 ? 'bad' : '');
  figure('p50', durationText(worst(live.entryPoints, 'p50')));
  figure('p99', durationText(worst(live.entryPoints, 'p99')));
  figure('Open requests', countText(sum(live.entryPoints, ({ openExchanges }) => openExchanges)));
  figure('Upstream connections', countText(live.openUpstreamConnections));
  figure('Generation', `${countText(live.generation)}${live.settled ? '' : ' …'}`, live.settled ? '' : 'warn');
  figure('Uptime', spanText((live.now - live.startedAt) / 1000));
  tables.entrypoints.update(live.entryPoints);
  tables.sources.update(
    live.sources.map((source) => ({
      ...source,
      ago: source.confirmedAt === 0 ? 'never' : `${spanText((live.now - source.confirmedAt) / 1000)} ago`,
    })),
  );
  tables.workers.update(live.workers);
  drawChart(byId('chart-line'), byId('chart-area'), state.rates, CHART_POINTS);
  setText(byId('chart-peak'), `peak ${rateText(Math.max(0, ...state.rates))}`);
  const keys = live.prefix === '' ? 'a folder' : live.prefix;
  setText(byId('about'), `Provider ${live.provider}, keys below ${keys}. Rates and percentiles: last 5 to 10 s.`);
}

const DAY_MS = 86_400_000;

function drawConfiguration({ frontends, backends, certificates, problems, problemsNotShown }, live) {
  const words = state.filter.toLowerCase().split(/\s+/).filter(Boolean);
  const matches = (...texts) => {
    const text = texts.join(' ').toLowerCase();
    return words.every((word) => text.includes(word));
  };
  const count = (id, shown, all) =>
    setText(byId(id), shown === all ? countText(all) : `${countText(shown)} of ${countText(all)}`);
  const noMatch = words.length > 0 ? 'Nothing matches the filter.' : undefined;

  const someFrontends = frontends.filter((f) =>
    matches(f.name, f.backend, ...f.entryPoints, ...f.routes.map(({ rule }) => rule)),
  );
  tables.frontends.update(someFrontends, noMatch);
  count('frontends-count', someFrontends.length, frontends.length);

  const numbers = new Map((live?.backendNumbers ?? []).map((entry) => [entry.name, entry]));
  const protections = new Map((live?.protections ?? []).map((entry) => [entry.name, entry]));
  const checked = new Map((live?.healthChecks ?? []).map((entry) => [`${entry.backend}/${entry.server}`, entry]));
  const busy = new Map((live?.serverNumbers ?? []).map((entry) => [`${entry.backend}/${entry.server}`, entry]));
  const someBackends = backends
    .filter((b) => matches(b.name, ...b.servers.flatMap(({ name, url }) => [name, url])))
    .map((backend) => ({
      ...backend,
      numbers: numbers.get(backend.name) ?? NO_NUMBERS,
      protection: protections.get(backend.name) ?? NO_PROTECTION,
      servers: backend.servers.map((server) => ({
        ...server,
        ...busy.get(`${backend.name}/${server.name}`),
        health: checked.get(`${backend.name}/${server.name}`) ?? null,
      })),
    }));
  tables.backends.update(someBackends, noMatch);
  count('backends-count', someBackends.length, backends.length);

  const now = live?.now ?? Date.now();
  const someCertificates = certificates
    .filter(({ from, names, problem }) => matches(from, problem, ...names))
    .map((certificate) => ({ ...certificate, days: Math.floor((certificate.notAfter - now) / DAY_MS) }))
    .sort((a, b) => a.notAfter - b.notAfter);
  byId('certificates').hidden = certificates.length === 0;
  tables.certificates.update(someCertificates, noMatch);
  count('certificates-count', someCertificates.length, certificates.length);

  const severity = Object.keys(PROBLEM_MOODS);
  const someProblems = problems
    .filter(({ key, reason }) => matches(key, reason))
    .sort((a, b) => severity.indexOf(a.state) - severity.indexOf(b.state));
  byId('problems').hidden = problems.length === 0;
  byId('problems').classList.toggle('alarm', someProblems[0]?.state === 'rejected');
  tables.problems.update(someProblems);
  count('problems-count', someProblems.length, problems.length + problemsNotShown);
}

const CONNECTIONS = {
  connecting: ['Connecting…', 'warn'],
  live: ['Live', 'good'],
  polling: ['Asking every 5 s', 'warn'],
  lost: ['Connection lost, trying again…', 'bad'],
};

function draw() {
  drawPending = false;
  const [text, mood] = CONNECTIONS[state.connection];
  setText(byId('connection'), text);
  byId('connection').className = `pill ${mood}`;
  document.body.classList.toggle('outdated', state.connection === 'lost');
  if (state.live !== null) drawLive(state.live);
  if (state.configuration !== null) drawConfiguration(state.configuration, state.live);
}

let drawPending = false;
function drawSoon() {
  if (drawPending) return;
  drawPending = true;
  requestAnimationFrame(draw);
}

// ── following the server ───────────────────────────────────────────────────────────────────────────────────────

function takeLive(live) {
  state.live = live;
  const now = performance.now();
  // Changes bring extra events; the chart has one point per heartbeat.
  if (now - state.pointAt > 1500) {
    state.pointAt = now;
    state.rates.push(sum(live.entryPoints, ({ numbers }) => numbers.requestsPerSecond));
    if (state.rates.length > CHART_POINTS) state.rates.shift();
  }
}

function heard(connection) {
  state.connection = connection;
  state.heardAt = performance.now();
  drawSoon();
}

function lost() {
  state.connection = 'lost';
  drawSoon();
}

let stream = null;
let streamTriedAt = 0;

function openStream() {
  stream?.close();
  streamTriedAt = performance.now();
  state.heardAt = streamTriedAt;
  stream = new EventSource('../api/events');
  stream.addEventListener('live', (event) => {
    takeLive(JSON.parse(event.data));
    heard('live');
  });
  stream.addEventListener('configuration', (event) => {
    state.configuration = JSON.parse(event.data);
    heard('live');
  });
  stream.addEventListener('error', () => {
    lost();
    if (stream.readyState === EventSource.CLOSED) poll();
  });
}

async function poll() {
  try {
    const response = await fetch('../api/status', { cache: 'no-store', signal: AbortSignal.timeout(POLL_MS) });
    if (!response.ok) throw new Error(`status ${response.status}`);
    const status = await response.json();
    takeLive(status);
    state.configuration = status;
    heard('polling');
  } catch {
    lost();
  }
}

/** A stream that the server refused stays closed; one that is silent may hang on a dead connection. */
function supervise() {
  const now = performance.now();
  if (stream.readyState === EventSource.CLOSED) {
    if (now - streamTriedAt > STREAM_AGAIN_MS) openStream();
    else poll();
  } else if (now - state.heardAt > SILENCE_MS) {
    lost();
    openStream();
  }
}

byId('filter').addEventListener('input', (event) => {
  state.filter = event.target.value;
  drawSoon();
});
openStream();
setInterval(supervise, POLL_MS);
