import assert from 'node:assert/strict';
import test from 'node:test';
import { planKeys } from '../../../../src/control/history/convert-keys.ts';
import { keysOfNode } from '../../../../src/control/history/etcd-v2-keys.ts';

const NONE = { withLeases: false, overwrites: false };

/** What `curl /v2/keys/traefik?recursive=true` prints. */
const DUMP = {
  key: '/traefik',
  dir: true,
  nodes: [
    { key: '/traefik/alias', value: '/other' },
    {
      key: '/traefik/frontends',
      dir: true,
      nodes: [{ key: '/traefik/frontends/f', dir: true, nodes: [{ key: '/traefik/frontends/f/backend', value: 'b' }] }],
    },
    {
      key: '/traefik/backends',
      dir: true,
      nodes: [
        { key: '/traefik/backends/gone', dir: true },
        {
          key: '/traefik/backends/b/servers/s',
          dir: true,
          ttl: 30,
          nodes: [
            { key: '/traefik/backends/b/servers/s/url', value: 'http://10.0.0.1', ttl: 60 },
            { key: '/traefik/backends/b/servers/s/weight', value: '1' },
          ],
        },
        { key: '/traefik/backends/b/maxconn/amount', value: '5' },
      ],
    },
    { key: '/traefik/empty', value: '' },
    { key: '/traefik/lock___lock', value: 'x' },
  ],
};

test('keys are read with the time that they or their directories have left', () => {
  const { keys, empty } = keysOfNode('/traefik', DUMP);
  assert.deepEqual([...keys.keys()].sort(), [
    'alias',
    'backends/b/maxconn/amount',
    'backends/b/servers/s/url',
    'backends/b/servers/s/weight',
    'empty',
    'frontends/f/backend',
  ]);
  assert.equal(keys.get('backends/b/servers/s/url')!.ttl, 30);
  assert.equal(keys.get('backends/b/servers/s/weight')!.ttl, 30);
  assert.equal(keys.get('alias')!.ttl, 0);
  assert.deepEqual(empty, ['backends/gone']);
});

test('what expires is left out, backends come before frontends, and the alias last', () => {
  const plan = planKeys(keysOfNode('/traefik', DUMP), new Map(), NONE);
  assert.deepEqual(
    plan.changes.map(({ key }) => key),
    ['backends/b/maxconn/amount', 'empty', 'frontends/f/backend', 'alias'],
  );
  const notes = plan.notes.join('\n');
  assert.match(notes, /servers\/s\/url is left out: it expires in 30 s/);
  assert.match(notes, /backends\/gone is left out: v3 has no empty directories/);
  assert.match(notes, /alias leads to \/other/);
});

test('with leases it comes with the time that is left', () => {
  const plan = planKeys(keysOfNode('/traefik', DUMP), new Map(), { ...NONE, withLeases: true });
  assert.deepEqual(
    [...plan.lives],
    [
      ['backends/b/servers/s/weight', 30],
      ['backends/b/servers/s/url', 30],
    ],
  );
  assert.equal(plan.changes.length, 6);
});

test('a value that v3 has stays, unless that of v2 is to count', () => {
  const there = new Map([
    ['frontends/f/backend', { value: 'other', modRevision: 3, isLeased: false }],
    ['empty', { value: '', modRevision: 4, isLeased: false }],
  ]);
  const kept = planKeys(keysOfNode('/traefik', DUMP), there, NONE);
  assert.equal(
    kept.changes.some(({ key }) => key === 'frontends/f/backend' || key === 'empty'),
    false,
  );
  assert.match(kept.notes.join('\n'), /frontends\/f\/backend stays as it is[\s\S]*1 keys are the same/);
  const taken = planKeys(keysOfNode('/traefik', DUMP), there, { ...NONE, overwrites: true });
  assert.deepEqual(
    taken.changes.find(({ key }) => key === 'frontends/f/backend'),
    { key: 'frontends/f/backend', before: 'other', after: 'b' },
  );
});
