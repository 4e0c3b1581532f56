import assert from 'node:assert/strict';
import test from 'node:test';
import { ModelBuilder } from '../../../src/model/build-model.ts';

const PROTECTIONS = ['basicauth', 'auth/basic/users/0', 'auth/digest/users', 'auth/forward/address'];

for (const key of PROTECTIONS) {
  test(`a frontend that asks for ${key}, which is not built yet, is left out instead of being served without it`, () => {
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
      { key: `frontends/guarded/${key}`, value: 'x' },
    ]);
    assert.deepEqual([...model.frontends.keys()], ['open']);
    const problem = model.problems.get(`/traefik/frontends/guarded/${key}`);
    assert.equal(problem?.state, 'rejected');
    assert.equal(problem?.reason, 'not supported yet, and the frontend must not be served without it');
  });
}
