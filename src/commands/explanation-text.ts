/** An explanation (src/control/explain/explanation.ts) as text for a terminal. */
import type { Explanation, MiddlewareAnswer, Step } from '../control/explain/explanation.ts';
import type { KeyRow } from '../control/keys/key-rows.ts';
import { plain } from './terminal-text.ts';

/** Frontends that said no, of those that are told. */
const MOST_NO = 15;
const MOST_SERVERS = 30;

function keyLine({ key, value, source, revision }: KeyRow): string {
  return `      ${key} = ${value}  (${source}${revision === null ? '' : ` rev ${revision}`})`;
}

function* middlewareLines(steps: readonly MiddlewareAnswer[]): Generator<string> {
  for (const { kind, does, reply, certain, keys } of steps) {
    const answer = reply === null ? '' : ` -> ${reply.status} (${reply.cause})`;
    yield `    ${kind}: ${does.join('; ')}${answer}${certain ? '' : '  [depends]'}`;
    for (const key of keys) yield keyLine(key);
  }
}

function* triedLines({ tried = [], triedInAll = 0 }: Step): Generator<string> {
  let refused = 0;
  let isBehind = false;
  for (const { name, rules, rank, no, wants, shadowed } of tried) {
    const rule = rules.join(' and ') || '(no rule)';
    if (no !== '' && ++refused > MOST_NO) continue;
    if (no !== '') {
      const wanted = wants.length === 0 ? '' : `, which wants ${wants.slice(0, 3).join(' or ')}`;
      yield `    no   ${name} [${rank}] ${rule}: ${no} says no${wanted}`;
    } else {
      yield `    ${shadowed ? 'also' : 'wins'} ${name} [${rank}] ${rule}`;
      isBehind = true;
    }
  }
  const more = triedInAll - tried.length + Math.max(refused - MOST_NO, 0);
  if (more > 0) yield `    and ${more} more${isBehind ? '' : ' that said no'}`;
}

function* serverLines({ servers = [], leftOut = [] }: Step): Generator<string> {
  for (const server of servers.slice(0, MOST_SERVERS)) {
    const { name, url, state, chance, effectiveWeight, weight, inFlight, why, reason, keys } = server;
    const share = `${Number((100 * chance).toFixed(1))} %`.padStart(7);
    const weights = weight === effectiveWeight ? `weight ${weight}` : `weight ${weight} -> ${effectiveWeight}`;
    yield `   ${share}  ${name} ${url}: ${state}, ${weights}, ${inFlight} in flight; ${why}${reason === '' ? '' : `: ${reason}`}`;
    for (const key of keys) yield keyLine(key);
  }
  if (servers.length > MOST_SERVERS) yield `    and ${servers.length - MOST_SERVERS} more`;
  for (const { name, url, constraint } of leftOut) yield `        -  ${name} ${url}: left out by ${constraint}`;
}

function* stepLines(step: Step): Generator<string> {
  yield `  ${step.ok ? '+' : 'x'} ${step.name}: ${step.text}`;
  for (const { key, state, reason, fix } of step.problems ?? []) {
    yield `    ${state}: ${key}: ${reason}`;
    if (fix !== '') yield `      probably meant: ${fix}`;
  }
  yield* triedLines(step);
  yield* middlewareLines(step.middlewares ?? []);
  yield* serverLines(step);
  if (step.name === 'frontend' || step.name === 'backend') {
    for (const key of step.keys ?? []) {
      if (!/\/servers\//.test(key.key)) yield keyLine(key);
    }
  }
}

export function explanationText({ request, short, steps, sent, gen }: Explanation): string {
  const { method, host, target, entrypoint, client } = request;
  const lines = [
    `${method} ${host ?? '(no host)'}${target} from ${client} at ${entrypoint}, generation ${gen}`,
    short,
    '',
    ...steps.flatMap((step) => [...stepLines(step)]),
  ];
  if (sent !== null) {
    lines.push('', `  sent to ${sent.server} ${sent.url}:`);
    for (const line of sent.head.trimEnd().split('\r\n')) lines.push(`    ${line}`);
  }
  return `${lines.map(plain).join('\n')}\n`;
}
