import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type FindingFacts, findingsOf, plain } from '../../../../src/control/board/findings.ts';
import { commonText, networkOf, type OutServer, shortReason } from '../../../../src/control/board/out-servers.ts';
import { type BackendTrouble, type Troubled, troublesOf } from '../../../../src/control/board/troubles.ts';

const NOW = Date.UTC(2026, 10, 26, 14, 32, 8);

function out(server: string, host: string, reason: string, backend = 'checkout'): OutServer {
  return { backend, server, host, state: 'down', reason };
}

test('what servers that are out have in common is said: one reason, one host, one network, or how many', () => {
  const refused = 'connect ECONNREFUSED 10.0.1.1:80';
  const said: readonly [out: OutServer[], text: string][] = [
    [[out('s1', '10.0.1.1', refused)], 'ECONNREFUSED'],
    [[out('s1', '10.0.1.1', refused), out('s2', '10.0.1.1', refused)], 'ECONNREFUSED, all on 10.0.1.1'],
    [[out('s1', '10.0.1.1', refused), out('s2', '10.0.1.9', refused)], 'ECONNREFUSED, all in 10.0.1.0/24'],
    [[out('s1', '10.0.1.1', refused), out('s2', '10.0.2.9', refused)], 'ECONNREFUSED, in 2 networks'],
    [
      [out('s1', '10.0.1.1', refused), out('s2', '10.0.1.2', refused), out('s3', '10.0.1.3', 'status 500')],
      'ECONNREFUSED and 1 other reason, all in 10.0.1.0/24',
    ],
    [[out('s1', 'one.internal', ''), out('s2', 'two.internal', '')], 'down'],
    [[], ''],
  ];
  for (const [servers, text] of said) assert.equal(plain(commonText(servers)), text);
  assert.equal(networkOf('2001:db8::1'), '2001:db8:0:0::/64');
  assert.equal(shortReason('check answered 500 in 3 ms'), 'answered 500');
});

const CHECKOUT: BackendTrouble = {
  name: 'checkout',
  state: 'failing',
  why: 'breaker recovering',
  since: NOW - 845_000,
  up: 2,
  want: 4,
  fails: 75,
  e5: 0.234,
  out: [out('s2', '10.0.1.2', 'connect ECONNREFUSED 10.0.1.2:80'), out('s4', '10.0.1.4', '')],
};
const WELL: Troubled = {
  now: NOW,
  backends: 63,
  troubled: [],
  sources: [],
  workers: { serving: 8, wanted: 8 },
  unsettledMs: 0,
  generation: 482,
  certificates: [],
  held: '',
};

function facts(
  level: FindingFacts['level'],
  troubled: Partial<Troubled>,
  changes: Partial<FindingFacts> = {},
): FindingFacts {
  const whole = { ...WELL, ...troubled };
  return {
    level,
    since: NOW - 845_000,
    troubled: whole,
    troubles: troublesOf(whole),
    rate: 8_000,
    e5: 0.016,
    servers: [320, 323],
    change: null,
    lagMs: 0.4,
    sources: [{ name: 'etcdv3', state: 'live', error: '' }],
    ...changes,
  };
}

test('one backend that fails: what fails, since when, which servers and why', () => {
  const { title, lead, items, links } = findingsOf(facts('degraded', { troubled: [CHECKOUT] }));
  assert.equal(title, 'checkout fails 23.4 % of its requests');
  assert.equal(plain(lead), 'Since 14:18:03. All together 1.60 % of requests get a 5xx.');
  assert.match(
    plain(items[0].text),
    /2 of 4 servers are out: s2 down \(ECONNREFUSED\), s4 down\. Breaker recovering\./,
  );
  assert.equal(plain(items.at(-1)!.text), 'tsuji itself is well: 8 workers serve, loop delay 0 ms');
  assert.deepEqual(links[0], ['checkout', '/backends/checkout']);
});

test('many that fail are one sentence, and the last change of keys is before, never because', () => {
  const many = Array.from({ length: 60 }, (_, i): BackendTrouble => {
    const servers = ['s1', 's2'].map((name) => out(name, `10.0.${i % 4}.${i}`, 'connect EHOSTUNREACH', `b${i}`));
    return { ...CHECKOUT, name: `b${i}`, up: 0, want: 2, out: servers, fails: 10, e5: 1 };
  });
  const change = { t: NOW - 845_000 - 29_000, text: [['b', 'generation 482'] as const, ': 3 keys'] };
  const { title, items } = findingsOf(facts('outage', { troubled: many }, { e5: 0.973, servers: [3, 123], change }));
  assert.equal(title, '97.3 % of requests fail');
  assert.deepEqual(
    items.map(({ text }) => plain(text)),
    [
      '120 of 123 servers are out: EHOSTUNREACH, in 4 networks',
      'Last change of keys 29 s before: generation 482: 3 keys. Sources are live',
      'tsuji itself is well: 8 workers serve, loop delay 0 ms',
    ],
  );
  assert.equal(troublesOf({ ...WELL, troubled: many })[0].state, 'bad');
  assert.equal(
    plain(troublesOf({ ...WELL, troubled: many })[0].title),
    '60 of 63 backends have no server that answers',
  );
});

test('a change of keys more than five minutes before is not told', () => {
  const change = { t: NOW - 845_000 - 301_000, text: ['generation 481'] };
  const { items } = findingsOf(facts('degraded', { troubled: [CHECKOUT] }, { change }));
  assert.ok(!items.some(({ icon }) => icon === 'key'));
});

test('a source that does not answer says whose routes are in force, and tsuji that is not well says so', () => {
  const stale = { name: 'etcdv2', state: 'stale', error: 'no answer', silentMs: 48_000, confirmedAt: NOW - 48_000 };
  const { title, items } = findingsOf(
    facts('degraded', { sources: [stale], workers: { serving: 7, wanted: 8 } }, { e5: 0, lagMs: 900 }),
  );
  assert.equal(title, '7 of 8 workers serve');
  const texts = items.map(({ text }) => plain(text)).join('\n');
  assert.match(texts, /etcdv2 has not answered for 48 s: its routes are those of 14:31:20/);
  assert.match(texts, /tsuji itself is not well: 7 of 8 workers serve, loop delay 900 ms/);
});

test('while it starts each source says why it is not there', () => {
  const sources = [{ name: 'etcdv3', state: 'connecting', error: 'connect ECONNREFUSED 10.0.9.1:2379' }];
  const { items } = findingsOf(facts('starting', {}, { sources }));
  assert.deepEqual(
    items.map(({ text }) => plain(text)),
    ['etcdv3: connecting: connect ECONNREFUSED 10.0.9.1:2379'],
  );
  assert.deepEqual(findingsOf(facts('healthy', {})).items, []);
});
