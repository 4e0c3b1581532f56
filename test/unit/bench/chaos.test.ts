import assert from 'node:assert/strict';
import { test } from 'node:test';
import { explain, type Facts } from '../../../bench/chaos/explain.ts';
import type { Node, Outage } from '../../../bench/chaos/node.ts';
import { Random } from '../../../bench/chaos/random.ts';
import type { Absence, Service } from '../../../bench/chaos/service.ts';
import type { Span } from '../../../bench/chaos/times.ts';
import { parseOptions } from '../../../bench/options.ts';
import type { Outcome } from '../../../bench/soak/ledger.ts';

const ALWAYS: Span = { from: 0, to: Number.POSITIVE_INFINITY };

const answer: Outcome = {
  kind: 'GET',
  backend: 'b',
  repeatable: true,
  startedAt: 60_000,
  endedAt: 60_100,
  status: 200,
  ending: 'whole',
  detail: '',
  server: 's1',
  reused: false,
};

function service(name: string, absences: readonly Absence[] = [], keys: readonly Span[] = [ALWAYS]): Service {
  return { name, backend: 'b', absences, surely: keys, perhaps: keys } as unknown as Service;
}

function node(outages: readonly Outage[] = [], behind: readonly Span[] = []): Node {
  return { outages, behind } as unknown as Node;
}

function facts(services: readonly Service[], troubles: Facts['troubles'] = []): Facts {
  return { services, troubles };
}

test('a 200 is good of a server whose key was there, and of no other', () => {
  assert.equal(explain(answer, node(), facts([service('s1')])), '');
  assert.equal(explain(answer, node(), facts([service('s2')])), null);
  const gone = service('s1', [], [{ from: 0, to: 50_000 }]);
  assert.equal(explain(answer, node(), facts([gone])), null);
  const trouble = { node: null, from: 45_000, to: 61_000 };
  assert.equal(explain(answer, node(), facts([gone], [trouble])), '', 'the node could not know that it is gone');
});

test('a 404 is never explained, and neither is a body of somebody else', () => {
  const all = facts([service('s1', [{ from: 0, to: 90_000, why: 'killed' }], [])]);
  assert.equal(explain({ ...answer, status: 404 }, node(), all), null);
  assert.equal(explain({ ...answer, ending: 'wrong' }, node(), all), null);
});

test('a 503 is explained only while no server is good', () => {
  const refused = { ...answer, status: 503, server: '' };
  const dead = service('s1', [{ from: 59_000, to: 61_000, why: 'killed' }]);
  assert.equal(explain(refused, node(), facts([dead])), '503: no server was good');
  assert.equal(explain(refused, node(), facts([dead, service('s2')])), null);
  assert.equal(
    explain(refused, node(), facts([service('s1', [], [{ from: 59_000, to: 99_000 }])])),
    '503: no server was good',
  );
  const lapsed = service('s1', [], [{ from: 0, to: 60_050 }]);
  assert.equal(explain(refused, node(), facts([lapsed])), '503: no server was good', 'its lease ran out meanwhile');
});

test('a 502 is explained by a kill while it ran, a 504 by a stop that was long enough', () => {
  const failed = { ...answer, status: 502, server: '' };
  const late = { ...answer, status: 504, server: '', endedAt: 63_100 };
  const [killed, stopped] = (['killed', 'stopped'] as const).map((why) =>
    service('s1', [{ from: 60_050, to: 64_000, why }]),
  );
  const good = service('s2');
  assert.equal(explain(failed, node(), facts([killed!, good])), '502: a server was killed');
  assert.equal(explain(failed, node(), facts([stopped!, good])), null);
  assert.equal(explain(late, node(), facts([stopped!, good])), '504: a server was stopped');
  assert.equal(explain(late, node(), facts([killed!, good])), null);
});

test('a lost connection is explained by the end of its node; a successor may cost a resting connection only', () => {
  const lost: Outcome = { ...answer, status: 0, ending: 'broken', server: '' };
  const all = facts([service('s1')]);
  assert.equal(explain(lost, node(), all), null);
  assert.notEqual(explain(lost, node([{ from: 60_050, to: 61_000, why: 'killed' }]), all), null);
  const succeeded = node([{ from: 60_050, to: 61_000, why: 'succeeded' }]);
  assert.equal(explain(lost, succeeded, all), null);
  assert.notEqual(explain({ ...lost, reused: true }, succeeded, all), null);
});

test('an answer that nobody held up and that is late all the same is not explained', () => {
  assert.equal(explain({ ...answer, endedAt: 70_000 }, node(), facts([service('s1')])), null);
});

test('the same seed draws the same', () => {
  const draw = (seed: number): number[] => {
    const random = new Random(seed);
    return Array.from({ length: 20 }, () => random.whole(0, 9));
  };
  assert.deepEqual(draw(7), draw(7));
  assert.notDeepEqual(draw(7), draw(8));
});

test('chaos takes seconds and a seed', () => {
  assert.deepEqual(parseOptions(['chaos']), { kind: 'chaos', seconds: 60, seed: null, keep: '' });
  assert.deepEqual(parseOptions(['chaos', '90', '--seed=3']), { kind: 'chaos', seconds: 90, seed: 3, keep: '' });
  for (const wrong of [['chaos', '0'], ['chaos', 'x'], ['chaos', '--seed=x'], ['chaos', '--quick'], ['--seed=1']]) {
    assert.equal(parseOptions(wrong).kind, 'error', wrong.join(' '));
  }
});
