/**
 * One client's HTTP/2 connection: its streams, and the bounds that keep one client from costing more than its share.
 * nghttp2 bounds resets, invalid frames, CONTINUATION and unanswered acknowledgements itself (`limits.ts` says how
 * many); what it would answer for ever, PING and SETTINGS, is counted here.
 */
import type { X509Certificate } from 'node:crypto';
import { constants, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import { performance } from 'node:perf_hooks';
import { log } from '../../../kernel/log.ts';
import type { Http2Downstream } from './http2-downstream.ts';
import { FLOOD_MS, MAX_CONTROL_FRAMES, QUIET_MS, RESET_BURST, RESETS_PER_SECOND, SESSION_WINDOW } from './limits.ts';
import type { NodeListener } from './node-listener.ts';
import { clientCertificates, peerAddress } from './socket.ts';

export class Http2Session {
  readonly secure: boolean;
  readonly peer: string;
  private readonly listener: NodeListener;
  private readonly session: ServerHttp2Session;
  private readonly streams = new Set<Http2Downstream>();
  private readonly idleMs: number;
  private quietMs = 0;
  private control = 0;
  private resets = 0;
  private countedSince = performance.now();

  constructor(listener: NodeListener, session: ServerHttp2Session, secure: boolean, idleMs: number) {
    this.listener = listener;
    this.session = session;
    this.secure = secure;
    this.idleMs = idleMs;
    this.peer = peerAddress(session.socket as never);
    const count = (): void => this.guard(this.counted);
    session.on('ping', count);
    session.on('remoteSettings', count);
    session.on('stream', (stream, _headers, flags, raw) => {
      this.guard(() => this.requested(stream, flags, raw as never));
    });
    session.setLocalWindowSize(SESSION_WINDOW);
    this.watch();
  }

  clientCertificates(): readonly X509Certificate[] {
    // The session wraps its socket; one wrapper per session, so what was read is found again.
    return this.session.destroyed ? [] : clientCertificates(this.session.socket);
  }

  /** What a step throws would end the whole worker; so it ends the connection, and with it what runs there. */
  private guard(step: (this: Http2Session) => void): void {
    try {
      step.call(this);
    } catch (error) {
      log.error('a connection failed', {
        error: error instanceof Error ? (error.stack ?? error.message) : String(error),
      });
      this.session.destroy(undefined, constants.NGHTTP2_INTERNAL_ERROR);
    }
  }

  private requested(stream: ServerHttp2Stream, flags: number, raw: readonly string[]): void {
    this.quietMs = 0;
    // Its client may have taken it back before we hear of it.
    if (stream.destroyed || stream.aborted) {
      stream.on('error', () => {});
      this.takenBack();
      return;
    }
    const downstream = this.listener.serveHttp2(this, stream, (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0, raw);
    if (downstream !== null) this.streams.add(downstream);
  }

  left(downstream: Http2Downstream): void {
    this.streams.delete(downstream);
  }

  /** A client has reset a stream that was not answered yet: cheap for it, dear for us and for a server (CVE-2023-44487). */
  takenBack(): void {
    this.startCounting();
    const allowed = RESET_BURST + (RESETS_PER_SECOND * FLOOD_MS) / 1000;
    if (++this.resets > allowed) this.end('streams that were reset');
  }

  private counted(): void {
    this.startCounting();
    if (++this.control > MAX_CONTROL_FRAMES) this.end('PING and SETTINGS frames');
  }

  private startCounting(): void {
    const now = performance.now();
    if (now - this.countedSince < FLOOD_MS) return;
    this.countedSince = now;
    this.control = 0;
    this.resets = 0;
  }

  private end(flood: string): void {
    if (this.session.destroyed) return;
    log.debug('a connection is ended', { reason: `too many ${flood}`, client: this.peer });
    this.session.destroy(undefined, constants.NGHTTP2_ENHANCE_YOUR_CALM);
  }

  private watch(): void {
    const ms = Math.min(QUIET_MS, this.idleMs);
    this.session.setTimeout(ms, () => this.guard(() => this.timedOut(ms)));
  }

  /** Nothing has come or gone for a while. */
  private timedOut(ms: number): void {
    this.quietMs += ms;
    if (this.streams.size === 0) {
      if (this.quietMs >= this.idleMs) this.session.close();
    } else {
      for (const stream of this.streams) {
        if (stream.isQuiet) {
          this.session.destroy();
          return;
        }
      }
    }
    if (!this.session.destroyed) this.session.setTimeout(ms);
  }

  get isBusy(): boolean {
    return this.streams.size > 0;
  }

  /** GOAWAY; what runs may end. */
  drain(): void {
    if (!this.session.closed) this.session.close();
  }

  destroy(): void {
    this.session.destroy();
  }
}
