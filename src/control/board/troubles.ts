/**
 * What is wrong now, the worst first: what costs requests, and what soon will. The list `now` of the problems, and what findings
 * are made of. Pure.
 */
import type { BackendState, Text, TextPart } from '../admin/ui-api/shapes.ts';
import { commonText, type OutServer, shortReason } from './out-servers.ts';
import { ageOf, clockOf, countOf, percentOf, rateOf, wholeOf } from './words.ts';

export type Trouble = {
  readonly state: 'bad' | 'warn';
  readonly title: Text;
  readonly text: Text;
  readonly since: number | null;
  /** A place of the page. */
  readonly link: string;
};

export type BackendTrouble = {
  readonly name: string;
  readonly state: BackendState;
  readonly why: string;
  readonly since: number | null;
  readonly up: number;
  readonly want: number;
  /** Requests per second that get a 5xx. */
  readonly fails: number;
  readonly e5: number | null;
  readonly out: readonly OutServer[];
};

export type SourceTrouble = {
  readonly name: string;
  readonly state: string;
  readonly error: string;
  readonly silentMs: number;
  /** 0: never. */
  readonly confirmedAt: number;
};

export type CertificateTrouble = {
  readonly names: readonly string[];
  readonly from: string;
  readonly notAfter: number;
  readonly problem: string;
};

export type Troubled = {
  readonly now: number;
  readonly backends: number;
  /** Failing and impaired ones. */
  readonly troubled: readonly BackendTrouble[];
  readonly sources: readonly SourceTrouble[];
  readonly workers: { readonly serving: number; readonly wanted: number };
  readonly unsettledMs: number;
  readonly generation: number;
  /** Those that end within 14 days, have ended, or have a problem. */
  readonly certificates: readonly CertificateTrouble[];
  /** What the guard against mass removal keeps back, '' for nothing. */
  readonly held: string;
};

/** More that fail are told together. */
const MOST_ALONE = 3;
const MOST_IMPAIRED = 50;
const MOST_NAMED = 4;

function namesText(names: readonly string[]): TextPart[] {
  return names.flatMap((name, i): TextPart[] => [...(i === 0 ? [] : [', ']), ['b', name]]);
}

function outText({ up, want, out }: BackendTrouble): Text {
  if (out.length === 0) return [];
  const count = `${want - up} of ${countOf(want, 'server')} ${want - up === 1 ? 'is' : 'are'} out`;
  if (out.length > MOST_NAMED) return [`${count}: `, ...commonText(out), '. '];
  const each = out.flatMap(({ server, reason, state }, i): TextPart[] => [
    i === 0 ? '' : ', ',
    ['b', server],
    ` ${state}`,
    ...(reason === '' ? [] : ([' (', ['code', shortReason(reason)], ')'] as TextPart[])),
  ]);
  return [`${count}: `, ...each, '. '];
}

function ofBackend(backend: BackendTrouble): Trouble {
  const { name, state, why, since, up, e5 } = backend;
  const link = `/backends/${encodeURIComponent(name)}`;
  const fails = e5 !== null && e5 > 0;
  const title: Text =
    state === 'failing' && fails ? [['b', name], ` fails ${percentOf(e5)} of its requests`] : [['b', name], `: ${why}`];
  const rest =
    state === 'failing'
      ? lastSentence(backend, fails)
      : up === 0 || up === backend.want
        ? ''
        : 'The others take its share.';
  const text: Text = [...outText(backend), rest];
  return { state: state === 'failing' ? 'bad' : 'warn', title, text: text.filter((part) => part !== ''), since, link };
}

/** What its title and its servers do not say already. */
function lastSentence({ why, out, up }: BackendTrouble, fails: boolean): string {
  if (!fails || why.includes('5xx') || (up === 0 && out.length > 0)) return '';
  return `${why[0].toUpperCase()}${why.slice(1)}.`;
}

/** Many that fail: one reason for all of them is likely. */
function ofMany(failing: readonly BackendTrouble[], all: number): Trouble {
  const out = failing.flatMap((backend) => backend.out);
  const fails = failing.reduce((sum, backend) => sum + backend.fails, 0);
  const begins = failing.flatMap(({ since }) => (since === null ? [] : [since]));
  const isAllEmpty = failing.every(({ up }) => up === 0);
  const title: Text = [
    ['b', `${wholeOf(failing.length)} of ${wholeOf(all)} backends`],
    isAllEmpty ? ' have no server that answers' : ' fail',
  ];
  const why = out.length === 0 ? [] : ([`${countOf(out.length, 'server')} out: `, ...commonText(out), '. '] as Text);
  const text: Text = [...why, fails > 0 ? `${rateOf(fails)} requests per second get a 5xx.` : ''];
  const since = begins.length === 0 ? null : Math.min(...begins);
  return { state: 'bad', title, text: text.filter((part) => part !== ''), since, link: '/backends?q=is:failing' };
}

