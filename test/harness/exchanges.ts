/** What tests of whole exchanges share: bytes cut at awkward places, a strict reader of responses, and the final count. */
import assert from 'node:assert/strict';
import test from 'node:test';
import type { RawConnection } from './raw.ts';
import type { Tsuji } from './tsuji.ts';
import { waitFor } from './wait.ts';

export type Scope = { after(fn: () => unknown): void };

function gaugeIn(metrics: string, name: string): number {
  const line = new RegExp(`^${name} (\\S+)$`, 'm').exec(metrics);
  assert.ok(line !== null, `${name} is missing in /metrics`);
  return Number(line[1]);
}

const gauge = async (tsuji: Tsuji, name: string): Promise<number> => gaugeIn(await tsuji.metrics(), name);

/** As `tsuji_open_exchanges`, from a page that costs a quarter of all metrics: it is asked thousands of times. */
export async function openExchanges(tsuji: Tsuji): Promise<number> {
  const { entryPoints } = await tsuji.status();
  return entryPoints.reduce((sum, { openExchanges: open }) => sum + open, 0);
}
export const openUpstream = (tsuji: Tsuji): Promise<number> => gauge(tsuji, 'tsuji_open_upstream_connections');
export const armedTimers = (tsuji: Tsuji): Promise<number> => gauge(tsuji, 'tsuji_armed_timers');
export const bufferedBytes = (tsuji: Tsuji): Promise<number> => gauge(tsuji, 'tsuji_buffered_bytes');
export const bytesOnDisk = (tsuji: Tsuji): Promise<number> => gauge(tsuji, 'tsuji_buffered_disk_bytes');
export const residentBytes = (tsuji: Tsuji): Promise<number> => gauge(tsuji, 'process_resident_memory_bytes');
export const openFiles = (tsuji: Tsuji): Promise<number> => gauge(tsuji, 'process_open_fds');

/** What must be 0 when everybody has gone. */
const LEFT_OVER = {
  tsuji_open_exchanges: 'exchanges',
  tsuji_open_upstream_connections: 'upstream connections',
  tsuji_armed_timers: 'timeouts',
  tsuji_buffered_bytes: 'buffered bytes',
  tsuji_buffered_disk_bytes: 'bytes on disk',
};

/** Until nothing is left of any exchange; gives the metrics that say so. */
async function untilNothingIsLeft(tsuji: Tsuji): Promise<string> {
  let left: string[] = [];
  const gone = async (): Promise<string | null> => {
    const metrics = await tsuji.metrics();
    const counts = Object.entries(LEFT_OVER).map(([name, what]) => [gaugeIn(metrics, name), what] as const);
    left = counts.filter(([count]) => count !== 0).map(([count, what]) => `${count} ${what}`);
    return left.length === 0 ? metrics : null;
  };
  return waitFor(gone, () => `nothing to be left over, not ${left.join(', ')}`);
}

/**
 * A test after which nothing may be left over: no worker died, and when its clients and servers are gone no exchange
 * and no upstream connection is open, no timeout is armed, and no byte is held for anybody.
 */
export function exchangeTest(title: string, tsuji: Tsuji, body: (t: Scope) => Promise<void>): void {
  test(title, async () => {
    const cleanups: (() => unknown)[] = [];
    try {
      await body({ after: (fn) => cleanups.push(fn) });
    } finally {
      for (const cleanup of cleanups.reverse()) await cleanup();
    }
    // A fault in an exchange must never be one in its worker, which would be replaced.
    assert.doesNotMatch(await untilNothingIsLeft(tsuji), /^tsuji_worker_restarts_total\{.*\} [1-9]/m);
  });
}

/**
 * Runs all of `parts` at once, each to its end, and says which of them have failed: for what waits longer than it computes.
 */
export async function atOnce(parts: Readonly<Record<string, () => Promise<void>>>): Promise<void> {
  const names = Object.keys(parts);
  const ends = await Promise.allSettled(Object.values(parts).map((part) => part()));
  const reasons = ends.map((end) => (end.status === 'rejected' ? (end.reason as Error) : null));
  const failed = reasons.flatMap((reason, i) => (reason === null ? [] : [`${names[i]}: ${reason.message}`]));
  if (failed.length > 0) throw new AggregateError(reasons.filter(Boolean), failed.join('\n'));
}

/** A server that answers the nth request with `script(connection, head, n)`. */
export function scripted(script: (connection: RawConnection, head: string, n: number) => void) {
  let requests = 0;
  return (connection: RawConnection): void => {
    connection.socket.on('data', () => {
      for (let end = connection.received.indexOf('\r\n\r\n'); end >= 0; end = connection.received.indexOf('\r\n\r\n')) {
        const head = connection.received.slice(0, end);
        connection.received = connection.received.slice(end + 4);
        script(connection, head, requests++);
      }
    });
  };
}

