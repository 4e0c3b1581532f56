import assert from 'node:assert/strict';
import test from 'node:test';
import { streamTail } from '../../../src/control/admin/tail-stream.ts';
import { LiveTails } from '../../../src/control/tail/live-tails.ts';
import { tailFilter } from '../../../src/control/tail/tail-query.ts';
import { ExchangeRecord } from '../../../src/data/access-log/exchange-record.ts';
import { Marks } from '../../../src/data/exchange/marks.ts';
import { Outcome } from '../../../src/data/exchange/outcome.ts';
import { LiveTail } from '../../../src/data/tail/live-tail.ts';
import { queryNames } from '../../../src/http/query.ts';
import { createLabelCounts, LabelCounts } from '../../../src/shared/label-counts.ts';
import { waitFor } from '../../harness/wait.ts';

function setUp(showsQueries = false) {
  let looks = false;
  const tails = new LiveTails(1, showsQueries, (told) => {
    looks = worker.watch(structuredClone(told));
  });
  const worker = new LiveTail(tails.buffers[0]!, 0, ['http'], new LabelCounts(createLabelCounts()));
  const record = new ExchangeRecord({ connection: false, heads: false });
  record.host = 'Shop.test';
  const outcome = new Outcome();
  outcome.marks = new Marks();
  outcome.method = 'GET';
  const ask = (target: string, status = 200): void => {
    outcome.status = status;
    outcome.marks.begin();
    outcome.marks.admitted();
    outcome.marks.end();
    if (looks) worker.ended(outcome, record, target, '10.0.0.1');
  };
  const open = (query: string, rate = 50) => {
    const seen = { lines: [] as string[], skipped: 0, leave: () => {} };
    const { meant } = tailFilter(query);
    const onLines = (lines: readonly string[]): boolean => seen.lines.push(...lines) > 0;
    const onSkipped = (count: number): void => {
      seen.skipped += count;
    };
    seen.leave = tails.watch({ filter: meant, rate, onLines, onSkipped })!;
    return seen;
  };
  return { ask, open, looks: () => looks };
}

const paths = (lines: readonly string[]): string[] => lines.map((line) => (JSON.parse(line) as { p: string }).p);

test('a filter sees what is shown and nothing else, in either case', async () => {
  const { ask, open } = setUp();
  const wanted = [
    'HOST:shop',
    'host:"SHOP.test"',
    'path:/Cart',
    'code:404',
    'code:4xx',
    '-code:5xx ms<1000',
    'cart id',
    'ip:10.0',
  ];
  const not = ['host:"shop"', 'path:hush', 'hush', 'code>404', '-cart', 'tries>0', 'frontend:shop'];
  const tails = [...wanted, ...not].map((query) => ({ query, tail: open(query) })).slice(0, 8);
  ask('/cart?id=hush', 404);
  await waitFor(() => tails.every(({ tail }) => tail.lines.length === 1), 'all of them to be shown');
  assert.deepEqual(paths(tails[0]!.tail.lines), ['/cart?id=…']);
  for (const { tail } of tails) tail.leave();
  const others = not.map((query) => open(query));
  const all = open('');
  ask('/cart?id=hush', 404);
  await waitFor(() => all.lines.length === 1, 'it to be shown');
  assert.deepEqual(
    others.map(({ lines }) => lines.length),
    not.map(() => 0),
  );
  for (const tail of [...others, all]) tail.leave();
});

test('who gets the place of one that has left is shown nothing that was meant for that one', async () => {
  const { ask, open, looks } = setUp();
  const first = open('');
  ask('/first');
  first.leave();
  assert.equal(looks(), false);
  const second = open('path:second');
  ask('/second');
  await waitFor(() => second.lines.length > 0, 'what the second wants');
  assert.deepEqual([paths(second.lines), first.lines], [['/second'], []]);
  second.leave();
});

test('whatever comes at once, no more than the rate is shown, and all else is counted', async () => {
  const { ask, open } = setUp(true);
  const [few, many] = [open('', 1), open('', 50)];
  const long = `/${'x'.repeat(5_000)}?a=${'y'.repeat(50_000)}`;
  for (let i = 0; i < 20_000; i++) ask(long);
  await waitFor(
    () => few.lines.length + few.skipped === 20_000 && many.lines.length + many.skipped === 20_000,
    () => `20 000 of each, not ${few.lines.length} + ${few.skipped} and ${many.lines.length} + ${many.skipped}`,
  );
  assert.ok(few.lines.length <= 3 && many.lines.length <= 150, `${few.lines.length} ${many.lines.length}`);
  assert.ok(few.lines.every((line) => line.length < 1_000));
  few.leave();
  many.leave();
});

test('where it is turned off nobody looks', () => {
  const refusal = streamTail({ tails: () => null } as never, 'q=a', null as never, {});
  assert.equal(refusal?.status, 403);
  assert.match(refusal.text, /--web\.tail=off/);
});

test('of a query the names are shown, and nothing that may be a value', () => {
  assert.equal(queryNames('a=1&b=;c=x=y&d&&=z'), 'a=…&b=…;c=…&…&&=…');
});
