/** What is known of the names in a head without a look at its text never hides one of them. */
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { cgiName } from '../../../src/http/forwarding.ts';
import { bitOf } from '../../../src/http/name-bits.ts';
import { RequestHead } from '../../../src/http/request-head.ts';
import { RequestParser } from '../../../src/http/request-parser.ts';
import { ResponseHead } from '../../../src/http/response-head.ts';
import { ResponseField, ResponseText } from '../../../src/http/response-text.ts';

/** Few of them, so that some are alike. */
const name = fc.constantFrom(
  'a',
  'x',
  'X-A',
  'x_a',
  'x.a',
  'x-b',
  '-a',
  '.a',
  'vary',
  'Vary',
  'via',
  'x-forwarded-user',
);
const value = fc.constantFrom('1', 'x-a: 2', 'caf\xe9', '');
const fields = fc.array(fc.tuple(name, value), { maxLength: 6 });
/** What is done: a name, and what it is set to, '' to take it off; or added. */
const edits = fc.array(fc.tuple(name, value, fc.boolean()), { maxLength: 6 });

const sameName = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase();
const sameSpelling = (a: string, b: string): boolean => cgiName(a.toLowerCase()) === cgiName(b.toLowerCase());

test('names that some servers take for one have one bit, in any case', () => {
  const others = "!#$%&'*+.^_`|~-";
  const token = fc.string({ unit: fc.constantFrom(...`aZ0${others}`), minLength: 1, maxLength: 40 });
  fc.assert(
    fc.property(token, fc.constantFrom(...others), fc.boolean(), (text, other, upper) => {
      const spelling = text.replaceAll(/[^a-z0-9]/gi, other);
      assert.equal(bitOf(upper ? spelling.toUpperCase() : spelling), bitOf(text));
    }),
  );
});

test('a field of a request that is set takes the place of all its spellings, wherever they come from', () => {
  const step = fc.tuple(fc.constantFrom('set', 'lines'), name, value);
  fc.assert(
    fc.property(fields, fc.array(step, { maxLength: 6 }), fc.boolean(), (sent, steps, inBytes) => {
      const head = new RequestHead();
      if (inBytes) {
        const lines = sent.map((field) => `${field.join(': ')}\r\n`).join('');
        const bytes = Buffer.from(`GET / HTTP/1.1\r\nHost: a\r\n${lines}\r\n`);
        assert.equal(new RequestParser().parse(bytes, 0, bytes.length, head, 100, null), bytes.length);
      } else {
        head.begin('GET', '/', '/');
        head.add('host', 'a');
        for (const [each, text] of sent) head.add(each.toLowerCase(), text);
        head.finish();
      }
      let expected = sent.map(([each, text]) => [each.toLowerCase(), text]);
      for (const [what, each, text] of steps) {
        const lower = each.toLowerCase();
        if (what === 'set') expected = expected.filter(([other]) => !sameSpelling(other, lower));
        if (what === 'set') head.setField(lower, text);
        else head.addLines(`${lower}: ${text}\r\n`);
        if (what === 'lines' || text !== '') expected.push([lower, text]);
      }
      assert.equal(head.fields, expected.map(([each, text]) => `${each}: ${text}\r\n`).join(''));
      for (const each of ['a', 'x-a', 'via', '.a']) {
        const values = expected.filter(([other]) => other === each).map(([, text]) => text);
        assert.deepEqual(head.values(each), values);
      }
    }),
  );
});

test('a field of a response that is set takes the place of all of its name', () => {
  const text = (list: readonly (readonly [string, string])[]) =>
    list.map((field) => `\r\n${field.join(': ')}`).join('');
  fc.assert(
    fc.property(fields, edits, fc.boolean(), (sent, steps, prepared) => {
      const head = new ResponseHead();
      const bytes = Buffer.from(`HTTP/1.1 200 OK${text(sent)}\r\n\r\n`, 'latin1');
      assert.equal(head.parse(bytes, 0, bytes.length), bytes.length);
      const response = new ResponseText();
      response.text = head.text;
      response.names = head.names;
      let expected: (readonly [string, string])[] = sent.slice();
      for (const [each, to, adds] of steps) {
        if (!adds) expected = expected.filter(([other]) => !sameName(other, each));
        if (!adds && to === '') {
          response.remove(each.toLowerCase());
          continue;
        }
        // That of an option is text, and becomes UTF-8.
        const written = prepared ? Buffer.from(to).toString('latin1') : to;
        expected.push([each, written]);
        if (!prepared) response[adds ? 'add' : 'set'](each, to);
        else response[adds ? 'addField' : 'setField'](new ResponseField(each, to));
      }
      assert.equal(response.text, `200 OK${text(expected)}`);
      for (const each of ['a', 'x-a', 'vary', '.a']) {
        const values = expected.filter(([other]) => sameName(other, each)).map(([, to]) => to);
        assert.deepEqual(response.all(each), values);
        assert.equal(response.has(each), values.length > 0);
        assert.equal(response.get(each), values[0] ?? null);
      }
      assert.equal(
        response.nonAscii,
        steps.some(([, to]) => to === 'caf\xe9'),
      );
    }),
  );
});
