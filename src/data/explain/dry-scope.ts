/** The exchange of a request that nobody has sent: middlewares may look at it and keep things with it, and nothing happens. */
import type { RequestHead } from '../../http/request-head.ts';
import { TsujiError } from '../../kernel/errors.ts';
import type { BackendView, FrontendView } from '../../table/views.ts';
import type { WorkerContext } from '../context.ts';
import { BodyPolicy } from '../exchange/body-policy.ts';
import type { Middleware, Peer, Scope, Waiting } from '../middleware.ts';

export class DryScope implements Scope {
  readonly worker: WorkerContext;
  readonly entryPoint: number;
  readonly client: Peer;
  readonly clientTarget: string;
  readonly bodies = new BodyPolicy();
  readonly record = null;
  readonly trace = null;
  readonly marks = { wall: Date.now() };
  frontend: FrontendView | null = null;
  /** That a middleware has chosen; null: none has. */
  backend: BackendView | null = null;
  clientAddress: string | null = null;
  user = '';
  authWasKnown: boolean | null = null;
  requestId = '';
  replacedIds: readonly string[] | null = null;
  private readonly keeps = new Map<Middleware, object>();

  constructor(worker: WorkerContext, entryPoint: number, client: Peer, { target }: RequestHead) {
    this.worker = worker;
    this.entryPoint = entryPoint;
    this.client = client;
    this.clientTarget = target;
  }

  /** Who would wait has a `foresee`. */
  wait(): Waiting {
    throw new TsujiError('INTERNAL', 'a request that nobody has sent cannot wait');
  }

  sendTo(backend: BackendView): void {
    this.backend = backend;
  }

  keep(middleware: Middleware, value: object): void {
    this.keeps.set(middleware, value);
  }

  kept(middleware: Middleware): object | undefined {
    return this.keeps.get(middleware);
  }

  replace(): boolean {
    return false;
  }

  limitTime(): void {}
  fail(): void {}
  breakOff(): void {}
}
