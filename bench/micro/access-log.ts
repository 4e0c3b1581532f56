/** What a line of the access log costs a worker, ns of CPU: from what is kept of a request to the line in its ring. */

import { AccessLog } from '../../src/data/access-log/access-log.ts';
import type { Downstream } from '../../src/data/downstream.ts';
import { Marks } from '../../src/data/exchange/marks.ts';
import { Outcome } from '../../src/data/exchange/outcome.ts';
import { RequestHead } from '../../src/http/request-head.ts';
import type { AccessLogOptions } from '../../src/kernel/access-log-options.ts';
import { createAccessLogBuffers } from '../../src/shared/access-log.ts';
import { RingReader } from '../../src/shared/byte-ring.ts';

const LINES = 100_000;
const ROUNDS = 7;
/** Before the reader, which stands for the writer, takes them. */
const LINES_AT_ONCE = 64;
const KEEP = { defaultMode: 'keep', names: [] } as const;
const DROP = { defaultMode: 'drop', names: [] } as const;
const OPTIONS: AccessLogOptions = {
  format: 'json',
  names: '1.7',
  filePath: '',
  syslog: null,
  mostLines: 8_192,
  filters: { statuses: [], retryAttempts: false, minDurationMs: 0 },
  fields: KEEP,
  headers: KEEP,
  queryParameters: 'keep',
  internals: false,
  extras: true,
  sampling: 1,
  provider: 'etcd',
};
const ID = '019b0000-0000-7000-8000-100000000000';
const FORWARDED =
  'x-forwarded-for: 10.0.0.9\r\nx-forwarded-host: nginx.example.com\r\nx-forwarded-port: 80\r\nx-forwarded-proto: http\r\nx-real-ip: 10.0.0.9\r\n';
const RESPONSE =
  '200 OK\r\nServer: nginx/1.22.1\r\nDate: Thu, 26 Nov 2026 16:09:44 GMT\r\nContent-Type: text/plain\r\nETag: "6926d2f0-57"\r\nAccept-Ranges: bytes';
const FIELDS = [
  ['user-agent', 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0 Safari/537.36'],
  ['accept', 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8'],
  ['accept-encoding', 'gzip, deflate, br'],
  ['accept-language', 'en-US,en;q=0.5'],
] as const;

const peer = { peer: '10.0.0.1:80', protocol: '1.1' } as const;
const client = { peerAddress: () => '10.0.0.9', peerPort: () => 4_711, httpVersion: '1.1', secure: false };
const backend = { name: 'backend1', policy: null };
const server = { name: 's1', url: 'http://10.0.0.1:80', address: '10.0.0.1:80' };
const marks = new Marks();
const outcome = new Outcome();
Object.assign(outcome, {
  ...{ marks, backend, server, frontend: { name: 'frontend1', options: null, backend } },
  ...{ method: 'GET', status: 200, tries: 1, requestId: ID, responseBytes: 87 },
});
const head = new RequestHead();

/** Of servers of one backend. */
const RESPONSES = ['a', 'b', 'c'].map((name) => `${RESPONSE}\r\nX-Server: ${name}`);

/** `varies`: a referer of its own, so that its fields are not known. */
function ask(n: number, varies: boolean): void {
  const path = `/some/path/${n}`;
  head.begin('GET', `${path}?q=1`, path);
  head.add('host', 'nginx.example.com');
  for (const [name, value] of FIELDS) head.add(name, value);
  head.add('referer', `https://example.com/${varies ? n : 1}`);
  head.finish();
}

function cpuNs(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return ((user + system) * 1_000) / LINES;
}

function measure(name: string, options: Partial<AccessLogOptions>, varies = false, responses = [RESPONSE]): void {
  const { words, memories } = createAccessLogBuffers(1, OPTIONS.mostLines);
  const log = new AccessLog({ options: { ...OPTIONS, ...options }, words, memory: memories[0] }, 0, ['http']);
  const reader = new RingReader(memories[0].buffer);
  const record = log.record();
  let bytes = 0;
  const round = (logs: boolean): void => {
    for (let n = 0; n < LINES; n++) {
      ask(n, varies);
      const { fields } = head;
      head.addLines(`x-request-id: ${ID}\r\n`);
      marks.begin();
      marks.admitted();
      marks.tryBegins(true);
      if (logs) record.begin(log.nextRequest(), client as unknown as Downstream, head, fields, ID);
      if (logs) record.forwards(head, FORWARDED, ID);
      marks.answered();
      const response = responses[n % responses.length];
      if (logs) record.answered(200, response, peer);
      if (logs) record.sends(response);
      marks.end();
      if (logs) log.ended(outcome, { clientTarget: head.target, user: '', authWasKnown: null }, record);
      if (!logs || n % LINES_AT_ONCE > 0) continue;
      while (reader.next()) bytes += reader.end - reader.start;
      reader.release();
    }
  };
  let least = Number.POSITIVE_INFINITY;
  let without = Number.POSITIVE_INFINITY;
  for (let i = 0; i < ROUNDS; i++) {
    without = Math.min(
      without,
      cpuNs(() => round(false)),
    );
    least = Math.min(
      least,
      cpuNs(() => round(true)),
    );
  }
  console.log(`${name}: ${Math.round(least - without)} ns, ${Math.round(bytes / LINES / ROUNDS)} bytes`);
}

measure('common', { format: 'common' });
measure('JSON', {});
measure('JSON, fields that were not seen before', {}, true);
measure('JSON, three servers', {}, false, RESPONSES);
measure('JSON without header fields', { headers: DROP });
measure('JSON, names=3, no extras', { names: '3', headers: DROP, extras: false });
