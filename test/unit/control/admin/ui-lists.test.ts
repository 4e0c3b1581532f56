import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BadRequest, Lists } from '../../../../src/control/admin/ui-api/lists.ts';
import { wallOf } from '../../../../src/control/admin/ui-api/wall.ts';
import { Board } from '../../../../src/control/board/board.ts';
import { overviewOf } from '../../../../src/control/board/facts.ts';
import { backend, FakeView, frontend, server } from './fake-view.ts';

const DAY = 86_400_000;

/** A board whose clock a test moves, over a control plane made of plain values. */
class Dashboard {
  readonly view = new FakeView();
  time = 1_800_000_000_000;
  readonly board = new Board(this.view, { historyBytes: 1_000_000, now: () => this.time });
  readonly lists = new Lists(this.board);

  async look(ms = 2_000): Promise<void> {
    this.time += ms;
    this.view.changed();
    await this.board.look();
  }

  names(list: string, query: string): string[] {
    return this.lists.list(list, new URLSearchParams(query)).rows.map((row) => String(row[0]));
  }
}

async function filled(): Promise<Dashboard> {
  const set = new Dashboard();
  const { view } = set;
  view.sourceList = [{ name: 'etcdv3', state: 'live', revision: '7', confirmedAt: set.time, restarts: 0, error: '' }];
  view.put(backend('api', server('s1', 'http://10.0.1.1:80'), server('s2', 'http://10.0.1.2:80')));
  view.put(backend('shop', server('s1', 'http://10.0.2.1:80')));
  view.put(backend('empty'));
  view.put(frontend('api', 'api', 'Host:api.example.com;PathPrefix:/v2', { rank: 5 }));
  view.put(frontend('shop', 'shop', 'Host:shop.example.com', { rank: 9, entryPoints: ['http', 'https'] }));
  view.put(frontend('lost', 'empty', 'HostRegexp:{any:.*}.example.com', { rank: 7 }));
  view.serverStates.set('api/s2', { state: 'down', up: false });
  await set.look();
  return set;
}

test('each term of a filter finds what it names, and all of them must hold', async () => {
  const set = await filled();
  const found: readonly [query: string, names: string][] = [
    ['', 'api lost shop'],
    ['shop', 'shop'],
    ['10.0.2', ''],
    ['host:example', 'api lost shop'],
    ['host:api -path:/v1', 'api'],
    ['path:/v2', 'api'],
    ['backend:empty', 'lost'],
    ['server:10.0.2.1', 'shop'],
    ['entrypoint:https', 'shop'],
    ['is:failing', 'lost'],
    ['is:impaired', 'api'],
    ['-is:ok -is:failing', 'api'],
    ['"Host:shop"', 'shop'],
    ['rate>10', ''],
    ['rate<10 shop', 'shop'],
    ['5xx>1', ''],
  ];
  for (const [query, names] of found) {
    assert.equal(set.names('frontends', `sort=name&q=${encodeURIComponent(query)}`).join(' '), names, query);
  }
  assert.deepEqual(set.names('backends', 'q=10.0.2'), ['shop']);
  assert.deepEqual(set.names('backends', 'q=http://10.0.1'), ['api']);
  assert.deepEqual(set.names('backends', 'q=frontend:lost'), ['empty']);
});

test('a term that means nothing here says so, and what there is', async () => {
  const set = await filled();
  for (const [q, why] of [
    ['is:bad', /is: is one of failing, impaired, ok, idle/],
    ['is:', /is: needs a value/],
    ['rate>much', /rate> needs a number/],
    ['rate:5', /rate is a number: write rate> or rate</],
    ['host>5', /host is no number/],
    ['kind:keys', /"kind" is none that is known here/],
  ] as const) {
    const { match, rows, bad } = set.lists.list('frontends', new URLSearchParams({ q }));
    assert.deepEqual([match, rows.length, bad?.length], [0, 0, 1], q);
    assert.match(bad![0].why, why);
  }
});

