/** What would become of a request, by the table in force. Nothing is sent and no turn is taken. */
import { copy } from '../copy.js';
import { rate, seen, time } from '../format.js';
import { address, quoted } from '../place.js';
import { html, useEffect, useState } from '../preact.js';
import { replaceAddress, useAnswer, useStore } from '../store.js';
import { Band } from '../verdict.js';
import { Steps } from './explain-steps.js';
import { Head } from './head.js';

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];
const KEPT = 'tsuji.explained';
const MOST_KEPT = 6;

/** As isSecretField of src/middlewares/header-keys.ts. */
const SECRET = /^[^:]*(?:auth|cookie|token|key|secret|pass|session|credential|signature)[^:]*:/i;
/** Headers with secrets, by the number that stands in the address in their place: they live as long as the page. */
const secrets = new Map();

const lines = (text) => (text ?? '').split('\n').filter((line) => line.trim() !== '');

/** All headers, of which the address has those that may be seen. */
const headersOf = ({ headers, secret }) => [...lines(headers), ...(secrets.get(secret) ?? [])];

/** What is asked by POST, undefined for what fits into an address. */
function bodyOf(params) {
  const { method = 'GET', url, entrypoint = '', client = '', secret } = params;
  if (!secrets.has(secret)) return undefined;
  return JSON.stringify({ method, url, entrypoint, client, headers: headersOf(params) });
}

function pathOf({ method, url, entrypoint, client, headers, secret }) {
  if (url === undefined || url === '') return '';
  // Beside the API of the dashboard.
  if (secrets.has(secret)) return `../explain?${new URLSearchParams({ url, method, secret })}`;
  const asked = [
    ['method', method ?? 'GET'],
    ['url', url],
    ['entrypoint', entrypoint ?? ''],
    ['client', client ?? ''],
  ];
  const query = new URLSearchParams(asked.filter(([, value]) => value !== ''));
  for (const line of lines(headers)) query.append('header', line);
  return `explain?${query}`;
}

const inQuotes = (text) => `'${text.replaceAll("'", "'\\''")}'`;

function curlOf(params) {
  const { method, url } = params;
  const parts = ['curl', '-sSi', ...(method === undefined || method === 'GET' ? [] : ['-X', method])];
  for (const line of headersOf(params)) parts.push('-H', inQuotes(line));
  return [...parts, inQuotes(url)].join(' ');
}

/** A URL that a frontend may take: its first host and path. */
function urlFor({ terms }) {
  const first = (names) => terms.find(({ matcher }) => names.includes(matcher.toLowerCase()))?.values[0];
  const host = first(['host']) ?? 'any.example.com';
  const path = first(['path', 'pathprefix', 'pathstrip', 'pathprefixstrip']) ?? '/';
  return `http://${host}${path.startsWith('/') ? path : `/${path}`}`;
}

function before() {
  try {
    return JSON.parse(localStorage.getItem(KEPT) ?? '[]');
  } catch {
    return [];
  }
}

function remember(params) {
  const { method = 'GET', url, entrypoint, client, headers } = params;
  const own = { method, url, entrypoint, client, headers };
  const all = [own, ...before().filter((one) => one.url !== url || one.method !== method)].slice(0, MOST_KEPT);
  try {
    localStorage.setItem(KEPT, JSON.stringify(all));
  } catch {
    // Storage is forbidden: nothing is kept.
  }
}

