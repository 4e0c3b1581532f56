/**
 * Says how tsuji is to `tsuji healthcheck` on the same host or in the same container (kernel/health-name.ts), whatever pages
 * there are: `OK` and who answers, or why it is not ready. Nothing is read, and nothing waits for anybody.
 */
import { createServer, type Server } from 'node:net';
import { reasonOf } from '../kernel/errors.ts';
import { EVENTS } from '../kernel/events.ts';
import { healthName, healthPrefix } from '../kernel/health-name.ts';
import { log } from '../kernel/log.ts';
import { pingUrl } from '../settings/ping-url.ts';
import type { WebSettings } from '../settings/settings.ts';
import { whyNotReady } from './admin/readiness.ts';
import type { ControlView } from './view.ts';

const MOST_CONNECTIONS = 64;
/** For whoever asks to take the answer. */
const ANSWER_MS = 1_000;

export class HealthSocket {
  private readonly server: Server;

  constructor(view: ControlView, web: WebSettings | null) {
    const who = web === null || web.port === 0 ? `tsuji ${process.pid}` : pingUrl(web);
    this.server = createServer((socket) => {
      socket.on('error', () => socket.destroy());
      socket.setTimeout(ANSWER_MS, () => socket.destroy());
      const reason = whyNotReady(view);
      socket.end(`${reason === '' ? `OK: ${who}` : `not ready: ${reason}`}\n`, () => socket.destroy());
    });
    this.server.maxConnections = MOST_CONNECTIONS;
    // Whoever took the name has no other purpose than that nobody hears of us; traffic is served all the same.
    this.server.on('error', (error) => log.event(EVENTS.healthcheckUnanswered, '', { reason: reasonOf(error) }));
    this.server.unref();
  }

  start(): void {
    if (healthPrefix() === '') return;
    this.server.listen(`\0${healthName(process.argv.slice(2), process.env, process.pid)}`);
  }

  stop(): void {
    this.server.close();
  }
}
