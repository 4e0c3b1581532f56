import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { IKeyValue } from 'etcd3';
import type { EtcdV3Connection } from '../../../../src/control/source/etcd-v3-connection.ts';
import { WatchMark } from '../../../../src/control/source/etcd-v3-mark.ts';
import { RangeAnswer } from '../../../../src/control/source/etcd-v3-range.ts';
import { serviceConstructor } from '../../../../src/control/source/etcd-v3-services.ts';
import { readWatchAnswer } from '../../../../src/control/source/etcd-v3-watch-answer.ts';
import { atOnce } from '../../../../src/kernel/steps.ts';

type Store = { cluster: string; keys: number; newest: number; error: string };
type Request = { readonly count_only?: boolean; readonly revision: string; readonly key: Buffer };

const RANGE = { start: Buffer.from('/t/'), end: Buffer.from('/t0') };

function kv(key: string, created: number, modified: number): IKeyValue {
  const revisions = { create_revision: String(created), mod_revision: String(modified), version: '1', lease: '0' };
  return { key: Buffer.from(key), value: Buffer.alloc(0), ...revisions };
}

function put(key: string, created: number, modified: number): object {
  return { type: 'Put', kv: kv(key, created, modified) };
}

function deleted(key: string, at: number): object {
  return { type: 'Delete', kv: kv(key, 0, at) };
}

/** As a watch tells them. */
function happened(mark: WatchMark, ...events: object[]): void {
  const bytes = serviceConstructor('Watch').service.Watch!.responseSerialize({ events });
  for (const each of atOnce(readWatchAnswer(bytes)).events) atOnce(mark.seeing(each))();
}

/** After a reading of two keys at revision 7. */
function marked(): WatchMark {
  const mark = new WatchMark(RANGE, { clusterId: 'one', revision: 7, count: 2 });
  const kvs = [kv('/t/a', 3, 6), kv('/t/b', 4, 4)];
  const page = new RangeAnswer(serviceConstructor('KV').service.Range!.responseSerialize({ kvs }));
  mark.read(page.at(0));
  mark.read(page.at(1));
  return mark;
}

/** Whether it goes on, and the revision and the key that were asked for. */
async function ask(mark: WatchMark, store: Store): Promise<{ known: boolean; asked: string }> {
  let asked = '';
  const exec = async (_service: string, _method: string, request: unknown): Promise<unknown> => {
    const { count_only, revision, key } = request as Request;
    if (store.error !== '') throw new Error(store.error);
    const header = { cluster_id: store.cluster, revision };
    if (count_only === true) return { header, count: String(store.keys), kvs: [] };
    asked = `${key} at ${revision}`;
    return { header, kvs: store.newest === 0 ? [] : [kv('', 1, store.newest)] };
  };
  const known = await mark.isKnownTo({ exec } as unknown as EtcdV3Connection);
  return { known, asked };
}

test('a store goes on that has the cluster, the number of keys and the newest key that are known', async () => {
  const same: Store = { cluster: 'one', keys: 2, newest: 6, error: '' };
  assert.deepEqual(await ask(marked(), same), { known: true, asked: '/t/a at 7' });
  for (const other of [{ cluster: 'two' }, { keys: 3 }, { newest: 5 }, { newest: 0 }]) {
    assert.equal((await ask(marked(), { ...same, ...other })).known, false, JSON.stringify(other));
  }
  for (const error of ['required revision is a future revision', 'mvcc: required revision has been compacted']) {
    assert.equal((await ask(marked(), { ...same, error })).known, false, error);
  }
  await assert.rejects(ask(marked(), { ...same, error: 'no leader' }), /no leader/);
});

test('what events add and take away is counted, and the newest put is known', async () => {
  const mark = marked();
  happened(mark, put('/t/c', 8, 8), put('/t/a', 3, 8));
  happened(mark, deleted('/t/b', 9));
  mark.confirmed(12);
  mark.confirmed(11);
  const { known, asked } = await ask(mark, { cluster: 'one', keys: 2, newest: 8, error: '' });
  assert.deepEqual({ known, asked }, { known: true, asked: '/t/a at 12' });
});

test('where the newest key was deleted, nothing vouches for the history', async () => {
  const mark = marked();
  happened(mark, deleted('/t/a', 8));
  assert.equal((await ask(mark, { cluster: 'one', keys: 1, newest: 4, error: '' })).known, false);
});