function Form({ params }) {
  const [form, setForm] = useState({ ...params, headers: headersOf(params).join('\n') });
  const entryPoints = useAnswer('nodes').data?.entryPoints ?? [];
  const detail = useAnswer(
    params.frontend === undefined ? '' : `frontends/${encodeURIComponent(params.frontend)}`,
  ).data;
  useEffect(() => setForm({ ...params, headers: headersOf(params).join('\n') }), [JSON.stringify(params)]);
  useEffect(() => {
    if (detail === null || params.url !== undefined) return;
    const url = urlFor(detail);
    replaceAddress({ url, entrypoint: detail.entryPoints[0], frontend: '' });
  }, [detail]);
  const field = (name) => (event) => setForm({ ...form, [name]: event.target.value });
  const submit = (event) => {
    event.preventDefault();
    if ((form.url ?? '').trim() === '') return;
    const url = form.url.trim();
    const whole = { ...form, url: /^[a-z]+:\/\//i.test(url) || url.startsWith('/') ? url : `http://${url}` };
    const all = lines(whole.headers);
    const hidden = all.filter((line) => SECRET.test(line));
    whole.headers = all.filter((line) => !SECRET.test(line)).join('\n');
    whole.secret = hidden.length === 0 ? '' : String(secrets.size + 1);
    if (hidden.length > 0) secrets.set(whole.secret, hidden);
    remember(whole);
    location.hash = address('explain', { ...whole, frontend: '' });
  };
  return html`<form class="panel form s12" onSubmit=${submit}>
    <label>Method<select value=${form.method ?? 'GET'} onChange=${field('method')}>${METHODS.map((method) => html`<option value=${method} selected=${method === (form.method ?? 'GET')}>${method}</option>`)}</select></label>
    <label>Address<input name="url" value=${form.url ?? ''} onInput=${field('url')} placeholder="http://shop.example.com/cart?id=7" spellcheck=${false} autocomplete="off" /></label>
    <label>Entrypoint<select value=${form.entrypoint ?? ''} onChange=${field('entrypoint')}><option value="" selected=${(form.entrypoint ?? '') === ''}>the first</option>${entryPoints.map(({ name, address: at }) => html`<option value=${name} selected=${name === form.entrypoint}>${seen(name)} ${seen(at)}</option>`)}</select></label>
    <label>Client<input value=${form.client ?? ''} onInput=${field('client')} placeholder="127.0.0.1" spellcheck=${false} autocomplete="off" /></label>
    <button class="button main">Explain</button>
    <label class="whole">Headers, one a line<textarea rows=${Math.max(1, lines(form.headers).length)} value=${form.headers ?? ''} onInput=${field('headers')} placeholder="Authorization: Basic …" spellcheck=${false}></textarea></label>
    ${params.secret !== undefined && !secrets.has(params.secret) && html`<p class="mut" role="status">Headers with secrets are in no address: give them once more.</p>`}
  </form>`;
}

function Short({ answer }) {
  const { frontend, backend, reply, sent, certain, short, steps } = answer;
  const waits = steps.some(({ limit }) => limit?.becomes === 'waits');
  return html`<section class="panel"><header><h2>In short</h2></header><p class="short">
    ${frontend !== '' && html`<a class="link" href=${address(['frontends', frontend])}>${seen(frontend)}</a> → `}${backend !== '' && html`<a class="link" href=${address(['backends', backend])}>${seen(backend)}</a> → `}${
      reply === null
        ? html`<b>${seen(sent?.server ?? '')}</b>${sent !== null && html`, as <code>${seen(sent.target)}</code>`}`
        : html`<b class=${reply.status >= 500 ? 'bad' : ''}>${reply.status}</b> by tsuji (${seen(reply.cause)})${reply.location !== '' && html` to <code>${seen(reply.location)}</code>`}`
    }${!certain && html`<span class="mut">, ${waits ? 'once there is a place for it' : 'if it is let on'}</span>`}</p><p class="vh">${seen(short)}</p></section>`;
}

function LikeIt({ name }) {
  const { data } = useAnswer(`frontends/${encodeURIComponent(name)}`, 4000);
  if (data === null) return null;
  const all = data.c === null ? null : data.c.reduce((sum, part) => sum + part, 0);
  return html`<section class="panel"><header><h2>Like it, in the last 10 s</h2><span class="right"><a class="link" href=${address('live', { q: `frontend:${quoted(name)}` })}>Live requests</a></span></header><dl class="pairs"><dt>Requests</dt><dd>${rate(all)}/s</dd><dt>5xx</dt><dd class=${(data.c?.[3] ?? 0) > 0 ? 'bad b' : ''}>${rate(data.c?.[3])}/s</dd><dt>p50 · p99</dt><dd>${time(data.lat?.[0])} · ${time(data.lat?.[2])}</dd></dl></section>`;
}

function AskedBefore() {
  const all = before();
  if (all.length === 0) return null;
  return html`<section class="panel"><header><h2>Asked before</h2></header><ul class="brief one">${all.map((one) => html`<li><a class="mono" href=${address('explain', one)}>${seen(one.method)} ${seen(one.url)}</a></li>`)}</ul></section>`;
}

export function Explain() {
  const params = useStore((now) => now.place.params);
  const path = pathOf(params);
  const { data: answer, error } = useAnswer(path, 0, 0, bodyOf(params));
  const [copied, setCopied] = useState('');
  const put = (what, text) => {
    copy(text);
    setCopied(what);
  };
  const tools =
    path !== '' &&
    html`<span role="status" class="sub">${copied}</span><button class="button" onClick=${() => put('Copied as curl.', curlOf(params))}>Copy as curl</button><button class="button" onClick=${() => put('Link copied.', location.href)}>Copy link</button>`;
  const shown = path === '' ? null : answer;
  return html`<${Head} title="Explain a request" sub=${shown === null ? 'With the table in force. Nothing is sent.' : `With the table in force, generation ${shown.gen}. Nothing is sent.`}>${tools}<//>
    <${Band} />
    <div class="grid"><${Form} params=${params} />
      ${path !== '' && error !== null && html`<section class="panel s8" role="status"><p class="empty"><b class="bad">That cannot be asked.</b> ${seen(error)}</p></section>`}
      ${shown !== null && html`<${Steps} answer=${shown} />`}
      <div class="column s4">${shown !== null && html`<${Short} answer=${shown} />`}${shown !== null && shown.frontend !== '' && html`<${LikeIt} name=${shown.frontend} />`}<${AskedBefore} /></div>
    </div>`;
}
