/** Tokens as far as they are judged without a key (RFC 7519, RFC 8725; shared/spec frontend-options §3.14). */
import assert from 'node:assert/strict';
import test from 'node:test';
import { claimHas, claimText, parseToken, timeProblem } from '../../../src/http/token.ts';
import { parseObject } from '../../../src/kernel/strict-json.ts';

const encoded = (text: string): string => Buffer.from(text).toString('base64url');
const token = (header: string, claims: string, signature = 'AAAA'): string =>
  `${encoded(header)}.${encoded(claims)}.${signature}`;
const HEADER = '{"alg":"RS256"}';

test('a token is three parts of base64url in one spelling, of two objects without repeated names', () => {
  const good = token('{"alg":"RS256","kid":"k","typ":"at+jwt"}', '{"sub":"a"}');
  assert.deepEqual(parseToken(good), { algorithm: 'RS256', kid: 'k', claims: { sub: 'a' } });
  const bad = [
    '',
    'a.b',
    `${good}.`,
    `${good}=`,
    `${good} `,
    good.replace('.', '..'),
    // The last character has bits that say nothing.
    token(HEADER, '{}', 'AAB'),
    token(HEADER, '[]'),
    token(HEADER, '"text"'),
    token(HEADER, '{'),
    token(HEADER, '{"sub":"a","sub":"b"}'),
    token(HEADER, '{"sub":"a","\\u0073ub":"b"}'),
    token(HEADER, '{"a":[{"b":{"c":1,"c":1}}]}'),
    token('{"alg":"RS256","alg":"none"}', '{}'),
    token('{"alg":"RS256","crit":["exp"]}', '{}'),
    token('{"alg":"RS256","crit":[],"b64":false}', '{}'),
    token('{"alg":"RS256","kid":{"toString":1}}', '{}'),
    token('{"alg":1}', '{}'),
    token('{}', '{}'),
    `${encoded(HEADER)}.${Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]).toString('base64url')}.AAAA`,
    token(HEADER, `{"a":"${'x'.repeat(8_192)}"}`),
  ];
  for (const text of bad) assert.equal(typeof parseToken(text), 'string', text.slice(0, 80));
});

test('names are looked for in objects only, and an escaped quote ends no name', () => {
  for (const text of ['{"a":"a","b":["a","a",{"a":1}],"c":{"a":1}}', '{"a\\"":1,"a":2}', '{"a":"\\\\","b":{}}', '{}']) {
    assert.deepEqual(parseObject(text), JSON.parse(text));
  }
  for (const text of ['{"a":{},"a":[]}', '{"b":[1,{"x":1,"y":[],"x":2}]}', '{"\\u0061":1,"a":1}']) {
    assert.equal(parseObject(text), null, text);
  }
});

test('a token holds within its times, with some leeway', () => {
  const times = { leewaySeconds: 30, requireExp: true };
  const now = 1_000;
  const problem = (claims: Record<string, unknown>): string => timeProblem(claims, times, now);
  for (const claims of [{ exp: 971 }, { exp: 1e9, nbf: 1_030, iat: 1_030 }, { exp: 1_000.5 }]) {
    assert.equal(problem(claims), '', JSON.stringify(claims));
  }
  for (const claims of [{}, { exp: 970 }, { exp: '2000' }, { exp: 2000, nbf: 1_031 }, { exp: 2000, iat: 1_031 }]) {
    assert.notEqual(problem(claims), '', JSON.stringify(claims));
  }
  assert.notEqual(problem({ exp: null }), '');
  assert.equal(timeProblem({}, { leewaySeconds: 0, requireExp: false }, now), '');
});

test('a claim has one of the values by itself, as an array, or as a scope', () => {
  const claims = {
    role: 'admin',
    'https://a.com/roles': ['x', 'y'],
    realm: { roles: ['one', 2, true], scope: 'p q' },
    scope: 'read write',
    level: 3,
    big: 2 ** 53,
    isStaff: false,
    nothing: null,
  };
  const holds: [string, string][] = [
    ['role', 'admin'],
    ['https://a.com/roles', 'y'],
    ['realm.roles', '2'],
    ['realm.roles', 'true'],
    ['realm.scope', 'q'],
    ['scope', 'write'],
    ['scope', 'read write'],
    ['level', '3'],
    ['isStaff', 'false'],
  ];
  for (const [path, value] of holds) assert.ok(claimHas(claims, path, ['-', value]), `${path} ${value}`);
  const fails: [string, string][] = [
    ['role', 'Admin'],
    ['role', 'adm'],
    ['role.length', '5'],
    ['realm', '[object Object]'],
    ['constructor.name', 'Object'],
    ['__proto__', ''],
    ['realm.roles.0', 'one'],
    ['big', '9007199254740992'],
    ['nothing', 'null'],
    ['missing', 'undefined'],
    ['scope', 'rea'],
  ];
  for (const [path, value] of fails) assert.ok(!claimHas(claims, path, [value]), `${path} ${value}`);
});

test('a server is told what fits into a field, and nothing else', () => {
  const claims = {
    sub: 'jo',
    list: ['a', 'b'],
    mixed: ['a', 1],
    number: 1.5,
    object: {},
    line: 'a\r\nx: y',
    c1: 'a\u0085b',
    long: 'x'.repeat(4_097),
    wide: 'é'.repeat(2_048),
  };
  const told = Object.keys(claims).map((path) => claimText(claims, path));
  assert.deepEqual(told, ['jo', 'a,b', '', '1.5', '', '', '', '', claims.wide]);
});
