/**
 * The admin address: ping, health, API, metrics and dashboard on one port (shared/spec cli-api §5). Reads only; its own
 * small HTTP server on the main thread, so that it answers even when the workers cannot.
 *
 * A new connection is always taken: when there are too many, the one goes that has said nothing for the longest time, so
 * that whoever asks whether tsuji lives is heard in any crowd.
 */
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { descriptorLimit } from '../../kernel/descriptors.ts';
import { ListenError } from '../../kernel/errors.ts';
import { EVENTS } from '../../kernel/events.ts';
import { log } from '../../kernel/log.ts';
import type { TicketKeyRing } from '../../protocol/messages.ts';
import type { WebSettings } from '../../settings/settings.ts';
import type { InternalLog } from '../access-log/internal-log.ts';
import { addressText, listenReason, tryListening } from '../listening.ts';
import type { CertificateView, ControlView } from '../view.ts';
import { AdminPages, type PagesOptions } from './admin-pages.ts';
import { AdminConnection, type ConnectionOwner, type ConnectionTimes } from './connection.ts';
import { PagesInUse } from './page.ts';
import { SecureFront } from './secure-front.ts';

const MAX_CONNECTIONS = 512;
/** Of all descriptors, so that the pages take none that requests need. */
const SHARE_OF_DESCRIPTORS = 1 / 8;
const LEAST_CONNECTIONS = 8;
const TIMES: ConnectionTimes = { headMs: 10_000, pieceMs: 10_000, answerMs: 60_000 };
/** Bytes of pages that clients read slowly. */
const PAGES_BUDGET = 64 * 1024 * 1024;
/** What is read ahead of a connection while it is answered, about. */
const READ_AHEAD_BYTES = 16_384;
const TICK_MS = 1000;
/** How long `close` waits for answers that are on their way. */
const CLOSE_GRACE_MS = 1000;

export type AdminOptions = PagesOptions & {
  readonly maxConnections?: number;
  readonly times?: ConnectionTimes;
  /** Bytes. */
  readonly pagesBudget?: number;
  /** Of session tickets, with TLS. */
  readonly ticketKeys?: TicketKeyRing;
  /** Of requests; absent: they have no lines. */
  readonly accessLog?: InternalLog | null;
  /** A certificate or its problem has changed. */
  readonly onChange?: () => void;
};

/** Elsewhere a port has one listener, or the last one gets all that comes. */
const CAN_SHARE = process.platform === 'linux';

function connectionLimit(): number {
  const share = Math.floor(descriptorLimit() * SHARE_OF_DESCRIPTORS);
  return Math.min(Math.max(share, LEAST_CONNECTIONS), MAX_CONNECTIONS);
}

export class AdminServer {
  readonly pages: AdminPages;
  private readonly settings: WebSettings;
  readonly maxConnections: number;
  private readonly owner: ConnectionOwner;
  private readonly connections = new Set<AdminConnection>();
  private readonly server: Server;
  /** null: not encrypted. */
  private readonly secure: SecureFront | null;
  private closing = false;
  private ticker: NodeJS.Timeout | null = null;
  private tickedAt = 0;

  /** @throws TsujiError BAD_ENTRY_POINT for authorities of client certificates that cannot be read */
  constructor(view: ControlView, settings: WebSettings, options: AdminOptions = {}) {
    this.settings = settings;
    this.pages = new AdminPages(view, settings, options);
    this.maxConnections = options.maxConnections ?? connectionLimit();
    this.owner = {
      times: options.times ?? TIMES,
      pages: new PagesInUse(options.pagesBudget ?? PAGES_BUDGET),
      log: options.accessLog ?? null,
      onRequest: (request, connection) => this.pages.answer(request, connection),
      onClose: (connection) => this.closed(connection),
    };
    const { headMs } = this.owner.times;
    const { ticketKeys = [], onChange = () => {} } = options;
    this.secure = settings.tls === null ? null : new SecureFront(settings.tls, ticketKeys, headMs, onChange);
    this.server = createServer({ highWaterMark: READ_AHEAD_BYTES, noDelay: true }, (socket) => this.accept(socket));
  }

