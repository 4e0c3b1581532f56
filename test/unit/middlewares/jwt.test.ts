/** The keys `jwt/…` of a frontend (shared/spec frontend-options §3.14). */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import test from 'node:test';
import { type Problem, ProblemList } from '../../../src/kernel/problems.ts';
import { JWT, type JwtOptions } from '../../../src/middlewares/jwt.ts';
import { type Known, REJECTED } from '../../../src/middlewares/kind.ts';
import { parseKind } from '../../../src/middlewares/kinds.ts';

const SECRET = Buffer.alloc(32, 's').toString('base64url');
const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const PEM = pair.publicKey.export({ format: 'pem', type: 'spki' }) as string;

function parse(keys: Record<string, string>): { options: JwtOptions | null; problems: readonly Problem[] } {
  const problems = new ProblemList('/');
  const values = new Map(Object.entries(keys).map(([key, value]) => [`jwt/${key}`, value]));
  const parsed = parseKind(JWT, values, {} as Known, problems);
  return { options: parsed === REJECTED ? null : parsed, problems: problems.list };
}

test('what is not said is strict, and what is not checked is told', () => {
  const { options, problems } = parse({ jwksurl: 'https://a.com/keys#x' });
  assert.deepEqual(options, {
    jwksUrl: 'https://a.com/keys',
    keys: [],
    secret: '',
    algorithms: ['RS256', 'PS256', 'ES256', 'EdDSA'],
    issuers: [],
    audiences: [],
    leewaySeconds: 30,
    requireExp: true,
    claims: [],
    forwardClaims: [],
    sources: [{ kind: 'header', name: 'authorization' }],
    removeToken: false,
    optional: false,
    headerField: '',
  });
  assert.deepEqual(
    problems.map(({ key, state }) => [key, state]),
    [
      ['/jwt/issuer', 'warned'],
      ['/jwt/audience', 'warned'],
    ],
  );
  assert.deepEqual(JWT.keySets!(options!), [{ key: 'jwt/jwksurl', url: 'https://a.com/keys' }]);
});

test('keys are PEM texts and JWK, named by their own kid or the name of their key', () => {
  const jwk = JSON.stringify({ ...pair.publicKey.export({ format: 'jwk' }), kid: 'own' });
  const { options } = parse({ 'keys/a': PEM.replaceAll('\n', '\\n'), 'keys/b': jwk, 'keys/c': jwk.replace('own', '') });
  assert.deepEqual(
    options!.keys.map(({ kid }) => kid),
    ['a', 'own', 'c'],
  );
});

test('whatever is wrong closes the frontend, with the reason and without the secret', () => {
  const url = { jwksurl: 'https://a.com/keys' };
  const privatePem = pair.privateKey.export({ format: 'pem', type: 'pkcs8' }) as string;
  const bad: [string, Record<string, string>][] = [
    ['jwksurl', { optional: 'true' }],
    ['jwksurl', { jwksurl: '' }],
    ['jwksurl', { jwksurl: 'a.com/keys' }],
    ['jwksurl', { jwksurl: 'http://a.com/keys' }],
    ['jwksurl', { jwksurl: 'https://joe:pass@a.com/keys' }],
    ['secret', { ...url, secret: SECRET }],
    ['secret', { secret: SECRET, 'keys/a': PEM }],
    ['secret', { secret: SECRET.slice(0, 40) }],
    ['secret', { secret: `${SECRET}=` }],
    ['secret', { secret: '' }],
    ['keys/a', { 'keys/a': privatePem }],
    ['keys/a', { 'keys/a': 'text' }],
    ['algorithms', { ...url, algorithms: 'RS256,none' }],
    ['algorithms', { ...url, algorithms: 'HS256' }],
    ['algorithms', { ...url, algorithms: 'rs256' }],
    ['algorithms', { ...url, algorithms: '' }],
    ['algorithms', { secret: SECRET, algorithms: 'RS256' }],
    ['issuer', { ...url, issuer: ',' }],
    ['audience', { ...url, 'audience/0': '' }],
    ['leeway', { ...url, leeway: '6m' }],
    ['leeway', { ...url, leeway: 'soon' }],
    ['claims/role', { ...url, 'claims/role': '' }],
    ['forwardclaims/Host', { ...url, 'forwardclaims/Host': 'sub' }],
    ['forwardclaims/Content-Length', { ...url, 'forwardclaims/Content-Length': 'sub' }],
    ['forwardclaims/X-A', { ...url, 'forwardclaims/X-A': '' }],
    ['sources', { ...url, sources: 'body:token' }],
    ['sources', { ...url, sources: 'header:' }],
    ['headerfield', { ...url, headerfield: 'X User' }],
    ['issuers', { ...url, issuers: 'a' }],
    ['claims/a/b/c', { ...url, 'claims/a/b/c': 'd' }],
  ];
  for (const [key, keys] of bad) {
    const { options, problems } = parse(keys);
    assert.equal(options, null, JSON.stringify(keys));
    assert.ok(
      problems.some((problem) => problem.key === `/jwt/${key}` && problem.state === 'rejected'),
      `${key}: ${JSON.stringify(problems)}`,
    );
    const reasons = problems.map(({ reason }) => reason).join();
    for (const secret of [SECRET, 'joe', privatePem.slice(40, 80)]) assert.ok(!reasons.includes(secret));
  }
  assert.notEqual(parse({ jwksurl: 'http://a.com/', allowhttp: 'true' }).options, null);
  assert.notEqual(parse({ jwksurl: 'http://[::1]:1/' }).options, null);
});

test('of its options only what is no secret is shown', () => {
  const shown = (keys: Record<string, string>): string => JSON.stringify(JWT.show(parse(keys).options!));
  assert.equal(shown({ secret: SECRET }), '{"algorithms":["HS256"]}');
  assert.equal(
    shown({ jwksurl: 'https://a.com/k?code=1', algorithms: 'ES256' }),
    '{"jwksUrl":"https://a.com/k","algorithms":["ES256"]}',
  );
});
