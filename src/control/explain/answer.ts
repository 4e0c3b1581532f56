/** What a worker says would become of a request, with the keys that it comes from and what the main thread knows besides. */
import { nearestName } from '../../kernel/nearest.ts';
import type { Problem } from '../../kernel/problems.ts';
import { quoted } from '../../kernel/quote.ts';
import type { OptionSet } from '../../middlewares/kind.ts';
import { shownOptions } from '../../middlewares/kinds.ts';
import type { Backend } from '../../model/model.ts';
import { FRONTEND_KEYS } from '../../model/schema.ts';
import type { Explained, ExplainedRequest, ExplainedStep } from '../../protocol/explanation.ts';
import { canonicalHost } from '../../table/request-text.ts';
import { type KeyRow, keyRow, treeOf } from '../keys/key-rows.ts';
import { problemDetail } from '../keys/key-status.ts';
import type { ControlView } from '../view.ts';
import { limitText, percent, serversText } from './backend-text.ts';
import type { Blamed, Explanation, FrontendTry, MiddlewareAnswer, Step } from './explanation.ts';

/** Of one object. */
const MOST_KEYS = 200;
const MOST_PROBLEMS = 10;
/** Frontends that are looked at for a host that is near, and problems for one that is to blame. */
const MOST_LOOKED_AT = 5_000;
/** Characters of one for which that is done. */
const MOST_HOST = 100;

type Kind = 'frontends' | 'backends';

class Answer {
  private readonly view: ControlView;
  /** Of the keys in force. */
  private readonly tree: string;
  private readonly request: ExplainedRequest;
  private readonly explained: Explained;

  constructor(view: ControlView, request: ExplainedRequest, explained: Explained) {
    this.view = view;
    this.tree = treeOf(view);
    this.request = request;
    this.explained = explained;
  }

  make(): Explanation {
    const { explained, request, view } = this;
    const { reply, isCertain, server, sent, backend, frontend } = explained;
    const to = backend?.servers.find(({ name }) => name === server);
    return {
      gen: explained.generation,
      short: this.short(),
      served: reply === null,
      certain: isCertain,
      request: {
        entrypoint: view.entryPoints()[request.entryPoint].name,
        method: request.method,
        host: request.host,
        target: request.target,
        client: request.client,
      },
      frontend,
      backend: backend?.name ?? '',
      reply,
      steps: [...this.steps()],
      sent: sent === '' ? null : { server, url: to?.url ?? '', target: sent.split(' ', 2)[1], head: sent },
    };
  }

  private short(): string {
    const { explained } = this;
    const { frontend, backend, reply, isCertain } = explained;
    const way = [
      ...(frontend === '' ? [] : [`frontend ${frontend}`]),
      ...(backend === null ? [] : [`backend ${backend.name}`]),
    ];
    if (reply === null) {
      const chances = backend!.servers.filter(({ chance }) => chance > 0);
      const servers = chances
        .slice(0, 8)
        .map(({ name, chance, state }) => `${name} (${percent(chance)}${state === 'in rotation' ? '' : `, ${state}`})`);
      const more = chances.length > 8 ? `, ${chances.length - 8} more` : '';
      const open = backend!.limit?.becomes === 'waits' ? ', once there is a place for it' : ', if it is let on';
      return `${[...way, servers.join(', ') + more].join(' -> ')}${isCertain ? '' : open}`;
    }
    const { status, cause, location } = reply;
    return [...way, `${status} (${cause})${location === '' ? '' : ` to ${location}`}`].join(' -> ');
  }

