import assert from 'node:assert/strict';
import test from 'node:test';
import { KeyTable } from '../../../src/kernel/key-table.ts';
import { BACKEND_KEYS, FRONTEND_KEYS } from '../../../src/model/schema.ts';

test('a star takes any one name and hands it back', () => {
  const table = new KeyTable([
    ['servers/*/url', 'url'],
    ['a/*/b/*', 'deep'],
  ]);
  assert.deepEqual(table.find('servers/s 1.x/url'), { kind: 'known', field: 'url', names: ['s 1.x'] });
  assert.deepEqual(table.find('a/1/b/2'), { kind: 'known', field: 'deep', names: ['1', '2'] });
});

test('an unknown key says which part is unknown and what could stand there', () => {
  const table = new KeyTable([
    ['servers/*/url', 'url'],
    ['servers/*/weight', 'weight'],
  ]);
  assert.deepEqual(table.find('servers/s/ulr'), { kind: 'unknown', part: 'ulr', expected: ['url', 'weight'] });
  assert.deepEqual(table.find('servers/s'), { kind: 'unknown', part: '', expected: ['url', 'weight'] });
  assert.deepEqual(table.find('servers//url'), { kind: 'unknown', part: '', expected: [] });
  assert.deepEqual(table.find('servers/s/url/x'), { kind: 'unknown', part: 'x', expected: [] });
});

test('every key of the example tree of the spec has a row', () => {
  const backendKeys = [
    'servers/s1/url',
    'servers/s1/weight',
    'servers/s1/tags',
    'loadbalancer/method',
    'loadbalancer/stickiness',
    'loadbalancer/stickiness/cookiename',
    'maxconn/amount',
    'maxconn/extractorfunc',
    'circuitbreaker/expression',
    'healthcheck/path',
    'healthcheck/headers/X-A',
    'buffering/memresponsebodybytes',
  ];
  const frontendKeys = [
    'backend',
    'entrypoints',
    'entrypoints/0',
    'priority',
    'passHostHeader',
    'routes/main/rule',
    'auth/basic/users/0',
    'auth/forward/.authresponseheaders',
    'auth/forward/tls/ca',
    'passtlsclientcert/infos/subject/commonname',
    'errors/e/status/1',
    'ratelimit/rateset/r/burst',
    'headers/customrequestheaders/X-A',
    'headers/allowedhosts',
    'headers/stsseconds',
    'whitelist/sourcerange',
    'redirect/entrypoint',
  ];
  for (const key of backendKeys) assert.equal(BACKEND_KEYS.find(key).kind, 'known', key);
  for (const key of frontendKeys) assert.equal(FRONTEND_KEYS.find(key).kind, 'known', key);
});

test('what stands below a guard, or was probably meant to, belongs to it, and nothing else does', () => {
  const table = new KeyTable(
    [
      ['whitelist/sourcerange', 'range'],
      ['headers/allowedhosts', 'hosts'],
      ['headers/customrequestheaders/*', 'custom'],
      ['errors/*/status', 'status'],
    ],
    [
      ['whitelist', 'list'],
      ['headers/allowedhosts', 'hosts'],
    ],
  );
  const rows: readonly (readonly [key: string, field: string | null])[] = [
    ['whitelist', 'list'],
    ['whitelist/x', 'list'],
    ['whitelist/sourcerange/x/y', 'list'],
    ['//whitelist//sourcerange', 'list'],
    ['whitelist/x//', 'list'],
    ['WHITELIST/x', 'list'],
    ['whitelst', 'list'],
    [`whitelist${'x'.repeat(1_000)}`, 'list'],
    ['headers/allowedhost/0', 'hosts'],
    ['heders/allowedHosts', 'hosts'],
    ['whitelist/sourcerange', null],
    ['whitelist/', null],
    ['whitelist/x/', null],
    ['headers', null],
    ['headers/customrequestheader/allowedhosts', null],
    ['errors/whitelist/whitelist', null],
    ['x'.repeat(1_000), null],
    ['', null],
  ];
  for (const [key, field] of rows) {
    const match = table.find(key);
    assert.equal(match.kind === 'guarded' ? match.field : null, field, key);
  }
});

test('of a foreign name there is a hint, in whatever case; where it may not be overlooked its keys have an owner', () => {
  const table = new KeyTable(
    [
      ['retry/attempts', 'attempts'],
      ['*/deep', 'deep'],
    ],
    [],
    new Map([
      ['retry', { hint: 'never told: it has rows', guard: 'never' }],
      ['chain', { hint: 'not offered', guard: null }],
      ['ipallowlist', { hint: 'write whitelist', guard: 'list' }],
    ]),
  );
  const plain = new KeyTable([['a/b', 'b']], [], new Map([['chain', { hint: 'not offered', guard: null }]]));
  assert.deepEqual(plain.find('Chain/x/y'), { kind: 'unknown', part: 'Chain', expected: [], hint: 'not offered' });
  assert.deepEqual(plain.find('a/chain'), { kind: 'unknown', part: 'chain', expected: ['b'] });
  assert.equal(table.find('retry/x').kind, 'unknown');
  const guarded = new KeyTable([['a/b', 'b']], [], new Map([['ipallowlist', { hint: 'x', guard: 'list' }]]));
  assert.deepEqual(guarded.find('ipAllowList/sourceRange'), { kind: 'guarded', field: 'list', names: [] });
  assert.equal(guarded.find('ipAllowList/').kind, 'unknown');
});
