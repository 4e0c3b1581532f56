import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { changeText, differences } from '../../../src/control/history/difference.ts';

test('what differs is told key by key, and what may be a secret by its length only', () => {
  const before = new Map([
    ['backends/b/servers/s/url', 'http://ann:secret@10.0.0.1'],
    ['frontends/f/auth/basic/users', 'ann:$2y$05$secret'],
    ['frontends/f/routes/r/rule', 'Host:a.test'],
    ['tls/t/certificate/keyfile', '-----BEGIN PRIVATE KEY-----'],
  ]);
  const after = new Map([
    ['backends/b/servers/s/url', 'http://10.0.0.2'],
    ['backends/b/servers/s/weight', '2'],
    ['frontends/f/auth/basic/users', 'ann:$2y$05$other'],
    ['frontends/f/routes/r/rule', 'Host:a.test'],
  ]);
  assert.deepEqual(differences(before, after).map(changeText), [
    '~ backends/b/servers/s/url = "http://***@10.0.0.1" -> "http://10.0.0.2"',
    '+ backends/b/servers/s/weight = "2"',
    '~ frontends/f/auth/basic/users = (17 bytes) -> (16 bytes)',
    '- tls/t/certificate/keyfile = (27 bytes)',
  ]);
});

test('the changes lead from one state to the other, whatever they are', () => {
  const state = fc.dictionary(fc.string(), fc.string()).map((entries) => new Map(Object.entries(entries)));
  fc.assert(
    fc.property(state, state, (before, after) => {
      const now = new Map(before);
      for (const { key, before: was, after: is } of differences(before, after)) {
        assert.equal(now.get(key) ?? null, was);
        is === null ? now.delete(key) : now.set(key, is);
      }
      assert.deepEqual([...now].sort(), [...after].sort());
    }),
    { numRuns: 100 },
  );
});