  private *steps(): Generator<Step> {
    const { explained, request } = this;
    const { problem, reply, frontend, backend } = explained;
    if (problem !== '') {
      yield { name: 'request', ok: false, text: `it is refused before anything looks at it: ${problem}` };
      return;
    }
    const own = this.middlewares('entrypoint', null);
    const { name } = this.view.entryPoints()[request.entryPoint];
    const last = own.at(-1)?.reply ?? null;
    yield {
      name: 'entrypoint',
      ok: last === null,
      text: last === null ? `entrypoint ${name}` : `entrypoint ${name} answers ${last.status}`,
      middlewares: own,
    };
    if (last !== null) return;
    yield this.frontendStep();
    if (frontend === '') return;
    const { options } = this.view.model().frontends.get(frontend) ?? {};
    const passed = this.middlewares('frontend', options ?? null);
    const stop = passed.at(-1)?.reply ?? null;
    if (passed.length > 0) {
      const text = stop === null ? 'the request goes on' : `${passed.at(-1)!.kind} answers ${stop.status}`;
      yield { name: 'middlewares', ok: stop === null, text, middlewares: passed };
    }
    if (backend !== null) yield* this.backendSteps();
    else if (stop === null && reply?.cause === 'redirect') {
      const text = `a final slash differs: redirected to ${reply.location}`;
      yield { name: 'middlewares', ok: false, text, middlewares: [] };
    }
  }

  private middlewares(of: ExplainedStep['of'], options: OptionSet | null): MiddlewareAnswer[] {
    const { explained } = this;
    const shown = options === null ? {} : shownOptions(options);
    const keys = of === 'frontend' ? this.keys('frontends', explained.frontend, Number.POSITIVE_INFINITY) : [];
    return explained.steps
      .filter((step) => step.of === of)
      .map(({ kind, does, reply, isCertain: certain }) => ({
        kind,
        does,
        reply,
        certain,
        options: shown[kind] ?? null,
        keys: keys.filter(({ key }) => this.kindOf(key) === kind),
      }));
  }

  /** Of the middleware that a key of a frontend belongs to. */
  private kindOf(key: string): string {
    const start = `${this.tree}/frontends/${this.explained.frontend}/`;
    const match = FRONTEND_KEYS.find(key.slice(start.length));
    if (match.kind !== 'known') return '';
    if (match.field === 'rule') return 'modifiers';
    return typeof match.field === 'object' ? match.field.name : '';
  }

  private keys(kind: Kind, name: string, most = MOST_KEYS): KeyRow[] {
    return this.view
      .keysOf(kind, name)
      .slice(0, most)
      .map((key) => keyRow(this.tree, key));
  }

  private tries(): FrontendTry[] {
    const { frontends } = this.view.model();
    const { tried, frontend: winner } = this.explained;
    let isBehind = false;
    return tried.map(({ frontend, no, wants }) => {
      const known = frontends.get(frontend);
      const shadowed = isBehind && no === '';
      isBehind ||= frontend === winner;
      const rules = known?.routes.map(({ rule }) => rule) ?? [];
      return { name: frontend, rules, rank: known?.rank ?? 0, no, wants, shadowed };
    });
  }

  private frontendStep(): Step {
    const { frontend, triedInAll, generation } = this.explained;
    const tried = this.tries();
    if (frontend === '') {
      const problems = this.problemsOfHost();
      const text = generation === 0 ? this.whyNotLoaded() : this.whyNone(problems.length > 0);
      return { name: 'frontend', ok: false, text, tried, triedInAll, problems };
    }
    const shadowed = tried.filter((each) => each.shadowed);
    const { rank, rules } = tried.find(({ name }) => name === frontend)!;
    const equal = shadowed.some((other) => other.rank === rank);
    const first = equal ? 'comes first by name among those of its priority' : 'has the highest priority of those';
    const what = rules.length === 0 ? 'has no rule, so that it matches every request' : 'matches';
    const why = shadowed.length === 0 ? `it alone ${what}` : `it ${what}, and ${first}`;
    return {
      name: 'frontend',
      ok: true,
      text: `frontend ${frontend} (priority ${rank}): ${why}`,
      tried,
      triedInAll,
      keys: this.keys('frontends', frontend),
    };
  }

  private whyNotLoaded(): string {
    const troubles = this.view.sources().flatMap(({ error }) => (error === '' ? [] : [error]));
    return ['no routes are loaded yet', ...troubles].join('; ');
  }

