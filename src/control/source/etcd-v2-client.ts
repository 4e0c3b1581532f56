/** The `/v2/keys` API of one etcd endpoint over HTTP/1.1, as far as following a directory needs it. */

import type { Agent } from 'node:http';
import { timerSpan } from '../../kernel/durations.ts';
import { TsujiError } from '../../kernel/errors.ts';
import { http, https } from '../../kernel/node-http.ts';
import type { TlsMaterial } from './tls.ts';

/** One key or directory in an answer of etcd v2. */
export type EtcdV2Node = {
  readonly key: string;
  readonly dir?: boolean;
  readonly value?: string;
  readonly nodes?: readonly EtcdV2Node[];
  readonly modifiedIndex?: number;
  /** Seconds that are left of its life; absent for one without end. */
  readonly ttl?: number;
};

export type EtcdV2Event = { readonly action: string; readonly node: EtcdV2Node };

/** `node` is null when the directory does not exist yet. `index` is the etcd index to which the answer belongs. */
export type EtcdV2Tree = { readonly node: EtcdV2Node | null; readonly index: number };

/** `event` is null when none came. `index` is the etcd index at which the wait began. */
export type EtcdV2Wait = { readonly event: EtcdV2Event | null; readonly index: number };

export type EtcdV2Access = {
  /** `host:port` */
  readonly endpoint: string;
  readonly tls: TlsMaterial | null;
  /** '' for none. */
  readonly username: string;
  readonly password: string;
  /** An endpoint that does not answer for so long is out of reach. */
  readonly deadlineMs: number;
};

/** The endpoint speaks HTTP but has no `/v2/keys`: etcd 3.6, or 3.4 and 3.5 without `--enable-v2`. */
export const V2_ABSENT = 'V2_ABSENT';

/** The events from the wanted index on are no longer kept; only a fresh reading helps. */
export const V2_OUTDATED = 'V2_OUTDATED';

/** There is no such key, or it has another value than it was to have. */
export const V2_OTHERWISE = 'V2_OTHERWISE';

/** The user may not read there. */
export const V2_FORBIDDEN = 'V2_FORBIDDEN';

type Question = {
  readonly method?: 'GET' | 'PUT' | 'DELETE';
  /** What stands behind the directory in the URL. */
  readonly place: string;
  /** 0: the whole answer is due in time; else only its head is, and its body may be empty at the end. */
  readonly patienceMs?: number;
  /** Ends the patience early. */
  readonly enough?: AbortSignal | null;
  /** The body. */
  readonly form?: URLSearchParams | null;
};
type Answer = { readonly status: number; readonly index: number; readonly body: string; readonly endedByUs: boolean };
type ErrorBody = { readonly errorCode?: number; readonly message?: string; readonly cause?: string };

// Codes in the body of an error, from etcd's v2 API documentation.
const KEY_NOT_FOUND = 100;
const COMPARE_FAILED = 101;
const UNAUTHORIZED = 110;
const EVENT_INDEX_CLEARED = 401;

function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return null;
  }
}

function refused(answer: Answer, body: ErrorBody | null): TsujiError {
  if (body?.errorCode === undefined && answer.status === 404) {
    return new TsujiError(V2_ABSENT, 'this endpoint has no v2 API');
  }
  if (body?.errorCode === EVENT_INDEX_CLEARED) {
    return new TsujiError(V2_OUTDATED, body.message ?? 'the wanted events are no longer kept');
  }
  if (body?.errorCode === KEY_NOT_FOUND || body?.errorCode === COMPARE_FAILED) {
    return new TsujiError(V2_OTHERWISE, `${body.message ?? ''} (${body.cause ?? ''})`);
  }
  const reason = body?.message === undefined ? '' : `: ${body.message}${body.cause ? ` (${body.cause})` : ''}`;
  const code = body?.errorCode === UNAUTHORIZED ? V2_FORBIDDEN : 'ETCD_V2';
  return new TsujiError(code, `etcd answered ${answer.status}${reason}`);
}

export class EtcdV2Client {
  readonly #access: EtcdV2Access;
  readonly #path: string;
  readonly #agent: Agent;
  readonly #closing = new AbortController();

  /** `directory`: leading slash, no trailing slash. */
  constructor(access: EtcdV2Access, directory: string) {
    this.#access = access;
    this.#path = `/v2/keys${directory.split('/').map(encodeURIComponent).join('/')}`;
    const { tls } = access;
    this.#agent =
      tls === null
        ? new http.Agent({ keepAlive: true })
        : new https.Agent({
            keepAlive: true,
            rejectUnauthorized: !tls.insecureSkipVerify,
            ...(tls.ca && { ca: tls.ca }),
            ...(tls.cert && tls.key && { cert: tls.cert, key: tls.key }),
          });
  }

  /** The directory as the quorum of the cluster has it. `recursive: false` is enough to ask whether there is a quorum. */
  async read(recursive: boolean): Promise<EtcdV2Tree> {
    const answer = await this.#ask({ place: `?quorum=true&recursive=${recursive}` });
    const body = parsed(answer.body) as (EtcdV2Event & ErrorBody) | null;
    if (answer.status === 404 && body?.errorCode === KEY_NOT_FOUND) return { node: null, index: answer.index };
    if (answer.status !== 200) throw refused(answer, body);
    if (!body?.node) throw new TsujiError('ETCD_V2', 'etcd answered something that is not a v2 node');
    return { node: body.node, index: answer.index };
  }

