import assert from 'node:assert/strict';
import test from 'node:test';
import type { Course } from '../../../src/access-log/course.ts';
import { Courses } from '../../../src/data/access-log/courses.ts';
import { ExchangeRecord } from '../../../src/data/access-log/exchange-record.ts';
import { type Place, Places } from '../../../src/data/access-log/place.ts';
import { Marks } from '../../../src/data/exchange/marks.ts';
import { Outcome } from '../../../src/data/exchange/outcome.ts';
import type { BackendView, FrontendView, ServerView } from '../../../src/table/views.ts';

type Changes = {
  outcome?: object;
  record?: object;
  marks?: object;
  originStatus?: number;
  sampleRate?: number;
  cacheHit?: boolean | null;
};

const TLS = { version: '1.3', cipher: 'TLS_AES_128_GCM_SHA256', resumed: false, clientSubject: '' };
const CHANGES: readonly Changes[] = [
  {},
  { outcome: { status: 304 } },
  { outcome: { cause: 'client_closed' } },
  { outcome: { tries: 2 } },
  { outcome: { method: 'PUT' } },
  { outcome: { entryPoint: 1 } },
  { outcome: { frontend: { name: 'f2' } } },
  { outcome: { frontend: null } },
  { outcome: { backend: { name: 'b2' } } },
  { outcome: { server: { name: 's2' } } },
  { outcome: { server: null } },
  { marks: { isReused: true } },
  { record: { latin1: true } },
  { record: { upstreamAddress: '10.0.0.1:81' } },
  { record: { upstreamProtocol: '2' } },
  { record: { protocol: 'HTTP/2.0' } },
  { record: { isSecure: true } },
  { record: { isSecure: true, tls: TLS } },
  { record: { isSecure: true, tls: { ...TLS, version: '1.2' } } },
  { record: { isSecure: true, tls: { ...TLS, cipher: 'TLS_AES_256_GCM_SHA384' } } },
  { record: { isSecure: true, tls: { ...TLS, resumed: true } } },
  { originStatus: 500 },
  { sampleRate: 0.5 },
  { cacheHit: true },
  { cacheHit: false },
];

function place(number = 1): Place {
  const server = { name: 's1', url: 'http://10.0.0.1:80', address: '10.0.0.1:80' };
  return { frontend: 'f1', backend: 'b1', isOrigin: true, number, server: server as Place['server'] };
}

function courseOf(courses: Courses, at: Place, changes: Changes): Course {
  const marks = Object.assign(new Marks(), changes.marks);
  const outcome = Object.assign(
    new Outcome(),
    { marks, status: 200, tries: 1, method: 'GET' },
    { frontend: { name: 'f1' }, backend: { name: 'b1' }, server: { name: 's1' } },
    changes.outcome,
  );
  const record = Object.assign(
    new ExchangeRecord({ connection: true, heads: true }),
    { protocol: 'HTTP/1.1', upstreamAddress: '10.0.0.1:80', upstreamProtocol: '1.1' },
    changes.record,
  );
  const { originStatus = 200, sampleRate = 1, cacheHit = null } = changes;
  return courses.of(at, outcome, record, originStatus, sampleRate, cacheHit);
}

const ENTRY_POINTS = ['http', 'https'];

test('exchanges that went the same way have one course, and what differs in anything has one of its own', () => {
  const alone = CHANGES.map((changes) => courseOf(new Courses(0, ENTRY_POINTS, true), place(), changes));
  assert.equal(new Set(alone.map((course) => JSON.stringify(course))).size, CHANGES.length);
  const courses = new Courses(0, ENTRY_POINTS, true);
  // More than are kept: in both orders each is that of its own exchange.
  const at = place();
  for (const order of [[...CHANGES.keys()], [...CHANGES.keys()].reverse()]) {
    for (const i of order) {
      const course = courseOf(courses, at, CHANGES[i]);
      assert.deepEqual(course, alone[i]);
      assert.equal(courseOf(courses, at, CHANGES[i]), course);
    }
  }
});

test('with more places and courses than are kept each is told right, and what is kept is bounded', () => {
  const courses = new Courses(0, ENTRY_POINTS, true);
  for (let round = 0; round < 2; round++) {
    for (let number = 1; number < 5_000; number++) {
      for (let status = 200; status < 220; status++)
        assert.equal(courseOf(courses, place(number), { outcome: { status } }).status, status);
    }
  }
  const { kept } = courses as unknown as { kept: ({ courses: Course[] } | null)[] };
  const all = kept.flatMap((one) => one?.courses ?? []);
  assert.equal(all.length, 4_096 * 16);
  const long = { outcome: { method: 'X'.repeat(1_000) } };
  const of = (number: number): Course[] => kept[number]?.courses ?? [];
  for (let i = 0; i < 20; i++) assert.equal(courseOf(courses, place(7_000), long).method.length, 1_000);
  assert.equal(of(7_000 % 4_096).length, 0);
});

test('an answer of ours has the path for a URL where Traefik 1.7 has it, and the names of its place', () => {
  const reply: Place = { frontend: 'backend not found', backend: 'Traefik', isOrigin: true, server: null, number: 2 };
  for (const is17 of [true, false]) {
    const course = courseOf(new Courses(3, ENTRY_POINTS, is17), reply, { outcome: { server: null } });
    const { hasPathAsUrl, url, address, frontendName, backendName, worker } = course;
    assert.deepEqual([hasPathAsUrl, url, address, worker], [is17, '', '', 3]);
    assert.deepEqual([frontendName, backendName], ['backend not found', 'Traefik']);
  }
  const nowhere = courseOf(new Courses(0, ENTRY_POINTS, true), { ...reply, isOrigin: false }, {});
  assert.equal(nowhere.hasPathAsUrl, false);
});

test('a server that frontends share has a place for each of them, however they take turns', () => {
  const places = new Places('1.7', 'etcd');
  const server = { name: 's1', url: 'http://10.0.0.1:80', address: '10.0.0.1:80' } as ServerView;
  const backends = ['b1', 'b2'].map((name) => ({ name }) as BackendView);
  const frontends = ['f1', 'f2', 'f3'].map((name) => ({ name }) as FrontendView);
  const numbers = new Set<number>();
  for (let round = 0; round < 4; round++) {
    for (const frontend of frontends) {
      const place = places.ofServer(frontend, backends[0], server);
      assert.deepEqual([place.frontend, place.backend, place.server], [frontend.name, 'b1', server]);
      numbers.add(place.number);
    }
  }
  assert.equal(numbers.size, 3);
  const moved = places.ofServer(frontends[0], backends[1], server);
  assert.equal(moved.backend, 'b2');
  assert.ok(!numbers.has(moved.number));
  assert.equal(places.ofServer(frontends[0], backends[1], server), moved);
});
