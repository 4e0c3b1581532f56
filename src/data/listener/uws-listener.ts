/**
 * One entrypoint of one worker on uWebSockets, with or without TLS: accepts (the port is shared with the other workers by
 * SO_REUSEPORT), reads request heads, and gives each request to a pair of downstream and exchange from its free list.
 */
import { isToken } from '../../http/fields.ts';
import { REQUEST_CHUNKED } from '../../http/request-framing.ts';
import { RequestHead } from '../../http/request-head.ts';
import { targetProblem } from '../../http/request-target.ts';
import { isOptionalUpgrade } from '../../http/upgrade.ts';
import { whenQueueIsEmpty } from '../../kernel/accept-queue.ts';
import type { EntryPoint } from '../../kernel/entrypoint-options.ts';
import { FAULTS, ListenError } from '../../kernel/errors.ts';
import { EVENTS } from '../../kernel/events.ts';
import { tellLimit } from '../../kernel/limit-log.ts';
import { log } from '../../kernel/log.ts';
import { tellOwnError } from '../../kernel/own-error.ts';
import type { WorkerContext } from '../context.ts';
import { HttpExchange } from '../exchange/http-exchange.ts';
import { isHandshake } from '../websocket/handshake.ts';
import { WebSocketExchange } from '../websocket/websocket-exchange.ts';
import { ConnectionLimits } from './connection-limits.ts';
import { currentTurn } from './event-turn.ts';
import type { HeldResponse } from './held-response.ts';
import type { Listener } from './listener.ts';
import { PeerAddresses } from './peer-address.ts';
import type { HttpRequest, HttpResponse, TemplatedApp, Uws, us_listen_socket, us_socket_context_t } from './uws.ts';
import type { Backlog } from './uws-backlog.ts';
import { UwsDownstream, type UwsDownstreamOptions } from './uws-downstream.ts';
import { UwsFields } from './uws-fields.ts';
import { UwsTls } from './uws-tls.ts';
import type { AppServer, RouteOrigin } from './uws-tls-app.ts';
import { UwsHandshake, webSocketBehavior } from './uws-websocket.ts';

/** Pairs kept for reuse; more than that were only needed in a burst. */
const MAX_FREE = 4096;

/**
 * uWS reads on, in one turn of the event loop, as long as a client sends as fast as it reads. Requests that go to a server
 * do not come to that, since a second one behind them ends their connection. More than so many in a row that we have answered
 * ourselves within a turn are one client's: as many clients would have to ask at the same moment.
 */
const MAX_ANSWERED = 2_048;

/** What is counted of them, in the log. */
const UNREAD = 'unread_answers';
const ASKS_TOO_MUCH = 'requests_at_once';

/** By the length of the first field alone: any option of five letters is `close` to uWS. */
function uwsCloses(request: HttpRequest): boolean {
  return request.getHeader('connection').length === 5;
}

export class UwsListener implements Listener, AppServer {
  readonly isBusy = false;
  private readonly worker: WorkerContext;
  private readonly uws: Uws;
  private readonly index: number;
  private readonly limits: ConnectionLimits;
  private readonly entryPoint: EntryPoint;
  private readonly app: TemplatedApp;
  private readonly head = new RequestHead();
  private readonly free: UwsDownstream[] = [];
  private readonly peers = new PeerAddresses();
  private readonly downstreams: UwsDownstreamOptions;
  /** The last target that was found good: often that of the next request as well. */
  private goodTarget = '';
  /** Requests in a row, in that turn, that were answered before their handler returned. */
  private answered = 0;
  private turn = 0;
  private socket: us_listen_socket | null = null;
  /** Connections that were accepted. */
  private accepts = 0;
  private readonly tls: UwsTls | null;
  /** `change`: 1 for a connection that was accepted, -1 for one that has ended. */
  private readonly connectionChanged = (response: HttpResponse, change: unknown): void => {
    if (change === 1) this.connected(response);
    else this.disconnected();
  };
  private readonly fields = new UwsFields(this.head);
  private readonly recycle = (pair: UwsDownstream): void => {
    if (this.free.length < MAX_FREE) this.free.push(pair);
  };

