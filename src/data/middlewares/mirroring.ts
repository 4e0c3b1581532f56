/**
 * Sends copies of requests to other backends, when the request itself has gone out, and throws their answers away (shared/spec
 * frontend-options §3.5). Whatever a mirror does costs nobody else anything.
 */
import type { RequestHead } from '../../http/request-head.ts';
import { log } from '../../kernel/log.ts';
import type { Mirror, MirroringOptions } from '../../middlewares/mirroring.ts';
import { lineOf, MIRROR_TURNS, takeFrontendTurn } from '../../shared/cursors.ts';
import type { MirrorResult } from '../../shared/mirror-counts.ts';
import type { FrontendView } from '../../table/views.ts';
import type { WorkerContext } from '../context.ts';
import type { Middleware, Scope } from '../middleware.ts';
import { Subrequest } from '../subrequest.ts';
import type { SubrequestUser } from '../subrequest-user.ts';

/** Copies of one worker that may be under way: beyond them none is made. */
const MAX_IN_FLIGHT = 100;

const SAFE: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

let inFlight = 0;

/** Nobody looks at the answer. */
class Nobody implements SubrequestUser {
  private readonly mirror: string;
  private readonly ended: (result: MirrorResult) => void;

  constructor(mirror: string, ended: (result: MirrorResult) => void) {
    this.mirror = mirror;
    this.ended = ended;
  }

  subrequestAnswered(): void {}
  subrequestBody(): void {}

  subrequestEnded(): void {
    inFlight--;
    this.ended('ok');
  }

  subrequestFailed(_: unknown, detail: string): void {
    inFlight--;
    this.ended('failed');
    log.debug('a mirror did not answer', { mirror: this.mirror, detail });
  }
}

export class Mirroring implements Middleware {
  private readonly worker: WorkerContext;
  private readonly frontend: FrontendView;
  private readonly options: MirroringOptions;
  private readonly line: number;
  /** Where each mirror is counted, by name. */
  private readonly cells: ReadonlyMap<string, number>;

  constructor(options: MirroringOptions, worker: WorkerContext, frontend: FrontendView) {
    this.worker = worker;
    this.frontend = frontend;
    this.options = options;
    this.line = lineOf(frontend.name);
    const { mirrorCounts } = worker;
    this.cells = new Map(
      options.mirrors.map(({ name, backend }) => [name, mirrorCounts.cellOf(frontend.name, backend)]),
    );
  }

  request(exchange: Scope, head: RequestHead): null {
    if (head.tunnel || head.upgrade !== '' || !(this.options.unsafeMethods || SAFE.has(head.method))) return null;
    exchange.bodies.copyRequest(this.options.mirrorBody ? this.options.maxBodyBytes : 0);
    exchange.keep(this, head.detached());
    return null;
  }

  sent(exchange: Scope, body: readonly Buffer[] | null): void {
    const head = exchange.kept(this) as RequestHead | undefined;
    if (head === undefined || (body === null && this.options.mirrorBody)) return;
    // Whatever the share, every mirror sees the same turn.
    const turn = takeFrontendTurn(this.worker.cursors, this.line, MIRROR_TURNS);
    for (const mirror of this.options.mirrors)
      if (isTurn(turn, mirror.percent)) this.mirror(exchange, mirror, head, body);
  }

  private mirror(exchange: Scope, mirror: Mirror, head: RequestHead, body: readonly Buffer[] | null): void {
    const cell = this.cells.get(mirror.name)!;
    if (inFlight >= MAX_IN_FLIGHT) {
      this.worker.mirrorCounts.count(cell, 'skipped');
      log.debug('a mirror is left out: too many are under way', { mirror: mirror.name, frontend: this.frontend.name });
      return;
    }
    const { worker } = this;
    const { client } = exchange;
    const forwarded = head.forwardedLines(client.peerAddress(), client.secure, worker.serverLine);
    const text = {
      method: head.method,
      target: head.asWritten(head.target),
      host: this.frontend.passHostHeader ? head.host : '',
      lines: `${head.fields}${forwarded}${exchange.trace?.ownLines ?? ''}x-tsuji-mirror: ${this.frontend.name.replace(/[^\x21-\x7e]/g, '_')}\r\n`,
      latin1: head.latin1,
      body: head.bodyFollows ? (this.options.mirrorBody ? body : []) : null,
      isCopy: true,
    };
    inFlight++;
    const nobody = new Nobody(mirror.name, (result) => worker.mirrorCounts.count(cell, result));
    const backend = this.frontend.otherBackends!.get(mirror.backend)!;
    Subrequest.toBackend(worker, backend, head, client, text, this.options.timeoutMs, nobody);
  }
}

/** Of 100 turns `percent`, as evenly as can be. */
function isTurn(turn: number, percent: number): boolean {
  const at = turn % 100;
  return Math.floor(((at + 1) * percent) / 100) > Math.floor((at * percent) / 100);
}
