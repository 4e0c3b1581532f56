import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import fc from 'fast-check';
import { BodyCheck, type BodyPlan, pieceOf, planFromTarget } from '../../../bench/soak/body.ts';
import { explain, KILL_MS, Ledger, type Outcome } from '../../../bench/soak/ledger.ts';
import { growthOf } from '../../../bench/soak/memory.ts';
import { type Findings, failuresOf, findingsText } from '../../../bench/soak/report.ts';
import { codesIn, gaugeIn, Keys, openKindsIn } from '../../../bench/soak/tsuji.ts';
import { temporaryFolder } from '../../harness/tools.ts';

function whole(plan: BodyPlan): Buffer {
  const pieces: Buffer[] = [];
  for (let at = 0; at < plan.length; ) {
    pieces.push(pieceOf(plan, at, 10_000));
    at += pieces.at(-1)!.length;
  }
  return Buffer.concat(pieces);
}

const plans = fc.record({ seed: fc.nat(5_000_000), length: fc.integer({ min: 2, max: 30_000 }) });

test('a body is right however it is cut', () => {
  fc.assert(
    fc.property(plans, fc.array(fc.integer({ min: 1, max: 5_000 })), (plan, sizes) => {
      const body = whole(plan);
      const check = new BodyCheck(plan);
      let at = 0;
      for (const size of sizes) {
        check.push(body.subarray(at, at + size));
        at = Math.min(body.length, at + size);
      }
      check.push(body.subarray(at));
      assert.equal(check.verdict(), '');
      assert.equal(check.received, plan.length);
    }),
  );
});

test('one changed byte, one byte too few and one too many are found', () => {
  fc.assert(
    fc.property(plans, fc.nat(), (plan, where) => {
      const verdictOn = (bytes: Buffer): string => {
        const check = new BodyCheck(plan);
        check.push(bytes);
        return check.verdict();
      };
      const body = whole(plan);
      const at = where % plan.length;
      const changed = Buffer.from(body);
      changed[at] = changed[at]! ^ 1;
      assert.match(verdictOn(changed), /^wrong between/);
      assert.match(verdictOn(body.subarray(0, -1)), /^ended after/);
      assert.match(verdictOn(Buffer.concat([body, Buffer.from('x')])), /^longer than/);
    }),
  );
});

test('the body of another exchange is not taken for this one', () => {
  const check = new BodyCheck({ seed: 7_919, length: 5_000 });
  check.push(whole({ seed: 15_838, length: 5_000 }));
  assert.match(check.verdict(), /^wrong/);
});

test('a target says which body it asks for', () => {
  assert.deepEqual(planFromTarget('/chunked?seed=12&length=34'), { seed: 12, length: 34 });
  assert.deepEqual(planFromTarget('/chunked'), { seed: 0, length: 0 });
});

const outcome: Outcome = {
  kind: 'small GET',
  backend: 'mortal',
  repeatable: true,
  startedAt: 10_000,
  endedAt: 10_100,
  status: 200,
  ending: 'whole',
  detail: '',
  server: 'mortal1',
  reused: false,
};

test('a 502 and a broken response are explained by a kill of a server of the same backend, and by nothing else', () => {
  const post = { ...outcome, repeatable: false, status: 502 };
  const broken: Outcome = { ...outcome, ending: 'broken' };
  for (const one of [post, broken, { ...post, status: 101, ending: 'broken' } as Outcome]) {
    assert.equal(explain(one, []), null);
    assert.equal(explain(one, [{ backend: 'steady', at: 10_050 }]), null);
    assert.equal(explain(one, [{ backend: 'mortal', at: 10_101 }]), null, 'it ended before the kill');
    assert.equal(explain(one, [{ backend: 'mortal', at: 10_000 - KILL_MS - 1 }]), null, 'it began long after the kill');
    assert.notEqual(explain(one, [{ backend: 'mortal', at: 10_050 }]) ?? '', '');
  }
});

test('wrong bytes and other statuses have no explanation', () => {
  const kills = [{ backend: 'mortal', at: 10_050 }];
  assert.equal(explain({ ...outcome, ending: 'wrong' }, kills), null);
  for (const status of [404, 500, 503, 504]) assert.equal(explain({ ...outcome, status }, kills), null);
  assert.equal(explain(outcome, kills), '');
  assert.equal(explain({ ...outcome, status: 0, ending: 'left' }, []), '');
});

test('the ledger counts by kind and keeps what it cannot explain word for word, up to a limit', () => {
  const ledger = new Ledger();
  ledger.add(outcome);
  ledger.add({ ...outcome, ending: 'left' });
  for (let i = 0; i < 30; i++) ledger.add({ ...outcome, status: 500, detail: 'from tsuji' });
  assert.deepEqual(ledger.kinds.get('small GET'), { done: 31, left: 1 });
  assert.equal(ledger.unexplainedCount, 30);
  assert.equal(ledger.unexplained.length, 20);
  assert.match(ledger.unexplained[0]!, /small GET to mortal: 500 whole after 0\.100 s, no kill: from tsuji/);
});