/** Writes `text` in pieces of `size` bytes, each handed to the kernel before the next. */
export async function sendPieces(connection: RawConnection, text: string, size: number): Promise<void> {
  const bytes = Buffer.from(text, 'latin1');
  for (let at = 0; at < bytes.length && !connection.socket.destroyed; at += size) {
    await new Promise<void>((resolve) => connection.socket.write(bytes.subarray(at, at + size), () => resolve()));
    await new Promise(setImmediate);
  }
}

export type Received = {
  readonly status: number;
  readonly statusLine: string;
  readonly fields: ReadonlyMap<string, readonly string[]>;
  readonly body: string;
};

type Framed = { readonly head: string; readonly body: string; readonly used: number };

/** Reads one chunked body, strictly; null while it is not whole. */
function readChunks(text: string, from: number): { body: string; end: number } | null {
  let body = '';
  for (let at = from; ; ) {
    const lineEnd = text.indexOf('\r\n', at);
    if (lineEnd < 0) return null;
    const line = text.slice(at, lineEnd);
    assert.match(line, /^[0-9a-f]+$/i, 'a chunk size');
    const size = Number.parseInt(line, 16);
    const dataEnd = lineEnd + 2 + size;
    if (text.length < dataEnd + 2) return null;
    assert.equal(text.slice(dataEnd, dataEnd + 2), '\r\n', 'the end of a chunk');
    if (size === 0) return { body, end: dataEnd + 2 };
    body += text.slice(lineEnd + 2, dataEnd);
    at = dataEnd + 2;
  }
}

/** One message at the start of `text`; null while it is not whole. */
function frame(text: string, hasBody: (head: string) => boolean): Framed | null {
  const headEnd = text.indexOf('\r\n\r\n');
  if (headEnd < 0) return null;
  const head = text.slice(0, headEnd);
  const bodyStart = headEnd + 4;
  const lengths = head.match(/^content-length:.*$/gim) ?? [];
  const codings = head.match(/^transfer-encoding:.*$/gim) ?? [];
  assert.ok(lengths.length + codings.length <= 1, `two framings in ${JSON.stringify(head)}`);
  if (!hasBody(head)) return { head, body: '', used: bodyStart };
  if (codings.length === 1) {
    const chunks = readChunks(text, bodyStart);
    return chunks === null ? null : { head, body: chunks.body, used: chunks.end };
  }
  const length = lengths.length === 1 ? Number(lengths[0].split(':')[1]) : 0;
  return text.length < bodyStart + length
    ? null
    : { head, body: text.slice(bodyStart, bodyStart + length), used: bodyStart + length };
}

function fieldsOf(lines: readonly string[]): Map<string, string[]> {
  const fields = new Map<string, string[]>();
  for (const line of lines) {
    const colon = line.indexOf(':');
    const name = line.slice(0, colon).toLowerCase();
    fields.set(name, [...(fields.get(name) ?? []), line.slice(colon + 1).trim()]);
  }
  return fields;
}

function responseHasBody(method: string) {
  return (head: string): boolean => {
    const status = Number(head.slice(9, 12));
    return method !== 'HEAD' && status >= 200 && status !== 204 && status !== 304;
  };
}

/** Takes the next whole response off a client's connection; rejects when the connection closes before its end. */
export async function response(client: RawConnection, method = 'GET'): Promise<Received> {
  let framed: Framed | null = null;
  await waitFor(
    () => {
      const closed = client.closed;
      framed = frame(client.received, responseHasBody(method));
      return framed !== null || closed;
    },
    () => `a whole response, so far ${JSON.stringify(client.received.slice(0, 2000))}`,
  );
  const whole = framed as Framed | null;
  if (whole === null) throw new Error(`broken response: ${JSON.stringify(client.received.slice(0, 2000))}`);
  client.received = client.received.slice(whole.used);
  const [statusLine, ...lines] = whole.head.split('\r\n');
  return { statusLine, status: Number(statusLine.slice(9, 12)), fields: fieldsOf(lines), body: whole.body };
}

/** Until the client's connection is closed without a whole response on it; fails when one came. */
export async function brokenResponse(client: RawConnection, method = 'GET'): Promise<string> {
  const received = await client.untilClosed();
  assert.equal(frame(received, responseHasBody(method)), null, `a whole response: ${JSON.stringify(received)}`);
  return received;
}

/** Takes the next whole request off a server's connection. */
export async function request(server: RawConnection): Promise<Received> {
  let framed: Framed | null = null;
  await waitFor(
    () => {
      framed = frame(server.received, () => true);
      return framed !== null || server.closed;
    },
    () => `a whole request, so far ${JSON.stringify(server.received.slice(0, 2000))}`,
  );
  const whole = framed as Framed | null;
  if (whole === null) throw new Error(`broken request: ${JSON.stringify(server.received.slice(0, 2000))}`);
  server.received = server.received.slice(whole.used);
  const [statusLine, ...lines] = whole.head.split('\r\n');
  return { statusLine, status: 0, fields: fieldsOf(lines), body: whole.body };
}
