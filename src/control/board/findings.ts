/**
 * What stands behind the verdict: what is out and how it fails, what of the keys changed last before, and whether tsuji itself is
 * well. What is not certain is "before", never "because". Pure.
 */
import type { Finding, Findings, Level, Text } from '../admin/ui-api/shapes.ts';
import { commonText } from './out-servers.ts';
import { impairedText, type Trouble, type Troubled } from './troubles.ts';
import { ageOf, clockOf, countOf, percentOf, rateOf, wholeOf } from './words.ts';

export type FindingFacts = {
  readonly level: Level;
  readonly since: number;
  readonly troubled: Troubled;
  readonly troubles: readonly Trouble[];
  readonly rate: number;
  readonly e5: number | null;
  /** Not bad, taking part. */
  readonly servers: readonly [number, number];
  /** The last generation before `since` that changed keys; null for none. */
  readonly change: { readonly t: number; readonly text: Text } | null;
  readonly lagMs: number;
  /** States of the sources that there are. */
  readonly sources: readonly { readonly name: string; readonly state: string; readonly error: string }[];
};

const BEFORE_MS = 300_000;
const MOST_TROUBLES = 3;
const SLOW_LAG_MS = 500;

function titleOf({ level, troubles, troubled, rate, e5 }: FindingFacts): string {
  if (level === 'healthy') return 'All backends answer';
  if (level === 'starting') return 'no source has answered yet';
  if (level === 'outage') {
    if (troubled.workers.serving === 0) return 'no worker serves';
    if (rate >= 1 && e5 !== null && e5 >= 0.5) return `${percentOf(e5)} of requests fail`;
    return 'no backend answers';
  }
  if (troubles.length > 0) return plain(troubles[0].title);
  return e5 === null ? 'not all is as it should be' : `${percentOf(e5)} of requests get a 5xx`;
}

export function plain(text: Text): string {
  return text.map((part) => (typeof part === 'string' ? part : part[1])).join('');
}

function leadOf({ level, since, troubled, rate, e5 }: FindingFacts): Text {
  if (level === 'healthy') return [];
  const parts: string[] = [`Since ${clockOf(since)}.`];
  if (level === 'starting')
    parts.push('As soon as it does, routes are in force within milliseconds; nothing needs to be restarted.');
  const failing = troubled.troubled.filter(({ state }) => state === 'failing').length;
  if (level === 'outage' && failing > 0)
    parts.push(`${wholeOf(failing)} of ${countOf(troubled.backends, 'backend')} fail.`);
  if (e5 !== null && e5 > 0 && rate >= 1) {
    parts.push(
      level === 'outage'
        ? `${rateOf(rate * e5)} requests per second get a 5xx.`
        : `All together ${percentOf(e5)} of requests get a 5xx.`,
    );
  }
  return [parts.join(' ')];
}

function outItem({ troubled, servers }: FindingFacts): Finding[] {
  const out = troubled.troubled.flatMap((backend) => backend.out);
  if (out.length === 0) return [];
  const [up, want] = servers;
  const text: Text = [
    ['b', `${wholeOf(want - up)} of ${countOf(want, 'server')}`],
    ` ${want - up === 1 ? 'is' : 'are'} out: `,
    ...commonText(out),
  ];
  return [{ icon: 'bad', text, link: '/backends?q=is:failing' }];
}

function changeItem({ change, since, sources }: FindingFacts): Finding[] {
  if (change === null || change.t > since || since - change.t > BEFORE_MS) return [];
  const live = sources.every(({ state }) => state === 'live' || state === 'absent') ? ['. Sources are live'] : [];
  return [
    {
      icon: 'key',
      text: [`Last change of keys ${ageOf(since - change.t)} before: `, ...change.text, ...live],
      link: '/events?q=kind:keys',
    },
  ];
}

function ownItem({ troubled, lagMs }: FindingFacts): Finding {
  const { serving, wanted } = troubled.workers;
  const isWell = serving === wanted && lagMs < SLOW_LAG_MS && troubled.unsettledMs <= 10_000;
  const facts = `${serving === wanted ? countOf(serving, 'worker') : `${serving} of ${countOf(wanted, 'worker')}`} ${serving === 1 ? 'serves' : 'serve'}, loop delay ${Math.round(lagMs)} ms`;
  return {
    icon: isWell ? 'ok' : 'warn',
    text: [`tsuji itself is ${isWell ? 'well' : 'not well'}: ${facts}`],
    link: '/nodes',
  };
}

function startItems({ sources }: FindingFacts): Finding[] {
  return sources.map(({ name, state, error }) => ({
    icon: state === 'live' ? 'ok' : 'bad',
    text: [['b', name], `: ${state}`, ...(error === '' ? [] : ([': ', ['code', error.slice(0, 300)]] as Text))],
    link: '/nodes',
  }));
}

function linksOf({ level, since, troubled }: FindingFacts): [string, string][] {
  const links: [string, string][] = [];
  const failing = troubled.troubled.filter(({ state }) => state === 'failing');
  const impaired = troubled.troubled.length - failing.length;
  if (level === 'starting') return [['What to look at', '/problems']];
  if (failing.length === 1) links.push([failing[0].name, `/backends/${encodeURIComponent(failing[0].name)}`]);
  else if (failing.length > 1) links.push([`Failing backends ${wholeOf(failing.length)}`, '/backends?q=is:failing']);
  if (impaired > 0) links.push([`Impaired backends ${wholeOf(impaired)}`, '/backends?q=is:impaired']);
  links.push([`Events since ${clockOf(since).slice(0, 5)}`, '/events']);
  return links.slice(0, 3);
}

function itemsOf(facts: FindingFacts): Finding[] {
  const { level, troubles, troubled } = facts;
  if (level === 'healthy') return [];
  if (level === 'starting') return startItems(facts);
  if (level === 'outage') return [...outItem(facts), ...changeItem(facts), ownItem(facts)];
  const impaired = impairedText(troubled.troubled);
  // The first one is the title.
  const first = troubles
    .slice(0, MOST_TROUBLES)
    .filter((trouble) => trouble.text.length > 0 || trouble !== troubles[0]);
  const items: Finding[] = first
    .filter((trouble) => !(impaired.length > 0 && trouble.state === 'warn' && trouble.link.startsWith('/backends/')))
    .map(({ state, title, text, link }) => ({
      icon: state,
      text: text.length === 0 ? title : [...title, '. ', ...text],
      link,
    }));
  if (impaired.length > 0) items.push({ icon: 'warn', text: impaired, link: '/backends?q=is:impaired' });
  return [...items.slice(0, MOST_TROUBLES), ...changeItem(facts), ownItem(facts)];
}

export function findingsOf(facts: FindingFacts): Findings {
  const { level, since } = facts;
  const links = level === 'healthy' ? [] : linksOf(facts);
  return { level, since, title: titleOf(facts), lead: leadOf(facts), items: itemsOf(facts), links };
}