  constructor(
    uws: Uws,
    held: HeldResponse,
    backlog: Backlog,
    worker: WorkerContext,
    index: number,
    entryPoint: EntryPoint,
  ) {
    this.uws = uws;
    this.worker = worker;
    this.index = index;
    this.limits = new ConnectionLimits(
      worker.options.connectionLimits,
      index,
      entryPoint.name,
      worker.metrics,
      worker.counts.labels,
    );
    this.entryPoint = entryPoint;
    const { peers, recycle } = this;
    this.downstreams = { worker, peers, secure: entryPoint.tls !== null, backlog, held, recycle };
    this.tls = entryPoint.tls === null ? null : new UwsTls(uws, worker.certificates, index, entryPoint, this);
    this.app = this.tls?.acceptor ?? uws.App();
    if (this.tls !== null) return;
    this.app.filter(this.connectionChanged);
    this.serve(this.app, { app: { retired: false, connections: 0 }, used: false });
  }

  connected(response: HttpResponse): void {
    this.accepts++;
    const takes = this.limits.accepted();
    const hasRoom = this.worker.descriptors.clientAccepted();
    if (takes && !hasRoom) this.limits.rejected('descriptors');
    if (takes && hasRoom) this.peers.connected(response);
    else response.close();
  }

  disconnected(): void {
    this.worker.descriptors.clientClosed();
    this.limits.closed();
  }

  serve(app: TemplatedApp, origin: RouteOrigin): void {
    app.ws(
      '/*',
      webSocketBehavior(
        (response, request, context) => this.onUpgrade(response, request, context, origin),
        () => {
          // uWebSockets does not count those whose protocol has changed.
          origin.app.connections--;
          this.disconnected();
        },
      ),
    );
    // A handler per method knows it without asking; the others ask and have to be checked.
    app.get('/*', (response, request) => this.onRequest(response, request, 'GET', origin));
    app.head('/*', (response, request) => this.onRequest(response, request, 'HEAD', origin));
    app.post('/*', (response, request) => this.onRequest(response, request, 'POST', origin));
    app.put('/*', (response, request) => this.onRequest(response, request, 'PUT', origin));
    app.any('/*', (response, request) => this.onRequest(response, request, '', origin));
  }

  async listen(): Promise<void> {
    const { entryPoint } = this;
    const listening = (socket: us_listen_socket | false): void => {
      if (socket !== false) this.socket = socket;
    };
    if (entryPoint.host === '') this.app.listen(entryPoint.port, listening);
    else this.app.listen(entryPoint.host, entryPoint.port, listening);
    if (this.socket === null) {
      // It does not say why.
      const reason = 'the address is in use, not of this host, or the port needs a privilege (CAP_NET_BIND_SERVICE)';
      const { name: entrypoint, host, port } = entryPoint;
      throw new ListenError('LISTEN_FAILED', { entrypoint, address: `${host}:${port}`, reason });
    }
  }

  /** Open connections live on: each is closed with its next response, or by the end. */
  drain(): void {
    whenQueueIsEmpty(
      () => this.accepts,
      () => {
        if (this.socket !== null) this.uws.us_listen_socket_close(this.socket);
        this.socket = null;
      },
    );
  }

  close(): void {
    this.socket = null;
    if (this.tls === null) this.app.close();
    else this.tls.close();
  }

  private take(): UwsDownstream {
    const pair = this.free.pop();
    if (pair !== undefined) return pair;
    const made = new UwsDownstream(this.downstreams);
    const exchange = new HttpExchange(this.worker);
    made.events = exchange;
    exchange.downstream = made;
    return made;
  }

  /** `method`: '' when it must be read from the request. */
  private onRequest(response: HttpResponse, request: HttpRequest, method: string, origin: RouteOrigin): void {
    if (!this.serves(response)) return;
    const downstream = this.take();
    const exchange = downstream.events as HttpExchange;
    try {
      downstream.attach(response);
      origin.used = true;
      if (origin.app.retired) downstream.isLast(false);
      this.readHead(request, method);
      if (this.head.close) downstream.isLast(uwsCloses(request));
      if (this.head.bodyFollows) downstream.expectBody(this.head.body === REQUEST_CHUNKED, !this.head.isGrpc);
      exchange.begin(this.index, this.head);
      if (downstream.liveResponse() === null) this.hasAnswered();
      else this.answered = 0;
    } catch (error) {
      exchange.crash(error);
      // It had not begun: then nobody else answers.
      downstream.abort();
    }
    downstream.handled();
  }

