/** What stands in the cells of tables: states, pips, sparklines, shares, times with their bar. */
import { int, rate, seen, share, time } from './format.js';
import { icon, ownerState, SERVER_STATES, serverState } from './icons.js';
import { address } from './place.js';
import { html } from './preact.js';
import { rule } from './text.js';

/** Letter of a server in pips and on the wall → the kind of its cell. */
const LETTERS = {
  i: 'in rotation',
  s: 'slow start',
  t: 'on trial',
  u: 'suspect',
  d: 'draining',
  n: 'not used',
  l: 'left out',
  x: 'down',
  e: 'ejected',
  f: 'failing',
};
export const kindOfLetter = (letter) => SERVER_STATES[LETTERS[letter]]?.[3] ?? 'idle';

function Pips({ letters }) {
  return html`<span class="pips" aria-hidden="true">${[...letters].map((letter) => html`<i class=${kindOfLetter(letter)}></i>`)}</span>`;
}

/** n of m, with a pip each, or a bar above a dozen. */
export function Servers({ up, want, pips }) {
  const bar = pips === '' && want > 12;
  return html`<span class="servers"><b class=${up === 0 && want > 0 ? 'bad' : ''}><span aria-hidden="true">${int(up)}/${int(want)}</span><span class="vh">${int(up)} of ${int(want)} servers</span></b>${bar ? html`<span class="meter"><i class=${up < want ? 'red' : ''} style=${{ width: `${(up / want) * 100}%` }}></i></span>` : html`<${Pips} letters=${pips} />`}</span>`;
}

const WIDTH = 64;
const HIGH = 16;

/** 32 points of 10 s on their own scale; below them what of it was 5xx. `points`: `[rates, shares]`. */
export function Spark({ points, width = WIDTH }) {
  if (points === undefined) return html`<svg class="spark" width=${width} height=${HIGH} aria-hidden="true"></svg>`;
  const [rates, fives] = points;
  const top = Math.max(0, ...rates.filter((value) => value !== null));
  const x = (at) => (rates.length < 2 ? 0 : (at / (rates.length - 1)) * width).toFixed(1);
  const y = (value) => (HIGH - 1 - (top === 0 ? 0 : (value / top) * (HIGH - 3))).toFixed(1);
  let line = '';
  let area = '';
  let failed = '';
  let first = -1;
  rates.forEach((value, at) => {
    if (value === null) return;
    const begins = at === 0 || rates[at - 1] === null;
    if (begins) first = at;
    line += `${begins ? 'M' : 'L'}${x(at)} ${y(value)}`;
    area += `${begins ? `M${x(at)} ${HIGH}L` : 'L'}${x(at)} ${y(value)}`;
    const part = fives[at] ?? 0;
    failed += `${begins ? `M${x(at)} ${HIGH}L` : 'L'}${x(at)} ${part > 0 ? Math.min(HIGH - 1.5, Number(y(value * part))) : HIGH}`;
    if (at === rates.length - 1 || rates[at + 1] === null) {
      area += `L${x(at)} ${HIGH}L${x(first)} ${HIGH}Z`;
      failed += `L${x(at)} ${HIGH}Z`;
    }
  });
  const hasFailed = fives.some((part) => part > 0.005);
  return html`<svg class="spark" width=${width} height=${HIGH} aria-hidden="true"><path class="area" d=${area} />${hasFailed && html`<path class="fives" d=${failed} />`}<path class="top" d=${line} /></svg>`;
}

export function RateCell({ value, points }) {
  return html`<span class="with-spark">${rate(value)}<${Spark} points=${points} /></span>`;
}

/** Share of 5xx: bold and red from 1 %. */
export function Fives({ value }) {
  const tone = value >= 0.01 ? 'bad b' : value > 0 ? '' : 'fnt';
  return html`<span class=${tone}>${share(value)}${value >= 0.01 && html`<span class="vh"> percent 5xx</span>`}</span>`;
}

/** A time, with a bar of its logarithm: 1 ms to 10 s; it has a colour where its owner is not well. */
export function TimeCell({ value, state }) {
  const part = value === null ? 0 : Math.max(0.04, Math.min(1, Math.log10(Math.max(value, 1)) / 4));
  const isWell = state === 'ok' || state === 'idle';
  const tone = isWell ? '' : value > 1000 ? 'red' : value > 250 ? 'hot' : '';
  return html`${time(value)}<span class="meter" aria-hidden="true"><i class=${tone} style=${{ width: `${part * 100}%` }}></i></span>`;
}

/** Icon and name of a frontend or backend; the word is there for those who hear it. */
export function OwnerName({ state, name, path, why, index, focus }) {
  const [shape, tone, word] = ownerState(state);
  return html`<span class="name">${icon(shape, tone)}<span class="vh">${word}</span><a href=${address(path)} title=${seen(name)} tabindex=${focus} data-row=${index}>${seen(name)}</a>${why && html`<span class=${`why ${tone}`}>${seen(why)}</span>`}</span>`;
}

export function ServerName({ state, name, path }) {
  const [shape, tone, word] = serverState(state);
  return html`<span class="name">${icon(shape, tone)}<span class="vh">${word}</span><a href=${address(path)}>${seen(name)}</a></span>`;
}

export function Rules({ rules }) {
  if (rules.length === 0) return rule('');
  return rules.map((text, at) => html`${at > 0 && html`<span class="mut"> and </span>`}${rule(text)}`);
}

/** The last 40 checks, the newest at the right. `bits`: `1` good, `0` bad. */
export function Checks({ bits }) {
  const bad = [...bits].filter((bit) => bit === '0').length;
  const label = `${bad} of the last ${bits.length} checks failed`;
  const all = bits.padStart(40, ' ');
  return html`<span class="checks" role="img" title=${label} aria-label=${label}>${[...all].map((bit) => html`<i class=${bit === '0' ? 'bad' : bit === ' ' ? 'none' : ''}></i>`)}</span>`;
}

export function Facts({ list }) {
  return html`<dl class="panel facts s12">${list.map(([title, value, unit]) => html`<div><dt>${title}</dt><dd>${value}<small>${unit}</small></dd></div>`)}</dl>`;
}

/** Heads of columns: `[word, width]` or a word, which begins with `*` where figures stand. */
export function Heads({ list }) {
  const head = ([word, width]) =>
    html`<th scope="col" class=${word[0] === '*' ? 'num' : ''} style=${width && { width }}>${word.replace('*', '')}</th>`;
  return html`<thead><tr>${list.map((one) => head(typeof one === 'string' ? [one] : one))}</tr></thead>`;
}

/** A table of few rows, which scrolls sideways in its panel where it is wider. `heads`: as of `Heads`; the children are its rows. */
export function PlainTable({ label, heads, className, children }) {
  return html`<div class="scroll-x" tabindex="0" role="region" aria-label=${label}><table class=${className}><${Heads} list=${heads} /><tbody>${children}</tbody></table></div>`;
}

/** Of a column: figures at the right, `wide` not on telephones, `least` not in narrow windows. */
export function columnClass({ num, wide, least }) {
  return `${num ? 'num' : ''} ${wide ? 'wide' : ''} ${least ? 'least' : ''}`.trim();
}
