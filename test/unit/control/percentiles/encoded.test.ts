import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import test from 'node:test';
import { deflateSync } from 'node:zlib';
import fc from 'fast-check';
import { askOthers, pagesOf } from '../../../../src/control/cluster/ask-nodes.ts';
import { readNodeState } from '../../../../src/control/cluster/node-state.ts';
import { MergedHistogram } from '../../../../src/control/percentiles/encoded.ts';
import { LATENCY_BUCKETS, latencyBucket } from '../../../../src/shared/latency.ts';

function countsOf(seconds: readonly number[]): Uint32Array {
  const counts = new Uint32Array(LATENCY_BUCKETS);
  for (const each of seconds) counts[latencyBucket(each)]++;
  return counts;
}

test('the percentiles of what several nodes have counted are those of all of it', () => {
  const durations = fc.array(fc.double({ min: 0.00002, max: 100, noNaN: true }), { maxLength: 300 });
  fc.assert(
    fc.property(fc.array(durations, { minLength: 1, maxLength: 4 }), (nodes) => {
      const merged = new MergedHistogram();
      for (const node of nodes) {
        const own = new MergedHistogram();
        own.addCounts(countsOf(node));
        assert.equal(merged.addText(own.text()), '');
      }
      const all = nodes.flat().sort((one, other) => one - other);
      const { requests, p50, p99, max } = merged.figures();
      assert.equal(requests, all.length);
      if (all.length === 0) {
        assert.deepEqual([p50, max], [null, null]);
        return;
      }
      for (const [told, share] of [
        [p50, 0.5],
        [p99, 0.99],
        [max, 1],
      ] as const) {
        const exact = all[Math.max(Math.ceil(all.length * share) - 1, 0)] * 1_000;
        assert.ok(Math.abs(told! - exact) <= exact * 0.05 + 0.001, `${told} for ${exact}`);
      }
    }),
    { numRuns: 60 },
  );
});

test('what is no histogram of ours is not added, whatever it wants of memory and time', () => {
  const merged = new MergedHistogram();
  const own = new MergedHistogram();
  own.addCounts(countsOf([0.1]));
  const good = Buffer.from(own.text(), 'base64');
  const packed = (inner: Buffer): string => {
    const bytes = deflateSync(inner);
    const head = Buffer.from(good.subarray(0, 8));
    head.writeInt32BE(bytes.length, 4);
    return Buffer.concat([head, bytes]).toString('base64');
  };
  const inner = (change: (bytes: Buffer) => void): string => {
    const bytes = Buffer.alloc(40);
    bytes.writeInt32BE(0x1c849313, 0);
    bytes.writeInt32BE(2, 12);
    bytes.writeBigInt64BE(1n, 16);
    bytes.writeBigInt64BE(2n ** 27n, 24);
    change(bytes);
    return packed(bytes);
  };
  assert.equal(merged.addText(inner(() => {})), '');
  for (const text of [
    '',
    'not base64!',
    'x'.repeat(100_000),
    packed(Buffer.alloc(1 << 20)),
    good.subarray(0, -3).toString('base64'),
    inner((bytes) => bytes.writeInt32BE(2 ** 30, 4)),
    inner((bytes) => bytes.writeInt32BE(5, 12)),
    inner((bytes) => bytes.writeBigInt64BE(2n ** 50n, 24)),
  ]) {
    assert.notEqual(merged.addText(text), '', text.slice(0, 40));
  }
  assert.equal(merged.figures().requests, 0);
});

test('the pages of a node are asked where they are reached, or it is said why not', () => {
  const node = (fields: object) => readNodeState('id', JSON.stringify({ name: 'a', address: '10.0.0.2', ...fields }));
  const own = node({ name: 'b', address: '10.0.0.1' });
  for (const [fields, expected] of [
    [{ admin: ':8080' }, 'http://10.0.0.2:8080/'],
    [{ admin: '0.0.0.0:8080', adminTls: true, adminPath: '/lb/' }, 'https://10.0.0.2:8080/lb/'],
    [{ admin: '[::]:8080', address: 'fd00::2' }, 'http://[fd00::2]:8080/'],
    [{ admin: '10.1.1.1:80', adminPath: '/a?b' }, 'http://10.1.1.1:80/'],
    [{ admin: '127.0.0.1:8080' }, /127\.0\.0\.1:8080, which only its own host reaches/],
    [{ admin: '127.0.0.1:8080', name: 'b', address: '10.0.0.1' }, 'http://127.0.0.1:8080/'],
    [{ admin: '' }, /no admin address/],
    [{ admin: 'a b:80' }, /none that can be asked/],
    [{ admin: ':8080', address: '' }, /none that can be asked/],
  ] as const) {
    const pages = pagesOf(node(fields), own);
    const told = 'url' in pages ? pages.url : pages.reason;
    if (typeof expected === 'string') assert.equal(told, expected);
    else assert.match(told, expected);
  }
});

test('of nodes that do not answer each is named, however many they are, within twice the time of one', async () => {
  const silent = createServer(() => {});
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  const { port } = silent.address() as { port: number };
  const node = (id: number) =>
    readNodeState(`n${id}`, JSON.stringify({ name: 'h', address: '127.0.0.1', admin: `127.0.0.1:${port}` }));
  const nodes = Array.from({ length: 400 }, (_, id) => node(id));
  const answers = await askOthers({ nodes, more: 3, reason: '' }, { path: 'api', ms: 200, mostBytes: 100 });
  silent.close();
  assert.equal(answers.length, 400);
  const late = answers.filter(({ reason }) => /^no answer within 0\.\d+ s$/.test(reason)).length;
  const notAsked = answers.filter(({ reason }) => reason.startsWith('it was not asked')).length;
  assert.ok(late >= 1 && notAsked >= 1, `${late} ${notAsked}`);
  assert.equal(late + notAsked, 399);
});
