import assert from 'node:assert/strict';
import test from 'node:test';
import { requestPath } from '../../../src/access-log/request-path.ts';

test('a path that is a valid encoding stays, any other is encoded anew, and a query is raw', () => {
  const targets: Readonly<Record<string, string>> = {
    '/a%2Fb/(c)': '/a%2Fb/(c)',
    '/a"b': '/a%22b',
    '/<(>': '/%3C%28%3E',
    '/é': '/%C3%A9',
    '/a?': '/a?',
    '/a?q="<': '/a?q="<',
    'http://foo.bar/a?b': '/a?b',
    'http://foo.bar': '/',
    '*': '*',
    '/%zz"': '/%zz"',
    '': '',
  };
  for (const [target, path] of Object.entries(targets)) assert.equal(requestPath(target, true), path, target);
  assert.equal(requestPath('/a?b=c', false), '/a');
});
