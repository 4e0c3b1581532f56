/** One call of a server within an exchange that waits for its answer: an auth server (shared/spec logs §5.4). */
// The global of the same name is a getter: reading it costs more than the clock does.
import { performance } from 'node:perf_hooks';
import type { Fault } from '../../kernel/errors.ts';
import type { ServerView } from '../../table/views.ts';
import type { ServerAddress } from '../upstream/dial.ts';
import type { Upstream } from '../upstream/upstream.ts';

export class ServerCall {
  readonly spanId: string;
  /** Milliseconds of performance.now(). */
  readonly start = performance.now();
  /** -1: it has not ended. */
  end = -1;
  /** 0: there was no answer. */
  status = 0;
  /** null: nothing has failed. */
  fault: Fault | null = null;
  /** Scheme, host and port of where it went, and what it asked for there. */
  origin = '';
  target = '';
  host = '';
  port = 0;
  peer = '';
  version: Upstream['protocol'] = '1.1';

  constructor(spanId: string) {
    this.spanId = spanId;
  }

  /** As it was asked for; a backend may choose another server (`reached`). */
  goesTo({ scheme, host, port, hostHeader }: ServerAddress, target: string): void {
    this.target = target;
    this.host = host;
    this.port = port;
    this.origin = `${scheme === 'https' ? 'https' : 'http'}://${hostHeader}`;
  }

  /** The server that has answered; null where it was asked for by name. */
  reached({ peer, protocol }: Pick<Upstream, 'peer' | 'protocol'>, server: ServerView | null): void {
    this.peer = peer;
    this.version = protocol;
    if (server !== null) this.goesTo(server, this.target);
  }

  /** Its answer is here, or why there is none. */
  ends(status: number, fault: Fault | null): void {
    this.end = performance.now();
    this.status = status;
    this.fault = fault;
  }
}
