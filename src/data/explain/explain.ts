/**
 * What would become of a request that nobody has sent: its way through entrypoint, table, middlewares and balancer, by the
 * same code that serves real ones. Nothing is sent, no turn or token is taken, and nobody is told.
 */
import { RequestHead } from '../../http/request-head.ts';
import { pathOf, targetProblem } from '../../http/request-target.ts';
import { FAULTS, type Fault } from '../../kernel/errors.ts';
import { MAX_FAILOVERS } from '../../middlewares/failover.ts';
import { isSecretField } from '../../middlewares/header-keys.ts';
import type {
  Explained,
  ExplainedBackend,
  ExplainedLimit,
  ExplainedRequest,
  ExplainedStep,
  ExplainedTry,
} from '../../protocol/explanation.ts';
import type { RoutingTable } from '../../table/reader.ts';
import { type BackendView, type FrontendView, ServerView } from '../../table/views.ts';
import type { ForeseenPlace } from '../balancing/backend-guard.ts';
import { type Balancer, balancerOf } from '../balancing/balancer.ts';
import { triesAllowed } from '../balancing/retry.ts';
import { foreseenStandIn } from '../balancing/stand-in.ts';
import type { WorkerContext } from '../context.ts';
import { OtherPeer } from '../exchange/other-peer.ts';
import { HeldBodies, OutgoingRequest } from '../exchange/outgoing-request.ts';
import type { Peer } from '../middleware.ts';
import { AuthCounts } from '../middlewares/auth-counts.ts';
import { backendSteps, entryPointSteps, frontendSteps, type Named } from '../middlewares/order.ts';
import { localReply, type Reply, slashRedirect } from '../reply.ts';
import { DryScope } from './dry-scope.ts';
import { explainedReply } from './reply-text.ts';
import { explainServers } from './servers.ts';
import { explainStep } from './steps.ts';

/** Frontends that are told of, those that were tried and those of other hosts. */
const MOST_TOLD = { tried: 100, others: 20 };

function headOf({ method, target, host, fields }: ExplainedRequest): RequestHead {
  const head = new RequestHead();
  head.begin(method, target, pathOf(target));
  if (host !== null) head.add('host', host);
  for (const [name, value] of fields) head.add(name, value);
  head.finish();
  if (head.problem === '') head.problem = targetProblem(target);
  head.tunnel = head.problem === '' && head.upgrade !== '';
  return head;
}

class Explanation {
  private readonly worker: WorkerContext;
  private readonly head: RequestHead;
  private readonly client: Peer;
  private readonly scope: DryScope;
  private readonly steps: ExplainedStep[] = [];
  private frontend: FrontendView | null = null;
  private tried: readonly ExplainedTry[] = [];
  private triedInAll = 0;
  private backend: ExplainedBackend | null = null;
  /** Of the table that it went by. */
  private generation = 0;
  /** The backend itself may let it in or not. */
  private isOpen = false;
  private server = '';
  private sent = '';

  constructor(worker: WorkerContext, request: ExplainedRequest) {
    const { entryPoint, client } = request;
    this.worker = worker;
    this.head = headOf(request);
    this.client = new OtherPeer(
      { secure: worker.entryPoints[entryPoint].tls !== null, peerAddress: () => client },
      client,
    );
    this.scope = new DryScope(worker, entryPoint, this.client, this.head);
  }

  async make(): Promise<Explained> {
    const reply = await this.run();
    const { problem } = this.head;
    return {
      generation: this.generation,
      problem,
      frontend: this.frontend?.name ?? '',
      tried: this.tried,
      triedInAll: this.triedInAll,
      steps: this.steps,
      backend: this.backend,
      reply: reply === null ? null : explainedReply(reply),
      isCertain: this.steps.every(({ isCertain }) => isCertain) && !this.isOpen,
      server: this.server,
      sent: this.sent,
    };
  }

  /** The answer that is not a server's. The order is that of exchange/exchange.ts. */
  private async run(): Promise<Reply | null> {
    const { worker, head, scope, client } = this;
    worker.trusts[scope.entryPoint]?.judge(client, head);
    worker.requestIds.name(scope, head);
    if (head.problem !== '') return localReply(head.fault);
    const refusal = await this.pass('entrypoint', entryPointSteps(worker, scope.entryPoint));
    if (refusal !== null) return refusal;
    const { table } = worker;
    if (table === null) return localReply(FAULTS.notReady);
    this.generation = table.generation;
    const frontend = this.route(table);
    if (frontend === null) return localReply(FAULTS.noRoute);
    if (table.redirectSlash) return slashRedirect(head.method, head.path, head.target);
    scope.frontend = frontend;
    const reply = await this.pass('frontend', frontendSteps(worker, scope.entryPoint, frontend));
    return reply ?? this.choose(frontend, scope.backend ?? frontend.backend);
  }

