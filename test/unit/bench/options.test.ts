import assert from 'node:assert/strict';
import test from 'node:test';
import { parseH2load } from '../../../bench/engines/loads.ts';
import { parseResult } from '../../../bench/load.ts';
import { chooseCores, osReleaseField } from '../../../bench/machine.ts';
import { parseOptions } from '../../../bench/options.ts';
import { expectedSeconds, fieldsOf, fitEfforts, SCENARIOS } from '../../../bench/scenarios.ts';

test('without arguments everything that is installed is measured', () => {
  assert.deepEqual(parseOptions([]), { kind: 'run', quick: false, rounds: null, scenarios: [], peers: [] });
});

test('scenarios and proxies are lists, rounds a number', () => {
  assert.deepEqual(parseOptions(['--quick', '--rounds=3', '--scenario=small,1m', '--peers=nginx,tsuji']), {
    kind: 'run',
    quick: true,
    rounds: 3,
    scenarios: ['small', '1m'],
    peers: ['nginx', 'tsuji'],
  });
});

test('compare takes two revisions and flags for tsuji', () => {
  assert.deepEqual(parseOptions(['compare', 'HEAD~1', 'work', '--rounds=9', '--', '--upstream.pipelining=16']), {
    kind: 'compare',
    before: 'HEAD~1',
    after: 'work',
    rounds: 9,
    processes: 1,
    scenarios: ['small'],
    flags: ['--upstream.pipelining=16'],
  });
});

test('engines are measured over TLS or in the clear, with several processes of each', () => {
  assert.deepEqual(parseOptions(['tls']), {
    kind: 'engines',
    command: 'tls',
    rounds: 5,
    processes: 2,
    scenarios: [],
    peers: [],
  });
  assert.deepEqual(parseOptions(['engines', '--processes=3', '--rounds=9', '--peers=nginx,tsuji']), {
    kind: 'engines',
    command: 'engines',
    rounds: 9,
    processes: 3,
    scenarios: [],
    peers: ['nginx', 'tsuji'],
  });
});

test('a report of h2load is read, and only what failed for good is an error', () => {
  const output = `finished in 2.01s, 35712.50 req/s, 8.01MB/s
requests: 71553 total, 71681 started, 71553 done, 71550 succeeded, 128 failed, 2 errored, 1 timeout
status codes: 71550 2xx, 0 3xx, 3 4xx, 0 5xx
`;
  assert.deepEqual(parseH2load(output), { requests: 71_550, microseconds: 2_010_000, errors: 6, latencies: [] });
  assert.throws(() => parseH2load('Could not connect'), /h2load: Could not connect/);
});

test('the dashboard takes one number of frontends', () => {
  assert.deepEqual(parseOptions(['dashboard']), { kind: 'dashboard', frontends: 5_000 });
  assert.deepEqual(parseOptions(['dashboard', '--frontends=10']), { kind: 'dashboard', frontends: 10 });
  for (const wrong of ['--frontends=1,2', '--rounds=3']) assert.equal(parseOptions(['dashboard', wrong]).kind, 'error');
});

test('updates take numbers of frontends and proxies', () => {
  assert.deepEqual(parseOptions(['updates']), { kind: 'updates', frontends: [1_000, 10_000, 100_000], peers: [] });
  const some = parseOptions(['updates', '--frontends=1,20', '--peers=tsuji']);
  assert.deepEqual(some, { kind: 'updates', frontends: [1, 20], peers: ['tsuji'] });
  for (const wrong of ['--frontends=', '--frontends=x', '--frontends=0', '--rounds=2', '--quick']) {
    assert.equal(parseOptions(['updates', wrong]).kind, 'error', wrong);
  }
  assert.equal(parseOptions(['--frontends=3']).kind, 'error');
});

test('a soak takes minutes within bounds', () => {
  assert.deepEqual(parseOptions(['soak']), { kind: 'soak', minutes: 3 });
  assert.deepEqual(parseOptions(['soak', '--minutes=0.5']), { kind: 'soak', minutes: 0.5 });
  assert.deepEqual(parseOptions(['soak', '--minutes=30']), { kind: 'soak', minutes: 30 });
});

