import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { holds, parseRetryExpression, type RetryFacts } from '../../../src/middlewares/retry-expression.ts';

const facts = (attempts: number, code: number, method = 'GET'): RetryFacts => ({ attempts, code, method });

test('an expression holds as Go would have it', () => {
  const cases: readonly (readonly [string, RetryFacts, boolean])[] = [
    ['IsNetworkError() && Attempts() <= 2', facts(2, 502), true],
    ['IsNetworkError() && Attempts() <= 2', facts(3, 502), false],
    ['IsNetworkError()', facts(1, 504), true],
    ['IsNetworkError()', facts(1, 503), false],
    ['ResponseCode() == 503 || ResponseCode() == 500 && RequestMethod() == "GET"', facts(1, 503, 'POST'), true],
    ['ResponseCode() == 503 || ResponseCode() == 500 && RequestMethod() == "GET"', facts(1, 500, 'POST'), false],
    ['(ResponseCode() == 503 || ResponseCode() == 500) && RequestMethod() == `GET`', facts(1, 500), true],
    ['RequestMethod() != "GET"', facts(1, 500), false],
    ['Attempts ( ) != 3 && ResponseCode() >= 500 && ResponseCode() < 600 && ResponseCode() > 499', facts(1, 500), true],
  ];
  for (const [text, given, expected] of cases) assert.equal(holds(parseRetryExpression(text), given), expected, text);
});

test('what Go and Traefik refuse is refused, with the reason', () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ['!IsNetworkError()', /"!IsNetworkError\(\)" has no meaning here/],
    ['Attempts() < 2.5', /"2\.5" has no meaning here/],
    ['2 > Attempts()', /"2" stands where a function/],
    ['RequestMethod() < "GET"', /== or !=/],
    ['true', /"true" has no meaning/],
    ['   ', /the end/],
    ['Attempts()', /must be compared/],
    ['Attempts() == "x"', /a whole number/],
    ['Retries() == 1', /there is no function "Retries"/],
    ['(IsNetworkError()', /\) is missing/],
    ['IsNetworkError() IsNetworkError()', /has no meaning/],
    [`${'('.repeat(60)}IsNetworkError()${')'.repeat(60)}`, /nested/],
    [`IsNetworkError()${' '.repeat(3000)}`, /longer than/],
  ];
  for (const [text, reason] of cases) assert.throws(() => parseRetryExpression(text), reason, text);
});

test('any text is parsed or refused with an Error that is short', () => {
  const part = fc.constantFrom(
    'IsNetworkError()',
    'Attempts()',
    '==',
    '&&',
    '||',
    '(',
    ')',
    '5',
    '"a"',
    '!',
    '\0',
    '`',
    ' ',
  );
  fc.assert(
    fc.property(fc.array(fc.oneof(part, fc.string()), { maxLength: 20 }), (parts) => {
      try {
        holds(parseRetryExpression(parts.join('')), facts(1, 200));
      } catch (error) {
        assert.ok((error as Error).message.length < 400);
      }
    }),
  );
});
