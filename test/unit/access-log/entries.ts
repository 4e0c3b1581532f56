/** Entries and options for tests of the forms of the access log. */
import { Course } from '../../../src/access-log/course.ts';
import { Entry } from '../../../src/access-log/entry.ts';
import { JsonFormat } from '../../../src/access-log/json-format.ts';
import { LineBytes } from '../../../src/access-log/line-bytes.ts';
import type { AccessLogOptions } from '../../../src/kernel/access-log-options.ts';
import { createLineMemory, MOST_LINE_BYTES } from '../../../src/shared/access-log.ts';
import { RingWriter } from '../../../src/shared/byte-ring.ts';

export const OPTIONS: AccessLogOptions = {
  format: 'common',
  names: '1.7',
  filePath: '',
  syslog: null,
  mostLines: 8_192,
  filters: { statuses: [], retryAttempts: false, minDurationMs: 0 },
  fields: { defaultMode: 'keep', names: [] },
  headers: { defaultMode: 'keep', names: [] },
  queryParameters: 'keep',
  internals: false,
  extras: false,
  sampling: 1,
  provider: 'etcd',
};

/** Of an entry, and of its course. */
export type Values = Partial<Omit<Entry, 'course' | 'forgetHeads'> & Course>;

const OF_COURSE: ReadonlySet<string> = new Set(Object.keys(new Course()));

/** A request that a server has answered. */
export function entry(changes: Values = {}): Entry {
  const one = new Entry();
  const values: Values = {
    ...{
      wall: Date.UTC(2026, 0, 2, 15, 4, 5, 120),
      now: Date.UTC(2026, 0, 2, 15, 4, 5, 140),
      guard: 0,
      queue: 0,
      connect: 1_000_000,
      firstByte: 9_000_000,
      data: 2_500_000,
      total: 12_500_000,
      origin: 12_500_000,
      clientHost: '10.0.0.9',
      clientAddress: '10.0.0.9',
      clientPort: 4_711,
      method: 'GET',
      path: '/a?b=c',
      protocol: 'HTTP/1.1',
      host: 'foo.bar:8080',
      status: 200,
      sentBytes: 512,
      originStatus: 200,
      originBytes: 512,
      count: 7,
      tries: 1,
      frontendName: 'frontend-Host-foo',
      backendName: 'backend1',
      url: 'http://10.0.0.1:80',
      address: '10.0.0.1:80',
      frontend: 'frontend-Host-foo',
      backend: 'backend1',
      server: 's1',
      entryPoint: 'http',
      cause: 'ok',
      requestId: '019b0000-0000-7000-8000-000000000000',
      upstreamProtocol: '1.1',
      upstreamAddress: '10.0.0.1:80',
      clientFields: 'referer: http://ref/\r\nuser-agent: curl/8\r\n',
      requestFields: 'referer: http://ref/\r\nuser-agent: curl/8\r\n',
      originHead: '200 OK\r\ncontent-type: text/plain',
      sentHead: '200 OK\r\ncontent-type: text/plain\r\nX-B: 1',
    },
    ...changes,
  };
  for (const [name, value] of Object.entries(values)) {
    if (OF_COURSE.has(name)) Object.assign(one.course, { [name]: value });
    if (name in one) Object.assign(one, { [name]: value });
  }
  return one;
}

/** An answer of ours before any server. */
export const LOCAL: Values = {
  tries: 0,
  status: 503,
  originStatus: 0,
  originBytes: 0,
  origin: -1,
  queue: -1,
  connect: -1,
  firstByte: -1,
  data: 12_500_000,
  frontendName: '',
  backendName: '',
  url: '',
  address: '',
  cause: 'no_server',
  server: '',
  upstreamProtocol: '',
  upstreamAddress: '',
  originHead: '',
};

type LineFormat = { write(entry: Entry, out: LineBytes): void };

const MEMORIES = [createLineMemory(1), createLineMemory(1)];
const OUTS = MEMORIES.map(({ buffer }) => new LineBytes(new RingWriter(buffer).bytes));
/** Formats that have the second memory. */
const ofSecond = new WeakSet<LineFormat>();

/** In one of two memories, from where it drives out the one that was there before. */
export function jsonFormat(options: AccessLogOptions, memory: 0 | 1 = 0): JsonFormat {
  const format = new JsonFormat(options, MEMORIES[memory]);
  if (memory === 1) ofSecond.add(format);
  return format;
}

/** What is written of an entry. */
export function lineOf(format: LineFormat, entry: Entry): string {
  const out = OUTS[ofSecond.has(format) ? 1 : 0];
  out.begin(0, MOST_LINE_BYTES);
  format.write(entry, out);
  return out.bytes.toString('utf8', 0, out.at);
}
