/** One collector of spans, asked by OTLP/HTTP (opentelemetry-proto docs/specification.md): one request after the other, on a connection of its own. */
import type { Agent, IncomingMessage } from 'node:http';
import { promisify } from 'node:util';
import { constants, gzip } from 'node:zlib';
import { retryAfterMs } from '../../http/retry-after.ts';
import { reasonOf } from '../../kernel/errors.ts';
import { http, https } from '../../kernel/node-http.ts';
import type { TlsMaterial } from '../source/tls.ts';

/** For an answer to a batch (shared/spec logs §5.5). */
const TIMEOUT_MS = 10_000;
/** What is read of an answer. */
const MAX_ANSWER_BYTES = 65_536;
/** Statuses after which the same batch may be sent again. */
const AGAIN: ReadonlySet<number> = new Set([429, 502, 503, 504]);

const compress = promisify(gzip);

export type Answer =
  | { readonly kind: 'taken'; readonly body: Buffer }
  /** `afterMs`: as it asks, 0 where it does not say. */
  | { readonly kind: 'later'; readonly reason: string; readonly afterMs: number }
  | { readonly kind: 'refused'; readonly reason: string };

async function bodyOf(response: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_ANSWER_BYTES) break;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

export class Collector {
  private readonly url: URL;
  private readonly headers: Readonly<Record<string, string>>;
  private readonly agent: Agent;
  private readonly closing = new AbortController();

  /** `tls`: null without. */
  constructor(endpoint: string, headers: Readonly<Record<string, string>>, tls: TlsMaterial | null) {
    this.url = new URL(endpoint);
    this.headers = headers;
    const keeping = { keepAlive: true, maxSockets: 1 };
    this.agent =
      tls === null
        ? new http.Agent(keeping)
        : new https.Agent({
            ...keeping,
            rejectUnauthorized: !tls.insecureSkipVerify,
            ...(tls.ca !== null && { ca: tls.ca }),
            ...(tls.cert !== null && { cert: tls.cert }),
            ...(tls.key !== null && { key: tls.key }),
          });
  }

  /** Never rejects. */
  async post(message: Buffer): Promise<Answer> {
    const time = AbortSignal.timeout(TIMEOUT_MS);
    try {
      const body = await compress(message, { level: constants.Z_BEST_SPEED });
      const response = await this.send(body, AbortSignal.any([this.closing.signal, time]));
      const { statusCode = 0 } = response;
      const answer = await bodyOf(response);
      if (statusCode >= 200 && statusCode < 300) return { kind: 'taken', body: answer };
      const reason = `the collector answers ${statusCode}`;
      if (!AGAIN.has(statusCode)) return { kind: 'refused', reason };
      return { kind: 'later', reason, afterMs: retryAfterMs(response.headers['retry-after'] ?? '', Date.now()) };
    } catch (error) {
      const reason = time.aborted ? `the collector has not answered within ${TIMEOUT_MS / 1_000} s` : reasonOf(error);
      return { kind: 'later', reason, afterMs: 0 };
    }
  }

  private send(body: Buffer, signal: AbortSignal): Promise<IncomingMessage> {
    const ask = this.url.protocol === 'https:' ? https.request : http.request;
    const headers = { ...this.headers, 'Content-Encoding': 'gzip', 'Content-Length': body.length };
    return new Promise((resolve, reject) => {
      const request = ask(this.url, { method: 'POST', agent: this.agent, headers, signal }, resolve);
      request.on('error', reject);
      request.end(body);
    });
  }

  /** What is under way is given up. */
  close(): void {
    this.closing.abort();
    this.agent.destroy();
  }
}
