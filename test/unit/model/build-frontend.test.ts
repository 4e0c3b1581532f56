import assert from 'node:assert/strict';
import test from 'node:test';
import { ModelBuilder } from '../../../src/model/build-model.ts';

/** Keys that are to protect a frontend with values that cannot be used; under which key, and why. */
const PROTECTIONS: readonly (readonly [key: string, value: string, under: string, reason: RegExp])[] = [
  ['basicauth', 'x', 'basicauth', /NAME:HASH/],
  ['basicauth', 'a:plain', 'basicauth', /the hash of user "a" is of no known kind/],
  ['auth/basic/users/0', 'a:b:c', 'auth/basic/users', /one colon/],
  ['auth/basic/usersfile', '/nowhere', 'auth/basic/usersfile', /there are no files here/],
  ['auth/digest/users', 'a:other:a2688e031edb4be6a3797f3882655c05', 'auth/digest/users', /must be traefik/],
  ['auth/forward/address', 'ftp://x', 'auth/forward/address', /no http or https URL/],
  ['auth/forward/trustforwardheader', 'true', 'auth/forward/address', /it is missing/],
  ['auth/basci/users', 'a:b', 'auth/basci/users', /no key of auth/],
  ['auth/basic/user', 'a:b', 'auth/basic/user', /no key of auth/],
  ['auth/forward/tsl/ca', 'x', 'auth/forward/tsl/ca', /no key of auth/],
  ['auth/headerfield', 'X Y', 'auth/headerfield', /no name of a field/],
  ['passtlscert', 'true', 'passtlscert', /not supported/],
];

for (const [key, value, under, reason] of PROTECTIONS) {
  test(`a frontend with ${key} = ${value} is left out, never served without it`, () => {
    const builder = new ModelBuilder({
      prefix: '/traefik',
      entryPoints: ['http'],
      defaultEntryPoints: ['http'],
      allowMinWeightZero: false,
    });
    const { model } = builder.update([
      { key: 'backends/b/servers/s/url', value: 'http://10.0.0.1:80' },
      { key: 'frontends/open/backend', value: 'b' },
      { key: 'frontends/guarded/backend', value: 'b' },
      { key: `frontends/guarded/${key}`, value },
    ]);
    assert.deepEqual([...model.frontends.keys()], ['open']);
    const problem = model.problems.get(`/traefik/frontends/guarded/${under}`);
    assert.equal(problem?.state, 'rejected');
    assert.match(problem!.reason, reason);
  });
}
