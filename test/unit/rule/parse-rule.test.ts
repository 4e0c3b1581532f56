import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { TsujiError } from '../../../src/kernel/errors.ts';
import { parseRule } from '../../../src/rule/parse-rule.ts';

function reasonFor(rule: string): string {
  try {
    parseRule(rule);
  } catch (error) {
    assert.ok(error instanceof TsujiError);
    assert.equal(error.code, 'BAD_RULE');
    return error.message;
  }
  assert.fail(`${JSON.stringify(rule)} was accepted`);
}

test('a rule is cut into segments, a name and trimmed arguments', () => {
  assert.deepEqual(parseRule(' Host : a.com , b.com ;Path:/x'), [
    { name: 'Host', args: ['a.com', 'b.com'], lostColons: false, position: 2 },
    { name: 'Path', args: ['/x'], lostColons: false, position: 24 },
  ]);
});

test('colons inside arguments survive one by one, outer and doubled ones are lost', () => {
  assert.deepEqual(parseRule('Path:/a::b')[0].args, ['/a:b']);
  assert.deepEqual(parseRule('Path::/foo:')[0].args, ['/foo']);
  assert.deepEqual(parseRule(':Path:/foo')[0], { name: 'Path', args: ['/foo'], lostColons: false, position: 1 });
  assert.deepEqual(
    ['Path:/a::b', 'Path:::/a', 'Path::/a', ':::Path:/a:b'].map((rule) => parseRule(rule)[0].lostColons),
    [true, true, false, false],
  );
});

test('empty items vanish, items of blanks stay as empty text', () => {
  assert.deepEqual(parseRule('Headers: X-Foo, ')[0].args, ['X-Foo', '']);
  assert.deepEqual(parseRule('Host:,a,,b,')[0].args, ['a', 'b']);
});

test('an error names the function, the problem and the place', () => {
  assert.equal(reasonFor(''), 'the rule "" has no function (at character 1 of the rule)');
  assert.equal(reasonFor(';;'), 'the rule ";;" has no function (at character 1 of the rule)');
  assert.equal(reasonFor('Path:/x;Host'), 'Host has no argument: write "Host:value" (at character 9 of the rule)');
  assert.equal(reasonFor('Host:,'), 'Host has no argument: write "Host:value" (at character 1 of the rule)');
  assert.equal(reasonFor('Path:/x; ;'), 'a function name is expected before ":" in " " (at character 10 of the rule)');
  assert.match(reasonFor(':::'), /^a function name is expected before ":" in ":::"/);
});

test('any text either parses or is refused with a reason, also when it is cut at any character', () => {
  const full = 'Host:a.com, b.com ;PathPrefix:/a::b,/c; Method:get;';
  const attempt = (rule: string): void => {
    try {
      for (const { name, args, position } of parseRule(rule)) {
        assert.ok(name !== '' && args.length > 0);
        assert.ok(
          rule
            .slice(position - 1)
            .replace(/^:+/, '')
            .trimStart()
            .startsWith(name),
        );
      }
    } catch (error) {
      assert.ok(error instanceof TsujiError, String(error));
    }
  };
  for (let end = 0; end <= full.length; end += 1) attempt(full.slice(0, end));
  fc.assert(fc.property(fc.string({ unit: fc.constantFrom(':', ';', ',', ' ', 'a', '/', '{', 'é') }), attempt));
});
