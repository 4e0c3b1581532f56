/** Health checks with a clock and servers of the test's own: what goes down and up, when, and what a change of keys does. */
import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { HealthChecks } from '../../../src/control/health-checks/health-checks.ts';
import {
  type ProbeResult,
  type ProbeTarget,
  probeTarget,
  redirected,
} from '../../../src/control/health-checks/probe.ts';
import type { HealthCheck } from '../../../src/model/health-keys.ts';
import type { Backend, Server } from '../../../src/model/model.ts';
import { changesOf, createCursors } from '../../../src/shared/cursors.ts';
import { createServerState, DOWN, ServerState, UNCHECKED, UP } from '../../../src/shared/server-state.ts';
import { SlotRegistry, serverKey } from '../../../src/shared/slots.ts';
import { backend, server } from './admin/fake-view.ts';

const CHECK: HealthCheck = {
  path: '/health',
  scheme: '',
  port: 0,
  interval: '10s',
  intervalMs: 10_000,
  hostname: '',
  headers: [],
  timeoutMs: 5000,
  rise: 1,
  fall: 1,
  startDown: false,
};

/** Long enough for what awaits, without the clock. */
const settle = async (): Promise<void> => {
  for (let i = 0; i < 10; i++) await Promise.resolve();
};

function setUp(t: TestContext) {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'], now: 1_000_000 });
  const shared = {
    state: new ServerState(createServerState(1)),
    cursors: new Int32Array(createCursors()),
    backendSlots: new SlotRegistry({ kind: 'backend' }),
    serverSlots: new SlotRegistry({ kind: 'server' }),
    model: () => assert.fail('nobody asks'),
    frontendsNaming: () => assert.fail('nobody asks'),
  };
  /** Host → why it is bad. */
  const bad = new Map<string, string>();
  const asked: string[] = [];
  const returned: number[] = [];
  let held: (() => void)[] | null = null;
  let changes = 0;
  const checks = new HealthChecks(shared, {
    probe: async ({ host, path }: ProbeTarget): Promise<ProbeResult> => {
      asked.push(`${host}${path}`);
      if (held !== null) await new Promise<void>((resolve) => held!.push(resolve));
      const reason = bad.get(host) ?? '';
      return { good: reason === '', reason, seconds: 0 };
    },
    onChange: () => changes++,
    onReturn: (_, slot) => returned.push(slot),
    upOf: () => '0/1',
    random: () => 0,
  });
  t.after(() => checks.stop());
  const slot = (host: string): number => shared.serverSlots.find(serverKey('b', `http://${host}`));
  return {
    checks,
    bad,
    asked,
    returned,
    changes: () => changes,
    told: () => changesOf(shared.cursors, 0),
    health: (host: string) => shared.state.health(slot(host)),
    hold: () => {
      held = [];
    },
    release: async () => {
      for (const go of held ?? []) go();
      held = null;
      await settle();
    },
    /** The backend `b` with servers of these hosts. */
    follow: async (hosts: readonly string[], check: Partial<HealthCheck> | null = {}): Promise<void> => {
      const servers: Server[] = hosts.map((host) => server(host, `http://${host}`));
      const one: Backend = {
        ...backend('b', ...servers),
        ...(check === null ? {} : { healthCheck: { ...CHECK, ...check } }),
      };
      shared.backendSlots.hold('b', 1);
      for (const { url } of servers) shared.serverSlots.hold(serverKey('b', url), 1);
      checks.touch(['b']);
      checks.follow(new Map([['b', one]]));
      await settle();
    },
    pass: async (ms: number): Promise<void> => {
      t.mock.timers.tick(ms);
      await settle();
    },
  };
}

test('every server is checked at once and then at each interval; the first check decides', async (t) => {
  const { follow, pass, asked, bad, health, checks, told } = setUp(t);
  bad.set('dead', 'status 500');
  await follow(['alive', 'dead'], { fall: 3 });
  assert.deepEqual(asked, ['alive/health', 'dead/health']);
  assert.deepEqual([health('alive'), health('dead')], [UP, DOWN]);
  assert.equal(told(), 2);
  await pass(9999);
  assert.equal(asked.length, 2);
  await pass(1);
  assert.equal(asked.length, 4);
  const view = checks.view('b', 'http://dead')!;
  assert.deepEqual([view.state, view.reason, view.since, view.checkedAt], ['down', 'status 500', 1_000_000, 1_010_000]);
  assert.deepEqual([view.checks, view.failed], [2, 2]);
});

test('later it takes as many checks in a row as rise and fall say', async (t) => {
  const { follow, pass, bad, health, returned, changes } = setUp(t);
  await follow(['s'], { rise: 2, fall: 3 });
  const found: number[] = [];
  for (const good of [false, false, true, false, false, false, true, false, true, true]) {
    if (good) bad.delete('s');
    else bad.set('s', 'no');
    await pass(10_000);
    found.push(health('s'));
  }
  assert.deepEqual(found, [UP, UP, UP, UP, UP, DOWN, DOWN, DOWN, DOWN, UP]);
  assert.equal(returned.length, 1);
  assert.equal(changes(), 3);
});

test('a new server is used at once, or with startdown after its first good check only', async (t) => {
  const { follow, hold, release, health } = setUp(t);
  hold();
  await follow(['s']);
  assert.equal(health('s'), UNCHECKED);
  await follow(['s', 'late'], { startDown: true });
  assert.deepEqual([health('s'), health('late')], [UNCHECKED, DOWN]);
  await release();
  assert.deepEqual([health('s'), health('late')], [UP, UP]);
});

