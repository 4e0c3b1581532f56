/** An object that no table can be made with is found and left out, and all others are served. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { StringHeap } from '../../../src/table/build-buffers.ts';
import { TableBuilder } from '../../../src/table/builder.ts';
import { CandidateIndex } from '../../../src/table/candidates.ts';
import type { NamedFrontend, TableChange } from '../../../src/table/input.ts';
import { RoutingTable } from '../../../src/table/reader.ts';
import { withoutGuilty } from '../../../src/table/salvage.ts';
import { poison } from '../../harness/poison.ts';
import { backend, frontend, server } from './inputs.ts';

const ERROR = new Error('it failed');

function named(name: string, backendName: string): NamedFrontend {
  const { otherBackends: _, ...plain } = frontend(name, [{ kind: 'host', hosts: [`${name}.example`] }]);
  return { ...plain, backend: backendName };
}

function everything(frontends: readonly string[], backends: readonly string[] = ['b0', 'b1']): TableChange {
  return {
    generation: 7,
    backends: backends.map((name, slot) => backend({ name, slot, servers: [server({ name: `s${slot}`, slot })] })),
    frontends: frontends.map((name, i) => named(name, backends[i % backends.length])),
    goneBackends: [],
    goneFrontends: [],
  };
}

function served({ backends, frontends, ...rest }: TableChange): string[] {
  const table = new RoutingTable(new TableBuilder().apply({ ...rest, backends, frontends }).base, false);
  return frontends.flatMap(({ name }) => table.route(0, 'GET', `${name}.example`, '/')?.name ?? []);
}

const NAMES = Array.from({ length: 40 }, (_, i) => `f${i + 10}`);

for (const [made, method] of [
  [StringHeap, 'add'],
  [CandidateIndex, 'add'],
] as const) {
  test(`a frontend that ${made.name}.${method} trips over is left out`, (t) => {
    t.after(poison(made, method, 'f20'));
    const { change, refused } = withoutGuilty(
      everything(NAMES),
      { backends: [], frontends: [named('f20', 'b0')] },
      ERROR,
    );
    assert.deepEqual(refused, [{ kind: 'frontends', name: 'f20', reason: `injected fault in ${method}` }]);
    assert.deepEqual(
      served(change),
      NAMES.filter((name) => name !== 'f20'),
    );
  });
}

test('a backend that cannot be written goes with the frontends that need it', (t) => {
  t.after(poison(StringHeap, 'add', 'b1'));
  const all = everything(NAMES);
  const { change, refused } = withoutGuilty(all, all, ERROR);
  assert.deepEqual(refused, [{ kind: 'backends', name: 'b1', reason: 'injected fault in add' }]);
  assert.deepEqual(
    served(change),
    NAMES.filter((_, i) => i % 2 === 0),
  );
});

test('who was good before is looked at as well when the suspects are good', (t) => {
  t.after(poison(StringHeap, 'add', 'f33'));
  const { refused } = withoutGuilty(everything(NAMES), { backends: [], frontends: [named('f20', 'b0')] }, ERROR);
  assert.deepEqual(
    refused.map(({ name }) => name),
    ['f33'],
  );
});

test('what fails only together with others is found, too', (t) => {
  // As if a table could not hold these two at once.
  const { write } = CandidateIndex.prototype;
  t.mock.method(CandidateIndex.prototype, 'write', function (this: CandidateIndex) {
    const { heap } = this as unknown as { heap: StringHeap };
    const text = Buffer.from(heap.view()).toString();
    if (text.includes('f15') && text.includes('f30')) throw new Error('they collide');
    return write.call(this);
  });
  const all = everything(NAMES);
  const { change, refused } = withoutGuilty(all, all, ERROR);
  assert.deepEqual(refused, [{ kind: 'frontends', name: 'f30', reason: 'they collide' }]);
  assert.equal(served(change).length, NAMES.length - 1);
});

test('when hardly anything can be written nobody is blamed, and the error stands', (t) => {
  const all = everything(NAMES);
  assert.throws(() => withoutGuilty(all, all, ERROR), ERROR);
  t.after(poison(StringHeap, 'add', 'example'));
  assert.throws(() => withoutGuilty(all, all, ERROR), ERROR);
});