  /** `isBlamed`: some that speak of its host are left out, and told of. */
  private whyNone(isBlamed: boolean): string {
    const { request, explained, view } = this;
    if (view.model().frontends.size === 0 && !isBlamed) {
      const place = view.prefix === '' ? '' : `, below ${view.prefix}`;
      return `there is no frontend at all${place}: is the prefix right, and may the user read it?`;
    }
    const host = canonicalHost(request.host ?? '');
    const hosts = new Set<string>();
    for (const { terms } of view.model().frontends.values()) {
      for (const term of terms) if (term.kind === 'host') for (const each of term.hosts) hosts.add(each);
      if (hosts.size > MOST_LOOKED_AT) break;
    }
    const isKnown = host === '' || host.length > MOST_HOST || hosts.has(host);
    const near = isKnown || isBlamed ? null : nearestName(host, hosts);
    const hint = isBlamed
      ? '; those that would are left out'
      : near === null
        ? ''
        : `; there is one for the host ${quoted(near)}`;
    const { triedInAll } = explained;
    if (triedInAll > 0) return `none of the ${triedInAll} that are tried for the host ${quoted(host)} matches${hint}`;
    return `no frontend of this entrypoint takes the host ${quoted(host)}${hint}`;
  }

  /** Of frontends that are left out and speak of its host. */
  private problemsOfHost(): Blamed[] {
    const { view, request } = this;
    const host = canonicalHost(request.host ?? '');
    const found: Blamed[] = [];
    const start = `${this.tree}/frontends/`;
    let looked = 0;
    for (const problem of view.problems()) {
      const { key, state } = problem;
      if (++looked > MOST_LOOKED_AT || found.length === MOST_PROBLEMS || host === '') break;
      if (state !== 'rejected' || !key.startsWith(start)) continue;
      const [name] = key.slice(start.length).split('/', 1);
      const speaks = view.keysOf('frontends', name).some(({ value }) => value.toLowerCase().includes(host));
      if (speaks) found.push(this.blamed(problem));
    }
    return found;
  }

  private blamed(problem: Problem): Blamed {
    const { key, state, reason } = problem;
    return { key, state, reason, fix: problemDetail(this.view, problem).fix };
  }

  private *backendSteps(): Generator<Step> {
    const { view, explained } = this;
    const { name, standsInFor, breaker, limit, tries, method } = explained.backend!;
    const backend = view.model().backends.get(name);
    const passed = this.middlewares('backend', backend?.options ?? null);
    const instead = standsInFor.length === 0 ? '' : `, which stands in for ${standsInFor.join(', ')}`;
    const isOpen = breaker === 'none' || breaker === 'standby' ? '' : `, whose circuit breaker is ${breaker}`;
    const more = tries > 1 ? `, tried up to ${tries} times where a try fails` : '';
    const limited = limit === null ? '' : `; ${limitText(limit)}`;
    yield {
      name: 'backend',
      ok: breaker !== 'tripped' && limit?.becomes !== 'refused',
      text: `backend ${name} (${method})${instead}${isOpen}${more}${limited}`,
      middlewares: passed,
      limit,
      keys: this.keys('backends', name),
    };
    yield this.serverStep(name, backend);
  }

  private serverStep(name: string, backend: Backend | undefined): Step {
    const { view, explained } = this;
    const { servers } = explained.backend!;
    let checked = 0;
    const told = servers.map((server) => {
      const health = view.health(name, server.url);
      if (health !== null) checked++;
      const keys = view
        .keysOf('backends', name)
        .filter(({ key }) => key.startsWith(`backends/${name}/servers/${server.name}/`))
        .map((key) => keyRow(this.tree, key));
      const reason = health?.state === 'down' ? health.reason : view.failure(name, server.url);
      return { ...server, reason, keys };
    });
    const start = `${this.tree}/backends/${name}/servers/`;
    const problems: Blamed[] = [];
    for (const problem of view.problems()) {
      if (problems.length === MOST_PROBLEMS) break;
      if (problem.state !== 'ignored' && problem.key.startsWith(start)) problems.push(this.blamed(problem));
    }
    const isChecked = servers.length === 0 || checked > 0;
    return {
      name: 'server',
      ok: explained.reply === null,
      text: `${serversText(servers)}${isChecked ? '' : '; there is no health check, so that only requests find out who is dead'}`,
      servers: told,
      leftOut: (backend?.leftOut ?? []).map(({ name: left, url, constraint }) => ({ name: left, url, constraint })),
      problems,
    };
  }
}

export function explanationOf(view: ControlView, request: ExplainedRequest, explained: Explained): Explanation {
  return new Answer(view, request, explained).make();
}