test('a change of weights, of servers or of the interval leaves the state as it is', async (t) => {
  const { follow, pass, bad, health, asked } = setUp(t);
  bad.set('dead', 'no');
  await follow(['dead', 'alive']);
  await follow(['alive', 'dead', 'third']);
  assert.deepEqual(asked, ['dead/health', 'alive/health', 'third/health']);
  await follow(['alive', 'dead', 'third'], { intervalMs: 2000 });
  assert.deepEqual([health('dead'), health('alive')], [DOWN, UP]);
  await pass(2000);
  assert.equal(asked.length, 6);
});

test('another path is asked for at once, and no server blinks meanwhile', async (t) => {
  const { follow, hold, release, bad, health, asked, told } = setUp(t);
  bad.set('dead', 'no');
  await follow(['dead', 'alive'], { fall: 2 });
  const before = told();
  hold();
  await follow(['dead', 'alive'], { path: '/other', fall: 2 });
  assert.deepEqual(asked.slice(2), ['dead/other', 'alive/other']);
  assert.deepEqual([health('dead'), health('alive')], [DOWN, UP]);
  bad.set('alive', 'no such path');
  await release();
  assert.equal(health('alive'), UP, 'one of two bad checks');
  assert.equal(told(), before);
});

test('the answer to a check that nobody wants any more changes nothing', async (t) => {
  const { follow, hold, release, bad, health, checks } = setUp(t);
  bad.set('s', 'no');
  hold();
  await follow(['s']);
  await follow(['s'], null);
  await release();
  assert.equal(health('s'), UNCHECKED);
  assert.equal(checks.view('b', 'http://s'), null);
});

test('a server that is down and comes back finds its state, one without a check is freed of it', async (t) => {
  const { follow, hold, bad, health, asked } = setUp(t);
  bad.set('s', 'no');
  await follow(['s']);
  await follow([]);
  assert.equal(health('s'), DOWN);
  hold();
  await follow(['s']);
  assert.equal(health('s'), DOWN);
  assert.equal(asked.length, 2);
  await follow([]);
  await follow(['s'], null);
  assert.equal(health('s'), UNCHECKED);
});

test('no more than 512 checks are under way at a time, and all get their turn', async (t) => {
  const { follow, hold, release, asked, health } = setUp(t);
  const hosts = Array.from({ length: 1200 }, (_, i) => `h${i}`);
  hold();
  await follow(hosts);
  assert.equal(asked.length, 512);
  await release();
  for (let i = 0; i < 1200 && asked.length < 1200; i++) await settle();
  assert.equal(asked.length, 1200);
  await settle();
  assert.ok(hosts.every((host) => health(host) === UP));
});

const TARGETS: readonly (readonly [url: string, check: Partial<HealthCheck>, target: string])[] = [
  ['http://10.0.0.1:80', {}, 'http 10.0.0.1 80 /health as 10.0.0.1:80'],
  ['http://10.0.0.1:80/base/', { path: 'up?deep=1' }, 'http 10.0.0.1 80 /base/up?deep=1 as 10.0.0.1:80'],
  ['http://10.0.0.1:80', { scheme: 'https' }, 'https 10.0.0.1 80 /health as 10.0.0.1:80'],
  ['https://web:8443', { port: 9000 }, 'https web 9000 /health as web:9000'],
  ['https://web:8443', { hostname: 'www.example.com' }, 'https web 8443 /health as www.example.com'],
  ['h2c://web:81', { path: '/' }, 'h2c web 81 / as web:81'],
  ['http://[::1]:80', { port: 81 }, 'http ::1 81 /health as [::1]:81'],
  ['http://web:80', { path: 'https://other/up' }, 'https other 443 /up as other'],
  ['http://web', { scheme: 'https' }, 'https web 443 /health as web'],
  ['https://web', { scheme: 'http' }, 'http web 80 /health as web'],
  ['http://[::1]', { scheme: 'https' }, 'https ::1 443 /health as [::1]'],
];

for (const [url, check, expected] of TARGETS) {
  test(`${url} with ${JSON.stringify(check)} is asked for ${expected}`, () => {
    const { protocol, hostname, port } = new URL(url.replace('h2c:', 'http:'));
    const scheme = (url.startsWith('h2c') ? 'h2c' : protocol.slice(0, -1)) as Server['scheme'];
    const one: Server = {
      ...server('s', url.replace('h2c:', 'http:')),
      url,
      scheme,
      host: hostname.replace(/[[\]]/g, ''),
      port: Number(port || (/:(\d+)/.exec(url.slice(8))?.[1] ?? (scheme === 'https' ? 443 : 80))),
      hostHeader: url.replace(/^[^:]*:\/\//, '').replace(/\/.*/, ''),
    };
    const target = probeTarget(one, { ...CHECK, ...check }, null);
    assert.equal(`${target.scheme} ${target.host} ${target.port} ${target.path} as ${target.hostField}`, expected);
  });
}

test('a redirect to another host takes no secrets along', () => {
  const from: ProbeTarget = {
    scheme: 'http',
    host: 'a',
    port: 80,
    path: '/x/y',
    hostField: 'www',
    headers: [
      ['Authorization', 'secret'],
      ['X-A', '1'],
    ],
    tls: null,
  };
  assert.deepEqual(redirected(from, 'z'), { ...from, path: '/x/z' });
  const other = {
    scheme: 'https',
    host: 'b',
    port: 443,
    path: '/q',
    hostField: 'b',
    headers: [['X-A', '1']],
    tls: null,
  };
  assert.deepEqual(redirected(from, 'https://b/q'), other);
  assert.throws(() => redirected(from, 'ftp://b/q'));
});
