/**
 * A server that takes nothing but HTTP/1.1 as tsuji is meant to write it: every byte that could be read in two ways is a
 * violation. It numbers the requests, and each answer names its number, so that no answer can be taken for another.
 */
import { type RawConnection, type RawServer, startRawServer } from './raw.ts';

const REQUEST_LINE = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+) (\/[\x21-\x7e\x80-\xff]*) HTTP\/1\.1$/;
// DEL may be kept in a value (RFC 9110 §5.5); every other control character may not.
const FIELD =
  /^([!#$%&'*+.^_`|~0-9a-z-]+): ((?:[\x21-\x7f\x80-\xff](?:[\t\x20-\x7f\x80-\xff]*[\x21-\x7f\x80-\xff])?)?)$/;
const HOST = /^[!$%&'()*+,\-.0-9:;=A-Z[\]_a-z~]+$/;
const LENGTH = /^(?:0|[1-9][0-9]{0,14})$/;
const CHUNK_SIZE = /^[1-9a-f][0-9a-f]{0,7}$/;
const ONE_HOP = ['connection', 'keep-alive', 'proxy-connection', 'trailer', 'upgrade'];

export type StrictRequest = {
  readonly id: number;
  readonly method: string;
  readonly target: string;
  readonly fields: ReadonlyMap<string, readonly string[]>;
  readonly body: string;
};

type Head = { method: string; target: string; fields: Map<string, string[]>; length: number; chunked: boolean };

class Violation extends Error {}

function refuse(what: string, text: string): never {
  throw new Violation(`${what}: ${JSON.stringify(text.slice(0, 600))}`);
}

function parseHead(text: string): Head {
  if (/\r(?!\n)|(?<!\r)\n/.test(text)) refuse('a bare CR or LF', text);
  const [requestLine, ...lines] = text.split('\r\n');
  const request = REQUEST_LINE.exec(requestLine);
  if (request === null) refuse('request line', requestLine);
  const fields = new Map<string, string[]>();
  for (const line of lines) {
    const field = FIELD.exec(line);
    if (field === null) refuse('field', line);
    const [, name, value] = field;
    fields.set(name, [...(fields.get(name) ?? []), value]);
  }
  const hosts = fields.get('host') ?? [];
  if (hosts.length !== 1 || !HOST.test(hosts[0])) refuse('host', text);
  for (const name of ONE_HOP) if (fields.has(name)) refuse(name, text);
  const lengths = fields.get('content-length') ?? [];
  const codings = fields.get('transfer-encoding') ?? [];
  if (lengths.length + codings.length > 1) refuse('framing', text);
  const expected = fields.get('expect') ?? [];
  // It is for the server (RFC 9110 §10.1.1), where there is a body to be awaited.
  const awaits = expected.join().toLowerCase() === '100-continue' && lengths.length + codings.length === 1;
  if (expected.length > 0 && !awaits) refuse('expect', text);
  if (lengths.length === 1 && !LENGTH.test(lengths[0])) refuse('content-length', text);
  if (codings.length === 1 && codings[0] !== 'chunked') refuse('transfer-encoding', text);
  return {
    method: request[1],
    target: request[2],
    fields,
    length: lengths.length === 1 ? Number(lengths[0]) : 0,
    chunked: codings.length === 1,
  };
}

/** The index behind the empty line that ends the trailers at `from`; -1 while it has not come. */
function trailersEnd(text: string, from: number): number {
  for (let at = from; ; ) {
    const lineEnd = text.indexOf('\r\n', at);
    if (lineEnd < 0) return -1;
    if (lineEnd === at) return at + 2;
    const line = text.slice(at, lineEnd);
    if (!FIELD.test(line) || /^(host|content-length|transfer-encoding):/.test(line)) refuse('trailer', line);
    at = lineEnd + 2;
  }
}

/** One chunked body at `from`; null while it is not whole. */
function parseChunks(text: string, from: number): { body: string; end: number } | null {
  let body = '';
  for (let at = from; ; ) {
    const lineEnd = text.indexOf('\r\n', at);
    if (lineEnd < 0) {
      if (!/^[0-9a-f]{0,8}\r?$/.test(text.slice(at))) refuse('chunk size', text.slice(at));
      return null;
    }
    const line = text.slice(at, lineEnd);
    if (line === '0') {
      const end = trailersEnd(text, lineEnd + 2);
      return end < 0 ? null : { body, end };
    }
    if (!CHUNK_SIZE.test(line)) refuse('chunk size', line);
    const dataEnd = lineEnd + 2 + Number.parseInt(line, 16);
    const after = text.slice(dataEnd, dataEnd + 2);
    if (!'\r\n'.startsWith(after)) refuse('end of a chunk', after);
    if (after.length < 2) return null;
    body += text.slice(lineEnd + 2, dataEnd);
    at = dataEnd + 2;
  }
}

export class StrictServer {
  readonly requests: StrictRequest[] = [];
  readonly violations: string[] = [];
  raw!: RawServer;
  /** What is answered to a request; by default its number, method, target and body. */
  answer: (request: StrictRequest) => string = (request) => {
    const body = `#${request.id} ${request.method} ${request.target} ${request.body}`;
    const head = `HTTP/1.1 200 OK\r\nX-Id: ${request.id}\r\nContent-Length: ${body.length}\r\n\r\n`;
    return request.method === 'HEAD' ? head : head + body;
  };

  serve(connection: RawConnection): void {
    connection.socket.on('data', () => {
      try {
        while (this.takeRequest(connection));
      } catch (error) {
        if (!(error instanceof Violation)) throw error;
        this.violations.push(error.message);
        connection.destroy();
      }
    });
  }

  private takeRequest(connection: RawConnection): boolean {
    const text = connection.received;
    const headEnd = text.indexOf('\r\n\r\n');
    if (headEnd < 0) return false;
    const head = parseHead(text.slice(0, headEnd));
    const from = headEnd + 4;
    const framed = head.chunked
      ? parseChunks(text, from)
      : { body: text.slice(from, from + head.length), end: from + head.length };
    if (framed === null || framed.end > text.length) return false;
    const { method, target, fields } = head;
    const request = { id: this.requests.length + 1, method, target, fields, body: framed.body };
    this.requests.push(request);
    connection.received = text.slice(framed.end);
    connection.send(this.answer(request));
    return true;
  }
}

export async function startStrictServer(t: { after(fn: () => unknown): unknown }): Promise<StrictServer> {
  const strict = new StrictServer();
  strict.raw = await startRawServer(t, (connection) => strict.serve(connection));
  return strict;
}