function ofSource({ name, state, error, silentMs, confirmedAt }: SourceTrouble, now: number): Trouble {
  const routes = confirmedAt > 0 ? `: its routes are those of ${clockOf(confirmedAt)}` : '';
  return {
    state: 'warn',
    title: [
      ['b', name],
      ` has not answered for ${ageOf(silentMs)}${state === 'absent' ? ', and is gone' : ''}${routes}`,
    ],
    text: error === '' ? [] : [['code', error.slice(0, 300)]],
    since: now - silentMs,
    link: '/nodes',
  };
}

function ofCertificate({ names, from, notAfter, problem }: CertificateTrouble, now: number): Trouble {
  const name: TextPart = ['b', names[0] ?? from];
  const link = '/certificates';
  if (problem !== '')
    return { state: 'bad', title: ['Certificate ', name, ': ', problem], text: [['code', from]], since: null, link };
  const isOver = notAfter <= now;
  const words = isOver ? ` ended ${ageOf(now - notAfter)} ago` : ` ends in ${ageOf(notAfter - now)}`;
  return {
    state: isOver ? 'bad' : 'warn',
    title: ['Certificate ', name, words],
    text: [['code', from]],
    since: isOver ? notAfter : null,
    link,
  };
}

export function troublesOf(troubled: Troubled): Trouble[] {
  const { now, workers, unsettledMs, generation, held } = troubled;
  const byCost = [...troubled.troubled].sort(
    (one, other) => other.fails - one.fails || (one.name < other.name ? -1 : 1),
  );
  const failing = byCost.filter(({ state }) => state === 'failing');
  const impaired = byCost.filter(({ state }) => state === 'impaired');
  const troubles: Trouble[] = [];
  if (workers.serving < workers.wanted) {
    const title: Text = [['b', `${workers.serving} of ${countOf(workers.wanted, 'worker')}`], ' serve'];
    troubles.push({ state: workers.serving === 0 ? 'bad' : 'warn', title, text: [], since: null, link: '/nodes' });
  }
  if (failing.length > MOST_ALONE) troubles.push(ofMany(failing, troubled.backends));
  else troubles.push(...failing.map(ofBackend));
  troubles.push(...troubled.sources.map((source) => ofSource(source, now)));
  if (unsettledMs > 10_000) {
    const title: Text = [['b', `generation ${generation}`], ` is not in force after ${ageOf(unsettledMs)}`];
    troubles.push({ state: 'warn', title, text: [], since: now - unsettledMs, link: '/nodes' });
  }
  if (held !== '') {
    const text: Text = [held, '. ', ['code', 'tsuji confirm'], ' lets it happen.'];
    troubles.push({
      state: 'bad',
      title: ['A mass removal of keys is kept back'],
      text,
      since: null,
      link: '/problems',
    });
  }
  troubles.push(...troubled.certificates.map((certificate) => ofCertificate(certificate, now)));
  troubles.push(...impaired.slice(0, MOST_IMPAIRED).map(ofBackend));
  if (impaired.length > MOST_IMPAIRED) {
    const title: Text = [['b', `${wholeOf(impaired.length - MOST_IMPAIRED)} more backends`], ' are impaired'];
    troubles.push({ state: 'warn', title, text: [], since: null, link: '/backends?q=is:impaired' });
  }
  // Stable: within a state they stay in the order in which they came.
  return troubles.sort((one, other) => Number(one.state === 'warn') - Number(other.state === 'warn'));
}

export function impairedText(troubled: readonly BackendTrouble[]): Text {
  const names = troubled.filter(({ state }) => state === 'impaired').map(({ name }) => name);
  if (names.length === 0) return [];
  const more = names.length > 3 ? ` and ${wholeOf(names.length - 3)} more` : '';
  return [...namesText(names.slice(0, 3)), `${more} ${names.length === 1 ? 'is' : 'are'} impaired`];
}
