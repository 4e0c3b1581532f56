/**
 * Tells the log which servers come and go, and which backends are left without any that can be used (shared/spec logs §3.3).
 * What is there at the start is told by its number alone.
 */
import { EVENTS } from '../../kernel/events.ts';
import { log } from '../../kernel/log.ts';
import type { Backend, Model, Server } from '../../model/model.ts';
import type { Changed } from '../../model/next-model.ts';

export type ServerLogOptions = {
  readonly model: () => Model;
  /** Names of those that name that backend, be it in their options, and of some that there are not. */
  readonly frontendsNaming: (backend: string) => Iterable<string>;
  /** May requests be sent to it? */
  readonly isUsable: (backend: Backend, server: Server) => boolean;
};

/** Names of frontends in one line. */
const MOST_NAMES = 10;

export class ServerLog {
  private readonly options: ServerLogOptions;
  /** Those that were told to be without a server. */
  private readonly empty = new Set<string>();
  /** Of all backends. */
  serverCount = 0;

  constructor(options: ServerLogOptions) {
    this.options = options;
  }

  /** `isFirst`: they were there at the start. */
  changed(changed: Changed<Backend>, isFirst: boolean): void {
    const { backends } = this.options.model();
    for (const [name, before] of changed) {
      const after = backends.get(name);
      this.serverCount += (after?.servers.length ?? 0) - (before?.servers.length ?? 0);
      if (!isFirst) tellServers(name, before?.servers ?? [], after?.servers ?? []);
      if (after === undefined) this.empty.delete(name);
      else this.look(after);
    }
  }

  /** A server of it can be used from now on, or cannot. */
  look(backend: Backend): void {
    const { name, servers } = backend;
    const hasServer = servers.some((server) => this.options.isUsable(backend, server));
    if (hasServer === !this.empty.has(name)) return;
    const frontends = this.frontendsOf(name);
    // Nobody is sent to it.
    if (!hasServer && frontends.length === 0) return;
    if (hasServer) this.empty.delete(name);
    else this.empty.add(name);
    const shown = frontends.slice(0, MOST_NAMES).join(',') + (frontends.length > MOST_NAMES ? ',…' : '');
    log.event(hasServer ? EVENTS.backendBack : EVENTS.backendEmpty, name, { backend: name, frontends: shown });
  }

  private frontendsOf(backend: string): string[] {
    const { frontends } = this.options.model();
    const naming = [...this.options.frontendsNaming(backend)];
    return naming.filter((name) => frontends.get(name)?.backend === backend);
  }
}

function byUrl(servers: readonly Server[]): Map<string, Server> {
  return new Map(servers.map((server) => [server.url, server]));
}

function tellServers(backend: string, before: readonly Server[], after: readonly Server[]): void {
  const old = byUrl(before);
  const now = byUrl(after);
  for (const { name: server, url, draining } of after) {
    const known = old.get(url);
    if (known === undefined) log.event(EVENTS.serverAdded, '', { backend, server, url });
    if (draining === true && known?.draining !== true) log.event(EVENTS.serverDraining, '', { backend, server, url });
  }
  for (const { name: server, url } of before) {
    if (!now.has(url)) log.event(EVENTS.serverRemoved, '', { backend, server, url });
  }
}
