import assert from 'node:assert/strict';
import test from 'node:test';
import type { Problem } from '../../../src/kernel/problems.ts';
import { ProblemBook, type ProblemNews } from '../../../src/model/problem-book.ts';

const KEY = '/traefik/conf/frontends/f/backend';

function problem(reason: string, key = KEY): Problem {
  return { key, state: 'rejected', reason };
}

function put(book: ProblemBook, object: string, ...problems: Problem[]): ProblemNews {
  const news: ProblemNews = { appeared: [], mended: [] };
  book.put(object, problems, news);
  return news;
}

test('of two objects with a problem under one key the same is shown whoever comes first, and the other when that one goes', () => {
  for (const order of [
    ['one', 'two'],
    ['two', 'one'],
  ]) {
    const book = new ProblemBook();
    for (const name of order) put(book, name, problem(name));
    assert.deepEqual([...book.shown.values()], [problem('one')]);
    assert.deepEqual(put(book, 'one'), { appeared: [problem('two')], mended: [] });
    assert.deepEqual([...book.shown.values()], [problem('two')]);
    assert.deepEqual(put(book, 'two'), { appeared: [], mended: [problem('two')] });
    assert.deepEqual([...book.objects()], []);
  }
});

test('what has not changed is no news, and what has another reason is', () => {
  const book = new ProblemBook();
  assert.equal(put(book, 'f', problem('a'), problem('b', '/k')).appeared.length, 2);
  assert.deepEqual(put(book, 'f', problem('a'), problem('b', '/k')), { appeared: [], mended: [] });
  assert.deepEqual(put(book, 'f', problem('c')), { appeared: [problem('c')], mended: [problem('b', '/k')] });
});