test('growth is that of the second half, and a single spike is none', () => {
  const flat = Array.from({ length: 60 }, (_, at) => ({ at, bytes: at < 30 ? at * 1e6 : 30e6 }));
  assert.equal(growthOf(flat).perMinute, 0);
  const spike = flat.map((sample) => (sample.at === 50 ? { ...sample, bytes: 500e6 } : sample));
  assert.equal(growthOf(spike).perMinute, 0);
  assert.equal(growthOf(spike).greatest, 500e6);
  const steady = flat.map(({ at }) => ({ at, bytes: 1e8 + at * 1_000 }));
  assert.ok(Math.abs(growthOf(steady).perMinute - 60_000) < 1);
  assert.ok(Math.abs(growthOf(steady).inAll - 29_000) < 1);
  assert.ok(Number.isNaN(growthOf([]).inAll));
});

const found: Findings = {
  seconds: 60,
  webSockets: '',
  ledger: new Ledger(),
  changes: 10,
  growth: { perMinute: 1e6, inAll: 1e6, least: 1e8, greatest: 1.1e8 },
  greatestLag: 0.01,
  greatestUpstream: 12,
  latency: [900, 3_000, 9_000],
  openExchanges: 0,
  openKinds: '',
  openUpstream: 0,
  codes: new Map([
    [200, 5],
    [499, 1],
  ]),
  generation: 11,
  settled: true,
  restarts: 0,
  exit: 0,
  output: 'level=error msg="Key rejected: Hots:nowhere"\n',
  complaints: '',
};

test('a soak passes when nothing is left, wrong or unexplained', () => {
  assert.deepEqual(failuresOf(found), []);
  assert.match(findingsText(found, []), /soak passed$/);
});

test('each thing that must not be fails a soak and is named', () => {
  const unexplained = new Ledger();
  unexplained.add({ ...outcome, status: 500 });
  const cases: [Partial<Findings>, RegExp][] = [
    [{ ledger: unexplained }, /1 outcomes without/],
    [{ codes: new Map([[503, 2]]) }, /2 × 503/],
    [{ openExchanges: 1, openKinds: 'GET/http: 1' }, /1 exchanges are still open: GET\/http: 1/],
    [{ openUpstream: 3 }, /3 connections/],
    [{ growth: { perMinute: 3e7, inAll: 9e7, least: 1e8, greatest: 2e8 } }, /memory has grown/],
    [{ growth: { perMinute: Number.NaN, inAll: Number.NaN, least: 0, greatest: 0 } }, /memory has grown/],
    [{ restarts: 1 }, /1 workers/],
    [{ settled: false }, /newest table/],
    [{ output: 'level=error msg="An error inside tsuji" event=own_error' }, /own_error/],
    [{ complaints: 'a complete upload was wrong' }, /a complete upload was wrong/],
    [{ exit: 'none' }, /did not end with 0/],
    [{ exit: 1 }, /did not end with 0/],
  ];
  for (const [change, expected] of cases) {
    const failures = failuresOf({ ...found, ...change });
    assert.equal(failures.length, 1, String(expected));
    assert.match(failures[0]!, expected);
    assert.match(findingsText({ ...found, ...change }, failures), /FAILED: /);
  }
});

test('figures are read from the metrics page', () => {
  const page = [
    'traefik_entrypoint_requests_total{code="200",method="GET",protocol="http",entrypoint="http"} 5',
    'traefik_entrypoint_requests_total{code="200",method="POST",protocol="http",entrypoint="http"} 2',
    'traefik_entrypoint_requests_total{code="502",method="GET",protocol="http",entrypoint="http"} 1',
    'traefik_entrypoint_open_connections{method="GET",protocol="websocket",entrypoint="http"} 3',
    'traefik_entrypoint_open_connections{method="GET",protocol="http",entrypoint="http"} 0',
    'tsuji_open_exchanges 3',
    '',
  ].join('\n');
  assert.deepEqual(
    [...codesIn(page)],
    [
      [200, 7],
      [502, 1],
    ],
  );
  assert.equal(gaugeIn(page, 'tsuji_open_exchanges'), 3);
  assert.ok(Number.isNaN(gaugeIn(page, 'tsuji_open')));
  assert.equal(openKindsIn(page), 'GET/websocket: 3');
});

test('keys are set, added and removed as wholes', (t) => {
  const { path, remove } = temporaryFolder();
  t.after(remove);
  const keys = new Keys(path);
  keys.add('backends/b/servers/s', { url: 'http://127.0.0.1:1', 'deep/er': 'x' });
  keys.set('backends/b/servers/s/weight', '3');
  const server = join(keys.folder, 'backends/b/servers/s');
  assert.equal(readFileSync(join(server, 'weight'), 'utf8'), '3');
  assert.equal(readFileSync(join(server, 'deep/er'), 'utf8'), 'x');
  keys.remove('backends/b/servers/s');
  assert.equal(existsSync(server), false);
});