  /**
   * The port is shared with a successor, and with nobody else. `isSuccessor`: somebody else has it already.
   * @throws TsujiError ADMIN_LISTEN with the address and the reason
   */
  async listen(isSuccessor = false): Promise<{ port: number }> {
    const { host, port } = this.settings;
    await this.secure?.start();
    const isTaken = isSuccessor || port === 0 ? null : await tryListening({ host, port }, false);
    const error = isTaken ?? (await this.listenOn(host, port));
    if (error !== null) {
      const failure = {
        entrypoint: 'admin',
        address: addressText({ host, port }),
        reason: listenReason(error, { host, port }),
      };
      throw new ListenError('ADMIN_LISTEN', failure, { cause: error });
    }
    this.server.removeAllListeners('error');
    this.server.on('error', ({ message: reason }) =>
      log.event(EVENTS.acceptFailed, 'admin', { entrypoint: 'admin', reason }),
    );
    this.tickedAt = performance.now();
    this.ticker = setInterval(() => this.tick(), TICK_MS).unref();
    return { port: (this.server.address() as AddressInfo).port };
  }

  private listenOn(host: string, port: number): Promise<NodeJS.ErrnoException | null> {
    const { promise, resolve } = Promise.withResolvers<NodeJS.ErrnoException | null>();
    this.server.once('error', resolve);
    const at = { port, reusePort: CAN_SHARE };
    this.server.listen(host === '' ? at : { ...at, host }, () => resolve(null));
    return promise;
  }

  /** Resolves when the port is free again. */
  async close(): Promise<void> {
    if (this.ticker !== null) clearInterval(this.ticker);
    this.ticker = null;
    this.pages.close();
    this.secure?.stop();
    if (!this.server.listening) return;
    this.closing = true;
    const closed = new Promise((resolve) => this.server.close(resolve));
    for (const connection of this.connections) connection.end();
    const force = setTimeout(() => {
      for (const connection of this.connections) connection.destroy();
    }, CLOSE_GRACE_MS);
    await closed;
    clearTimeout(force);
  }

  /** That it listens on; before that, the one that is wanted. */
  get port(): number {
    return (this.server.address() as AddressInfo | null)?.port ?? this.settings.port;
  }

  get openConnections(): number {
    return this.connections.size;
  }

  certificates(): CertificateView[] {
    return this.secure?.views() ?? [];
  }

  /** Resolves when certificates whose files have changed were read. */
  async rereadFiles(): Promise<void> {
    await this.secure?.lookNow();
  }

  /**
   * Where it listens stays.
   * @throws TsujiError BAD_ENTRY_POINT for authorities that cannot be read; then nothing has changed
   */
  reload(settings: WebSettings): void {
    if (settings.tls !== null) this.secure?.renew(settings.tls);
    this.pages.reload(settings);
  }

  /** All handshakes from now on use the new keys of session tickets. */
  rotateTicketKeys(ring: TicketKeyRing): void {
    this.secure?.rotate(ring);
  }

  private accept(socket: Socket): void {
    if (this.closing) {
      socket.destroy();
      return;
    }
    if (this.connections.size >= this.maxConnections) this.makeRoom();
    const connection = new AdminConnection(socket, this.owner);
    this.connections.add(connection);
    if (this.secure === null) connection.open(socket);
    else this.secure.accept(socket, (secure) => connection.open(secure));
  }

  private makeRoom(): void {
    let least: AdminConnection | null = null;
    for (const connection of this.connections) {
      if (least === null || connection.isWorthLess(least)) least = connection;
    }
    least?.destroy();
  }

  private closed(connection: AdminConnection): void {
    this.connections.delete(connection);
  }

  private tick(): void {
    const now = performance.now();
    this.pages.tick(now, Math.max(now - this.tickedAt - TICK_MS, 0) / 1000);
    this.tickedAt = now;
  }
}
