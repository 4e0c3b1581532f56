import assert from 'node:assert/strict';
import test from 'node:test';
import { apiReply as reply } from '../../../../src/control/admin/api.ts';
import { jsonMap, jsonText } from '../../../../src/control/admin/json.ts';
import { backend, FakeView, frontend, server } from './fake-view.ts';

function apiReply(view: FakeView, path: string[]): string | null {
  const text = reply(view, path);
  return text === null ? null : [...text].join('');
}

function tutorialView(): FakeView {
  const view = new FakeView();
  view.put(
    backend('backend1', server('server2', 'http://10.0.0.2:80', 10), server('server10', 'http://10.0.0.1:80')),
    frontend('frontend1', 'backend1', 'Host:nginx.example.com'),
  );
  return view;
}

test('the whole configuration has the shape and the order of Traefik 1.7', () => {
  const expected =
    '{"etcd":{"backends":{"backend1":{"servers":{' +
    '"server10":{"url":"http://10.0.0.1:80","weight":1},"server2":{"url":"http://10.0.0.2:80","weight":10}},' +
    '"loadBalancer":{"method":"wrr"}}},' +
    '"frontends":{"frontend1":{"entryPoints":["http"],"backend":"backend1",' +
    '"routes":{"test_1":{"rule":"Host:nginx.example.com"}},"passHostHeader":true,"priority":0,"basicAuth":null}}}}';
  assert.equal(apiReply(tutorialView(), []), expected);
  assert.equal(apiReply(tutorialView(), ['providers']), expected);
});

test('before the first configuration there is no provider', () => {
  const view = tutorialView();
  view.generationNow = 0;
  assert.equal(apiReply(view, []), '{}');
  assert.equal(apiReply(view, ['providers', 'etcd']), null);
});

test('every part of a configuration has its own path', () => {
  const view = tutorialView();
  const reply = (path: string) => apiReply(view, ['providers', 'etcd', ...path.split('/')]);
  assert.equal(reply('backends/backend1/servers/server10'), '{"url":"http://10.0.0.1:80","weight":1}');
  assert.match(reply('backends') ?? '', /^\{"backend1":\{"servers":/);
  assert.match(reply('backends/backend1') ?? '', /^\{"servers":/);
  assert.match(reply('backends/backend1/servers') ?? '', /^\{"server10":/);
  assert.match(reply('frontends') ?? '', /^\{"frontend1":\{"entryPoints":/);
  assert.match(reply('frontends/frontend1') ?? '', /^\{"entryPoints":/);
  assert.equal(reply('frontends/frontend1/routes'), '{"test_1":{"rule":"Host:nginx.example.com"}}');
  assert.equal(reply('frontends/frontend1/routes/test_1'), '{"rule":"Host:nginx.example.com"}');
});

test('what is not there is not found', () => {
  const view = tutorialView();
  const missing = [
    'nothing',
    'version/x',
    'providers/etcdv3',
    'providers/etcd/tls',
    'providers/etcd/backends/b',
    'providers/etcd/backends/backend1/routes',
    'providers/etcd/backends/backend1/servers/s',
    'providers/etcd/backends/backend1/servers/server2/url',
    'providers/etcd/frontends/__proto__',
    'providers/etcd/frontends/frontend1/routes/constructor',
  ];
  for (const path of missing) assert.equal(apiReply(view, path.split('/')), null, path);
});

test('empty parts are left out, but priority and basicAuth never', () => {
  const view = new FakeView();
  view.put(backend('b'), frontend('f', 'b', 'x', { routes: [], entryPoints: [], passHostHeader: false }));
  assert.equal(apiReply(view, ['providers', 'etcd', 'backends', 'b']), '{"loadBalancer":{"method":"wrr"}}');
  assert.equal(
    apiReply(view, ['providers', 'etcd', 'frontends', 'f']),
    '{"backend":"b","priority":0,"basicAuth":null}',
  );
});

test('maps are sorted as text, whatever the names, and markup is escaped', () => {
  const map = new Map([
    ['2', 1],
    ['10', 2],
    ['__proto__', 3],
    ['<a>', 4],
  ]);
  assert.equal(jsonMap(map, String), '{"10":2,"2":1,"\\u003ca\\u003e":4,"__proto__":3}');
  const text = '</script>&\u2028"\\';
  assert.equal(jsonText(text), '"\\u003c/script\\u003e\\u0026\\u2028\\"\\\\"');
  assert.equal(JSON.parse(jsonText(text)), text);
});

test('the version names the release', () => {
  assert.deepEqual(JSON.parse(apiReply(new FakeView(), ['version']) ?? ''), {
    Version: '0.1.0',
    Codename: 'crossroads',
  });
});