test('lists are sorted by each of their columns, what is not known last, and cut to their window', async () => {
  const set = await filled();
  assert.deepEqual(set.names('frontends', 'sort=priority'), ['api', 'lost', 'shop']);
  assert.deepEqual(set.names('frontends', 'sort=-priority'), ['shop', 'lost', 'api']);
  assert.deepEqual(set.names('frontends', 'sort=-p99'), ['api', 'lost', 'shop'], 'ties by name');
  assert.deepEqual(set.names('backends', ''), ['empty', 'api', 'shop'], 'the worst first');
  assert.deepEqual(set.names('frontends', 'sort=name&offset=1&limit=1'), ['lost']);
  const { total, match, counts } = set.lists.list('frontends', new URLSearchParams('q=shop&limit=0'));
  assert.deepEqual([total, match, counts], [3, 1, { failing: 1, impaired: 1, ok: 1, idle: 0 }]);
  for (const query of ['sort=nothing', 'sort=__proto__', 'limit=201', 'limit=-1', 'offset=x']) {
    assert.throws(() => set.lists.list('frontends', new URLSearchParams(query)), BadRequest, query);
  }
});

test('problems of now come before those of keys, and a new key is new for a day', async () => {
  const set = await filled();
  set.view.reject('/traefik/frontends/old/routes/r/rule', 'no rule');
  const fresh = new Dashboard();
  fresh.view.reject('/traefik/frontends/old/routes/r/rule', 'no rule');
  await fresh.look();
  assert.deepEqual(overviewOf(fresh.board).problems, [0, 1], 'it was there before the start');
  fresh.view.reject('/traefik/frontends/new/routes/r/rule', 'no rule either');
  await fresh.look();
  assert.deepEqual(overviewOf(fresh.board).problems, [1, 2]);
  await fresh.look(DAY);
  assert.deepEqual(overviewOf(fresh.board).problems, [0, 2]);
  await set.look();
  const { rows, counts } = set.lists.list('problems', new URLSearchParams());
  assert.deepEqual(
    rows.map((row) => row[0]),
    ['now', 'now', 'key'],
  );
  assert.deepEqual([counts.now, counts.rejected], [2, 1]);
  const groups = (q: string) => set.names('problems', `q=${encodeURIComponent(q)}`).join(' ');
  for (const [q, found] of [
    ['kind:rejected', 'key'],
    ['-kind:rejected', 'now now'],
    ['is:now -is:new', ''],
    ['NO RULE', 'key'],
    ['kind:rejected frontend:old', 'key'],
  ])
    assert.equal(groups(q), found, q);
});

test('every server is a letter, and above 1 500 of them a backend is', async () => {
  const set = await filled();
  assert.deepEqual(wallOf(set.board), { per: 'server', names: ['api', 'empty', 'shop'], states: 'ix||i', hidden: 0 });
  const many = Array.from({ length: 1_600 }, (_, i) => server(`s${i}`, `http://10.9.${i >> 8}.${i & 255}:80`));
  set.view.put(backend('many', ...many));
  await set.look();
  assert.deepEqual(wallOf(set.board), {
    per: 'backend',
    names: ['api', 'empty', 'many', 'shop'],
    states: 'xnii',
    hidden: 0,
  });
});

test('the overview stays small, and the verdict names what is worst', async () => {
  const set = await filled();
  await set.look();
  const overview = overviewOf(set.board);
  assert.equal(overview.level, 'degraded');
  assert.deepEqual(overview.servers, [2, 3]);
  assert.deepEqual(overview.backends, { failing: 1, impaired: 1, ok: 1, idle: 0 });
  assert.ok(JSON.stringify(overview).length <= 900);
  assert.equal(set.board.findings.title, 'empty: it has no server');
  assert.match(JSON.stringify(set.board.findings.items), /tsuji itself is well: 1 worker serves/);
});

test('a certificate that ends is told with its days, the first one first', async () => {
  const set = await filled();
  const one = {
    entryPoints: ['https'],
    defaultOf: [],
    commonName: '',
    dnsNames: [],
    serial: '1',
    keyType: 'P-256',
    stapled: false,
    problem: '',
  };
  set.view.certificateList = [
    { ...one, from: 'b', names: ['b.test'], notBefore: 0, notAfter: set.time + 41 * DAY + 10_000 },
    { ...one, from: 'a', names: ['a.test'], notBefore: 0, notAfter: set.time + 9 * DAY + 10_000 },
  ];
  await set.look();
  assert.equal(overviewOf(set.board).cert, 9);
  const { rows, cols } = set.lists.list('certificates', new URLSearchParams());
  const days = cols.indexOf('days');
  const state = cols.indexOf('state');
  assert.deepEqual(
    rows.map((row) => [row[days], row[state]]),
    [
      [9, 'warn'],
      [41, 'ok'],
    ],
  );
});
