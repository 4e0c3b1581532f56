/** Chooses one of several backends for a request (shared/spec frontend-options §3.6), exact over all workers. */
import { cookieValue } from '../../http/cookies.ts';
import type { RequestHead } from '../../http/request-head.ts';
import type { ResponseText } from '../../http/response-text.ts';
import { type SplitEntry, type SplitOptions, splitCookieName } from '../../middlewares/split.ts';
import { lineOf, SPLIT_TURNS, takeFrontendTurn } from '../../shared/cursors.ts';
import { scheduleOf } from '../../table/schedule.ts';
import type { BackendView, FrontendView } from '../../table/views.ts';
import { balancerOf } from '../balancing/balancer.ts';
import type { WorkerContext } from '../context.ts';
import type { Foreseen, Middleware, Scope } from '../middleware.ts';

type Choice = SplitEntry & { readonly view: BackendView };

const SAME_SITE: Readonly<Record<string, string>> = {
  '': '',
  none: '; SameSite=None',
  lax: '; SameSite=Lax',
  strict: '; SameSite=Strict',
};

export class Split implements Middleware {
  private readonly worker: WorkerContext;
  private readonly options: SplitOptions;
  private readonly choices: readonly Choice[];
  private readonly byName: ReadonlyMap<string, Choice>;
  private readonly schedule: Int32Array;
  private readonly line: number;
  private readonly cookieName: string;
  private readonly attributes: string;

  constructor(options: SplitOptions, worker: WorkerContext, frontend: FrontendView) {
    this.worker = worker;
    this.options = options;
    this.choices = options.entries.map((entry) => ({ ...entry, view: frontend.otherBackends!.get(entry.backend)! }));
    this.byName = new Map(this.choices.map((choice) => [choice.name, choice]));
    this.schedule = Int32Array.from(scheduleOf(options.entries.map(({ weight }) => weight)));
    this.line = lineOf(frontend.name);
    const { sticky } = options;
    this.cookieName = sticky === null || sticky.cookieName === '' ? splitCookieName(frontend.name) : sticky.cookieName;
    this.attributes =
      sticky === null
        ? ''
        : `; Path=/${sticky.httpOnly ? '; HttpOnly' : ''}${sticky.secure ? '; Secure' : ''}${SAME_SITE[sticky.sameSite]}`;
  }

  /** What a header and what a cookie names. */
  private named(head: RequestHead): { readonly asked: Choice | undefined; readonly stays: Choice | undefined } {
    const { header, sticky } = this.options;
    const asked = header === '' ? undefined : this.byName.get(head.values(header)[0] ?? '');
    const cookie = sticky === null ? null : cookieValue(head.values('cookie'), this.cookieName);
    return { asked, stays: cookie === null ? undefined : this.byName.get(cookie) };
  }

  /** Takes no turn: of those that are left the one with the largest share is followed. */
  foresee(exchange: Scope, head: RequestHead): Foreseen {
    const { asked, stays } = this.named(head);
    const pinned = this.usable(asked) ?? this.usable(stays);
    const usable = this.choices.filter((choice) => choice.weight > 0 && this.usable(choice) !== null);
    const most = usable.toSorted((a, b) => b.weight - a.weight)[0] ?? null;
    const choice = pinned ?? most;
    exchange.sendTo((choice ?? this.choices[0]).view);
    if (pinned !== null) return { text: `to ${pinned.backend}, which the request names`, reply: null, isCertain: true };
    if (choice === null) return { text: 'no backend of it has a server', reply: null, isCertain: true };
    const sum = usable.reduce((all, { weight }) => all + weight, 0);
    const shares = usable.map(({ backend, weight }) => `${backend} ${Number(((100 * weight) / sum).toFixed(1))} %`);
    return { text: `by turns to ${shares.join(', ')}`, reply: null, isCertain: true };
  }

  request(exchange: Scope, head: RequestHead): null {
    const { sticky } = this.options;
    const { asked, stays } = this.named(head);
    const choice = this.usable(asked) ?? this.usable(stays) ?? this.next();
    // Without any the first one answers, that it has no server.
    exchange.sendTo((choice ?? this.choices[0]).view);
    if (sticky !== null && choice !== null && choice !== stays) exchange.keep(this, choice);
    return null;
  }

  private usable(choice: Choice | undefined): Choice | null {
    if (choice === undefined) return null;
    const { rotation } = balancerOf(choice.view, this.worker);
    rotation.sync();
    return rotation.scheduleLength > 0 || rotation.trial !== null ? choice : null;
  }

  /** The entry of the next turn; the turns of those that cannot be used are passed over. */
  private next(): Choice | null {
    const { schedule, choices } = this;
    for (let tries = 0; tries < schedule.length; tries++) {
      const turn = takeFrontendTurn(this.worker.cursors, this.line, SPLIT_TURNS) % schedule.length;
      const choice = this.usable(choices[schedule[turn]]);
      if (choice !== null) return choice;
    }
    return null;
  }

  response(exchange: Scope, response: ResponseText): undefined {
    const choice = exchange.kept(this) as Choice | undefined;
    if (choice !== undefined && !response.isLocal) {
      response.add('Set-Cookie', `${this.cookieName}=${choice.name}${this.attributes}`);
    }
  }
}
