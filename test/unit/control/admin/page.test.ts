import assert from 'node:assert/strict';
import test from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import { Page, PageMaker, PagesInUse } from '../../../../src/control/admin/page.ts';

function textOf(page: Page | null): string {
  return Buffer.concat(page?.pieces ?? []).toString();
}

test('all who ask before a page is begun share it, whoever asks later gets the next', async () => {
  const maker = new PageMaker();
  let said = 'one';
  const begun = Promise.withResolvers<void>();
  const text = function* () {
    yield said;
    begun.resolve();
    // Longer than a slice.
    for (const end = performance.now() + 20; performance.now() < end; ) yield '';
  };
  const first = Array.from({ length: 600 }, () => maker.ask('page', text));
  await begun.promise;
  said = 'two';
  const second = Array.from({ length: 600 }, () => maker.ask('page', text));
  assert.deepEqual([...new Set((await Promise.all(first)).map(textOf))], ['one']);
  assert.deepEqual([...new Set((await Promise.all(second)).map(textOf))], ['two']);
  assert.equal(maker.made, 2);
});

test('a large page is made in slices between which others run', async () => {
  const maker = new PageMaker();
  let turns = 0;
  let isMade = false;
  const page = maker.ask('page', function* () {
    // Were it made in one go, nobody else would ever have a turn.
    for (const end = performance.now() + 10_000; turns <= 5 && performance.now() < end; ) yield 'x'.repeat(100);
  });
  page.then(() => {
    isMade = true;
  });
  while (!isMade) {
    await nextTurn();
    turns++;
  }
  assert.ok(turns > 5, `${turns} turns`);
});

test('a page that throws costs its own askers only, and one that is not there is null', async () => {
  const maker = new PageMaker();
  const broken = maker.ask('broken', () => {
    throw new Error('not today');
  });
  const missing = maker.ask('missing', () => null);
  const fine = maker.ask('fine', () => ['fine']);
  await assert.rejects(broken, /not today/);
  assert.equal(await missing, null);
  assert.equal(textOf(await fine), 'fine');
  await assert.rejects(
    maker.ask('late', function* () {
      yield 'a';
      throw new Error('half way');
    }),
    /half way/,
  );
  assert.equal(textOf(await maker.ask('fine', () => ['again'])), 'again');
});

test('a page is compressed once, and not at all when it is small', async () => {
  const page = Page.of('abc'.repeat(10_000));
  const [one, other] = await Promise.all([page.compressed(), page.compressed()]);
  assert.equal(one, other);
  assert.equal(gunzipSync(Buffer.concat(one.pieces)).toString(), 'abc'.repeat(10_000));
  const small = Page.of('abc');
  assert.equal(await small.compressed(), small);
});

test('beyond the budget the users of the oldest page are closed, never those of the newest', () => {
  const pages = new PagesInUse(250);
  const closed: string[] = [];
  const user = (name: string) => ({ destroy: () => void closed.push(name) });
  const [a, b, c, huge] = [100, 100, 100, 1000].map((size) => Page.of('x'.repeat(size)));
  pages.use(a, user('a1'));
  pages.use(a, user('a2'));
  const b1 = user('b1');
  pages.use(b, b1);
  assert.deepEqual(closed, []);
  pages.use(c, user('c1'));
  assert.deepEqual(closed, ['a1', 'a2']);
  pages.release(b, b1);
  pages.use(huge, user('huge'));
  assert.deepEqual(closed, ['a1', 'a2', 'c1']);
});
