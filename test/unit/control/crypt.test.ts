/** Hashes of passwords against those of openssl. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import test from 'node:test';
import { AdminAuth } from '../../../src/control/admin/admin-auth.ts';
import checkPassword from '../../../src/control/passwords/check-password.task.ts';
import { md5Crypt, shaCrypt } from '../../../src/control/passwords/crypt.ts';
import { hashKind, nobodysHash } from '../../../src/kernel/password-hash.ts';

const PASSWORDS = [
  'test',
  'x',
  'pässwörd ☃',
  'a password that is longer than any digest that is made of it: 0123456789'.repeat(2),
];

function openssl(kind: string, salt: string, password: string): string {
  return execFileSync('openssl', ['passwd', `-${kind}`, '-salt', salt, password], { encoding: 'utf8' }).trim();
}

test('MD5-crypt and SHA-crypt are those of openssl', () => {
  for (const password of PASSWORDS) {
    for (const salt of ['saltsalt', 'ab']) {
      assert.equal(md5Crypt(password, 'apr1', salt), openssl('apr1', salt, password));
      assert.equal(md5Crypt(password, '1', salt), openssl('1', salt, password));
      assert.equal(shaCrypt(password, `$5$${salt}$x`), openssl('5', salt, password));
      assert.equal(shaCrypt(password, `$6$${salt}$x`), openssl('6', salt, password));
    }
  }
});

test('each kind of hash is known and compared, and nothing else ever matches', async () => {
  const hashes: readonly (readonly [string, string | null])[] = [
    ['$2y$04$hVWhfqoqnqnTbFXlBFZXZu5vOQ8ZzaXPwLsnGxrJ4GQm1Gv0Rg2Zm', 'bcrypt'],
    ['$apr1$H6uskkkW$IgXLP6ewTrSuBkTrqE8wj/', 'md5crypt'],
    ['$1$saltsalt$tTWg0JeO/sYmHvtKmZE8c.', 'md5crypt'],
    ['$6$rounds=1500$saltsalt$x', null],
    ['{SHA}qUqP5cyxm6YcTAhz05Hph5gvu9M=', 'sha1'],
    ['test', null],
    ['', null],
    ['$2y$20$hVWhfqoqnqnTbFXlBFZXZu5vOQ8ZzaXPwLsnGxrJ4GQm1Gv0Rg2Zm', null],
    ['{SSHA}qUqP5cyxm6YcTAhz05Hph5gvu9M=', null],
  ];
  for (const [hash, kind] of hashes) assert.equal(hashKind(hash), kind, hash);
  assert.equal(await checkPassword({ password: 'test', hash: '$apr1$H6uskkkW$IgXLP6ewTrSuBkTrqE8wj/' }), true);
  assert.equal(await checkPassword({ password: 'tesu', hash: '$apr1$H6uskkkW$IgXLP6ewTrSuBkTrqE8wj/' }), false);
  assert.equal(await checkPassword({ password: 'test', hash: openssl('6', 'pepper', 'test') }), true);
  assert.equal(await checkPassword({ password: 'test', hash: 'test' }), false);
});

test('the hash of nobody takes the same comparison, and no password has it', async () => {
  const hashes = [
    '$2b$04$aQ6cSVXDR2dZBpiJx3Fz3eYpwyMTzxRnOPSI2ubRTJTnfwiOCpPh2',
    '$apr1$H6uskkkW$IgXLP6ewTrSuBkTrqE8wj/',
    openssl('5', 'pepper', 'test'),
    openssl('6', 'pepper', 'test'),
    '{SHA}qUqP5cyxm6YcTAhz05Hph5gvu9M=',
  ];
  for (const hash of hashes) {
    const nobodys = nobodysHash(hash);
    assert.equal(hashKind(nobodys), hashKind(hash), nobodys);
    assert.equal(nobodys.length, hash.length);
    assert.equal(nobodys.slice(0, -24), hash.slice(0, -24));
    assert.equal(await checkPassword({ password: 'test', hash: nobodys }), false, nobodys);
  }
});

test('a password that was right a moment ago is compared anew under a name that nobody has', async () => {
  const hash = '$apr1$H6uskkkW$IgXLP6ewTrSuBkTrqE8wj/';
  const compared: string[] = [];
  const auth = new AdminAuth([['test', hash]], (password, other) => {
    compared.push(other);
    return checkPassword({ password, hash: other });
  });
  const lets = (name: string): Promise<boolean> => {
    const authorization = `Basic ${Buffer.from(`${name}:test`).toString('base64')}`;
    return auth.lets({ fields: new Map([['authorization', authorization]]) } as never);
  };
  assert.deepEqual([await lets('test'), await lets('test')], [true, true]);
  assert.deepEqual(compared, [hash]);
  assert.deepEqual([await lets('nobody'), await lets('nobody')], [false, false]);
  assert.deepEqual(compared, [hash, nobodysHash(hash), nobodysHash(hash)]);
});