  /**
   * The first event in the directory at or after etcd index `from`; waits `patienceMs` for it, or until `enough` is aborted
   * once the wait has begun. Throws a TsujiError with code V2_OUTDATED when events from there on are no longer kept.
   */
  async wait(from: number, patienceMs: number, enough: AbortSignal): Promise<EtcdV2Wait> {
    const answer = await this.#ask({ place: `?wait=true&recursive=true&waitIndex=${from}`, patienceMs, enough });
    // etcd ends a wait that it gives up with an empty answer.
    if (answer.endedByUs || (answer.status === 200 && answer.body.trim() === '')) {
      return { event: null, index: answer.index };
    }
    const body = parsed(answer.body) as (EtcdV2Event & ErrorBody) | null;
    if (answer.status !== 200) throw refused(answer, body);
    if (!body?.node) throw new TsujiError('ETCD_V2', 'etcd answered something that is not a v2 event');
    return { event: body, index: answer.index };
  }

  /** Writes a key of the directory; `ttlSeconds` 0: without end. */
  async set(key: string, value: string, ttlSeconds: number): Promise<void> {
    const ttl = ttlSeconds === 0 ? '' : String(ttlSeconds);
    await this.#change('PUT', `/${key}`, new URLSearchParams({ value, ...(ttl !== '' && { ttl }) }));
  }

  /**
   * Gives a key of the directory that life anew, without a word to those who watch it.
   * @throws TsujiError with code V2_OTHERWISE when it is not there
   */
  async refresh(key: string, ttlSeconds: number): Promise<void> {
    const ttl = String(ttlSeconds);
    await this.#change('PUT', `/${key}`, new URLSearchParams({ ttl, refresh: 'true', prevExist: 'true' }));
  }

  /**
   * Deletes a key of the directory if it has that value.
   * @throws TsujiError with code V2_OTHERWISE when it has not
   */
  async deleteIf(key: string, value: string): Promise<void> {
    await this.#change('DELETE', `/${key}?${new URLSearchParams({ prevValue: value })}`, null);
  }

  /** Deletes a key of the directory, or all below it. One that is not there is no error. */
  async delete(key: string): Promise<void> {
    await this.#change('DELETE', `/${key}?recursive=true`, null).catch((error: unknown) => {
      if (!(error instanceof TsujiError) || error.code !== V2_OTHERWISE) throw error;
    });
  }

  /** Deletes the directory if there is nothing in it. */
  async deleteIfEmpty(): Promise<void> {
    await this.#change('DELETE', '?dir=true', null).catch(() => {});
  }

  /** Ends what is under way and closes the connections. */
  close(): void {
    this.#closing.abort(new TsujiError('ETCD_V2', 'stopped'));
    this.#agent.destroy();
  }

  async #change(method: 'PUT' | 'DELETE', place: string, form: URLSearchParams | null): Promise<void> {
    const answer = await this.#ask({ method, place, form });
    if (answer.status > 299) throw refused(answer, parsed(answer.body) as ErrorBody | null);
  }

  #ask({ method = 'GET', place, patienceMs = 0, enough = null, form = null }: Question): Promise<Answer> {
    const { endpoint, tls, username, password, deadlineMs } = this.#access;
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const body = form?.toString() ?? '';
    const request = (tls === null ? http : https).request(
      `${tls === null ? 'http' : 'https'}://${endpoint}${this.#path}${place}`,
      {
        method,
        agent: this.#agent,
        signal: this.#closing.signal,
        ...(username !== '' && { auth: `${username}:${password}` }),
        ...(form !== null && {
          headers: {
            'Content-Type': 'application/x-www-form-urlencoded',
            'Content-Length': Buffer.byteLength(body),
          },
        }),
      },
    );
    request.end(body);
    const late = () => request.destroy(new TsujiError('ETCD_V2', `etcd did not answer within ${deadlineMs} ms`));
    let timer = setTimeout(late, timerSpan(deadlineMs));
    request.on('error', reject);
    request.on('response', (response) => {
      const index = Number(response.headers['x-etcd-index'] ?? 0);
      const status = response.statusCode ?? 0;
      const chunks: Buffer[] = [];
      const finish = (endedByUs: boolean) =>
        resolve({ status, index, body: endedByUs ? '' : Buffer.concat(chunks).toString(), endedByUs });
      if (patienceMs > 0) {
        clearTimeout(timer);
        const end = (): void => {
          finish(true);
          request.destroy();
        };
        timer = setTimeout(end, timerSpan(enough?.aborted ? 0 : patienceMs));
        enough?.addEventListener('abort', end, { once: true });
        response.on('close', () => enough?.removeEventListener('abort', end));
      }
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => finish(false));
      response.on('error', reject);
    });
    return promise.finally(() => clearTimeout(timer));
  }
}