test('what is not understood is named', () => {
  for (const args of [
    ['--fast'],
    ['--rounds=0'],
    ['--rounds=x'],
    ['compare', 'HEAD'],
    ['compare', 'a', 'b', '--quick'],
    ['nonsense'],
    ['--', '--workers=2'],
    ['--quick=yes'],
    ['--scenario='],
    ['soak', '--minutes=31'],
    ['tls', '--processes=0'],
    ['engines', '--quick'],
    ['most', '--rounds=3'],
    ['--processes=2'],
    ['soak', '--minutes=0'],
    ['soak', '--minutes='],
    ['soak', '--minutes=x'],
    ['soak', '--quick'],
    ['soak', 'more'],
    ['--minutes=3'],
  ]) {
    const options = parseOptions(args);
    assert.equal(options.kind, 'error', args.join(' '));
  }
  const options = parseOptions(['--rounds=x']);
  assert.ok(options.kind === 'error' && options.message.includes('--rounds=x'));
});

test('a whole run is planned below six minutes with six proxies, a quick one below a minute with five', () => {
  for (const [quick, fit, limit, most] of [
    [false, 320, 340, 6],
    [true, 52, 56, 5],
  ] as const) {
    const scenarios = SCENARIOS.filter((scenario) => !quick || scenario.quick !== null);
    for (let proxies = 1; proxies <= most; proxies++) {
      const efforts = fitEfforts(scenarios, quick, proxies, fit);
      const total = scenarios.reduce(
        (sum, scenario) => sum + expectedSeconds(scenario, efforts.get(scenario.name)!, proxies),
        0,
      );
      assert.ok(total <= limit, `${proxies} proxies take ${total} s of ${limit} s`);
    }
  }
});

test('time is saved in rounds, but never below two of them', () => {
  const efforts = fitEfforts(SCENARIOS, false, 6, 1);
  for (const scenario of SCENARIOS) {
    assert.equal(efforts.get(scenario.name)!.rounds, Math.min(2, scenario.full.rounds), scenario.name);
  }
});

test('every scenario has a name of its own and sends nine fields beside Host', () => {
  assert.equal(new Set(SCENARIOS.map(({ name }) => name)).size, SCENARIOS.length);
  for (const scenario of SCENARIOS) assert.equal(Object.keys(fieldsOf(scenario)).length, 10);
});

test('the result of a generator is the last line of its output', () => {
  const result = { requests: 1, microseconds: 2, errors: 0, latencies: [[3, 1]] };
  assert.deepEqual(parseResult(`Running 2s test\n${JSON.stringify(result)}\n`), result);
  assert.throws(() => parseResult('unable to connect\n'), /no result: unable to connect/);
});

test('the proxy gets a core of its own where there are two', () => {
  assert.deepEqual(chooseCores(2, true), { proxy: 1, load: 0 });
  assert.deepEqual(chooseCores(8, true), { proxy: 7, load: 0 });
  assert.deepEqual(chooseCores(1, true), { proxy: null, load: null });
  assert.deepEqual(chooseCores(2, false), { proxy: null, load: null });
});

test('the name of the distribution is read with and without quotes', () => {
  assert.equal(osReleaseField('ID=debian\nPRETTY_NAME="Debian GNU/Linux 12"\n', 'PRETTY_NAME'), 'Debian GNU/Linux 12');
  assert.equal(osReleaseField('ID=debian\n', 'ID'), 'debian');
  assert.equal(osReleaseField('ID=debian\n', 'NAME'), null);
});

test('requests at once are for the log alone, and as many as the engine runs at a time', () => {
  assert.deepEqual(parseOptions(['log']), { kind: 'log', rounds: 9, pipelining: 1 });
  assert.deepEqual(parseOptions(['log', '--pipelining=16', '--rounds=2']), { kind: 'log', rounds: 2, pipelining: 16 });
  for (const args of [
    ['log', '--pipelining=33'],
    ['log', '--pipelining='],
    ['features', '--pipelining=2'],
  ])
    assert.equal(parseOptions(args).kind, 'error', args.join(' '));
});