  private hasAnswered(): void {
    const turn = currentTurn();
    if (turn !== this.turn) {
      this.turn = turn;
      this.answered = 0;
    }
    this.answered++;
  }

  private onUpgrade(
    response: HttpResponse,
    request: HttpRequest,
    context: us_socket_context_t,
    origin: RouteOrigin,
  ): void {
    if (!isHandshake((name) => request.getHeader(name))) {
      this.onRequest(response, request, '', origin);
      return;
    }
    if (!this.serves(response)) return;
    origin.used = true;
    const downstream = new UwsHandshake(response, request, context, this.downstreams);
    if (origin.app.retired) downstream.isLast(false);
    const exchange = new WebSocketExchange(this.worker, this.index, downstream);
    downstream.events = exchange;
    try {
      this.readHead(request, 'GET');
      exchange.begin(this.head);
    } catch (error) {
      exchange.crash(error);
      // It had not begun: then nobody else answers.
      downstream.abort();
    }
    downstream.handled();
  }

  /** False: its client has asked for more than it may, and its connection is ended. */
  private readonly serves = (response: HttpResponse): boolean => {
    try {
      if (this.leavesUnread(response)) return false;
      if (this.answered < MAX_ANSWERED || this.turn !== currentTurn()) return true;
      this.end(response, ASKS_TOO_MUCH, this.answered);
      this.answered = 0;
    } catch (error) {
      // There is no exchange yet that it could end.
      tellOwnError('request that begins', error);
      response.close();
    }
    return false;
  };

  /**
   * Its client asks on while the kernel is full of earlier answers, and is ended. A short answer is over for us when uWS
   * has it: nobody counts how many of them wait. And requests of one read are answered within one cork, which drops
   * something when it is full then (uws-cork.ts).
   */
  private leavesUnread(response: HttpResponse): boolean {
    const value = this.downstreams.backlog.call(response);
    if (value === 0) return false;
    this.end(response, UNREAD, value);
    return true;
  }

  private end(response: HttpResponse, limit: string, value: number): void {
    this.worker.metrics.overBudget();
    const object = this.entryPoint.name;
    tellLimit({ limit, object, value, what: 'clients' });
    response.close();
  }

  private readHead(request: HttpRequest, known: string): void {
    const head = this.head;
    const path = request.getUrl();
    // Undefined without a `?`, '' for an empty query: the type does not know.
    const query = request.getQuery() as string | undefined;
    const method = known === '' ? request.getCaseSensitiveMethod() : known;
    head.begin(method, query === undefined ? path : `${path}?${query}`, path);
    const { fields } = this;
    fields.begin();
    request.forEach(fields.add);
    const areKnown = fields.end();
    head.finish();
    if (!areKnown) fields.keep();
    if (fields.isLossy && head.problem === '') head.problem = 'bytes in a field that are no UTF-8';
    if (head.target !== this.goodTarget) {
      const problem = targetProblem(head.target);
      if (problem === '') this.goodTarget = head.target;
      else if (head.problem === '') head.problem = problem;
    }
    if (known === '' && head.problem === '') this.checkMethod(method);
    if (head.upgrade !== '' && head.problem === '' && !isOptionalUpgrade(head.upgrade)) this.refuseUpgrade();
  }

  private checkMethod(method: string): void {
    const { head } = this;
    if (!isToken(method)) head.problem = 'a method that is no token';
    if (method !== 'CONNECT') return;
    // With the authority that it asks for uWebSockets refuses it; with a path it would reach a server as another request.
    head.problem = 'CONNECT';
    head.fault = FAULTS.noConnect;
  }

  /** Without its `Upgrade` the request would reach a server as another one, whose answer its client does not understand. */
  private refuseUpgrade(): void {
    const { head, entryPoint } = this;
    head.fault = FAULTS.noUpgrade;
    head.problem = head.fault.text;
    const { name } = entryPoint;
    log.event(EVENTS.upgradeRefused, name, { entrypoint: name, upgrade: head.upgrade });
  }
}