  private async pass(of: ExplainedStep['of'], steps: readonly Named[]): Promise<Reply | null> {
    for (const { kind, step } of steps) {
      // What is behind it is told of.
      if (step instanceof AuthCounts) continue;
      const { told, reply } = await explainStep(of, kind, step, this.scope, this.head);
      this.steps.push(told);
      if (reply !== null) return reply;
    }
    return null;
  }

  private route(table: RoutingTable): FrontendView | null {
    const { head, scope } = this;
    const frontend = table.route(scope.entryPoint, head.method, head.host, head.path, head);
    const { tried, triedInAll, others } = table.tried(head.host, MOST_TOLD);
    const told = tried.map(({ frontend: name, refusal }) => ({
      frontend: name,
      no: refusal?.matcher ?? '',
      wants: refusal?.wants ?? [],
    }));
    // Of very many not all are looked at.
    if (frontend !== null && !told.some((each) => each.frontend === frontend.name)) {
      told.unshift({ frontend: frontend.name, no: '', wants: [] });
    }
    this.frontend = frontend;
    this.tried = [...told, ...others.map((name) => ({ frontend: name, no: 'host', wants: [] }))];
    this.triedInAll = triedInAll;
    return frontend;
  }

  /** Backends stand in for one another also for what their limits refuse. */
  private async choose(frontend: FrontendView, own: BackendView): Promise<Reply | null> {
    const { worker, head } = this;
    const passed: string[] = [];
    const { length } = this.steps;
    for (let next = own; ; ) {
      const way = foreseenStandIn(next, head, worker);
      const backend = way.at(-1)!;
      const balancer = balancerOf(backend, worker);
      passed.push(...way.slice(0, -1).map(({ name }) => name));
      this.steps.length = length;
      const answer = await this.pass('backend', backendSteps(backend));
      const entered = this.enter(backend, balancer, passed);
      if (answer !== null) return answer;
      if (entered instanceof ServerView) {
        this.send(frontend, entered);
        return null;
      }
      const { failover } = balancer;
      const isFollowed = this.backend?.limit?.becomes === 'refused' && failover?.takes(entered.status) === true;
      if (!isFollowed || passed.length >= MAX_FAILOVERS) return localReply(entered);
      passed.push(backend.name);
      next = failover.to;
    }
  }

  /** The server that most probably gets it, or why none does. */
  private enter(backend: BackendView, balancer: Balancer, standsInFor: readonly string[]): ServerView | Fault {
    const { head, client, scope } = this;
    const address = scope.clientAddress;
    const from = address === null || address === '' ? client : new OtherPeer(client, address);
    const { guard, attempts } = balancer;
    const place = guard?.foreseePlace(head, from) ?? null;
    const breaker = guard?.breakerState ?? 'none';
    const servers = explainServers(balancer, head, from);
    this.backend = {
      name: backend.name,
      standsInFor,
      method: backend.policy?.hash === undefined ? (backend.policy?.method ?? 'wrr') : 'hash',
      breaker,
      tries: triesAllowed(attempts, backend.servers.length),
      limit: place === null ? null : limitOf(place),
      servers,
    };
    this.isOpen = breaker === 'recovering' || place?.waits === true;
    if (breaker === 'tripped') return FAULTS.circuitOpen;
    if (place !== null && place.refusal !== null) return place.refusal;
    const best = servers.reduce((most, each, i) => (each.chance > (servers[most]?.chance ?? 0) ? i : most), -1);
    return best < 0 ? noServer(backend) : backend.servers[best];
  }

  private send(frontend: FrontendView, server: ServerView): void {
    const { worker, head, client } = this;
    const request = new OutgoingRequest(new HeldBodies());
    request.begin(head);
    request.takeText(head, { peerAddress: () => client.peerAddress(), secure: client.secure }, worker.serverLine);
    this.server = server.name;
    this.sent = redacted(request.headFor(frontend, server));
  }
}

function limitOf({ refusal, waits, ...limit }: ForeseenPlace): ExplainedLimit {
  return { ...limit, becomes: refusal !== null ? 'refused' : waits ? 'waits' : 'let in' };
}

/** Options may have put secrets into it. */
function redacted(head: string): string {
  return head.replace(/^([^:\r\n]+): .+$/gm, (line, name: string) =>
    isSecretField(name) ? `${name}: REDACTED` : line,
  );
}

function noServer(backend: BackendView): Fault {
  return backend.allWeightsZero ? FAULTS.allWeightsZero : FAULTS.noServer;
}

export function explain(worker: WorkerContext, request: ExplainedRequest): Promise<Explained> {
  return new Explanation(worker, request).make();
}
