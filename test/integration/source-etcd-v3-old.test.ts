/** An etcd before 3.4, which ignores progress requests. None is at hand, so a small gRPC server stands in for it. */
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import test, { type TestContext } from 'node:test';
import type * as Grpc from '@grpc/grpc-js';
import type * as ProtoLoader from '@grpc/proto-loader';
import type { IRangeRequest, IWatchRequest, IWatchResponse } from 'etcd3';
import { EtcdV3Source } from '../../src/control/source/etcd-v3.ts';
import { etcdSettings } from '../harness/defaults.ts';
import { OWN_HOST } from '../harness/own-host.ts';
import { SourceRecorder } from '../harness/source-recorder.ts';
import { waitFor } from '../harness/tools.ts';

const etcd3Path = createRequire(import.meta.url).resolve('etcd3');
const requireFromEtcd3 = createRequire(etcd3Path);
const grpc: typeof Grpc = requireFromEtcd3('@grpc/grpc-js');
const protoLoader: typeof ProtoLoader = requireFromEtcd3('@grpc/proto-loader');

type Pair = { readonly key: Buffer; readonly value: Buffer; readonly mod_revision: string };

type OldEtcd = {
  readonly endpoint: string;
  /** Sets the one key, or deletes it with null; `silent`: without telling the watches. Any other key of the store: `foreign`. */
  put(value: string | null, how: 'told' | 'silent' | 'foreign'): void;
  /** Watches that were ever begun. */
  watches(): number;
};

async function startOldEtcd(t: TestContext): Promise<OldEtcd> {
  const options = { keepCase: true, longs: String, enums: String, defaults: true, oneofs: true };
  const definition = protoLoader.loadSync(requireFromEtcd3.resolve('../proto/rpc.proto'), options);
  const { etcdserverpb } = grpc.loadPackageDefinition(definition) as unknown as {
    etcdserverpb: Record<'KV' | 'Watch', Grpc.ServiceClientConstructor>;
  };
  type WatchCall = Grpc.ServerDuplexStream<IWatchRequest, Partial<IWatchResponse>>;
  const streams = new Set<WatchCall>();
  let watches = 0;
  let revision = 5;
  const key = Buffer.from('/traefik/a');
  /** The key at each revision; null: there was none. */
  const history = new Map<number, Pair | null>([[5, { key, value: Buffer.from('1'), mod_revision: '5' }]]);
  const header = () => ({ cluster_id: '1', member_id: '1', revision: String(revision), raft_term: '1' });
  /** What became of the key at that revision, if anything. */
  const tell = (call: WatchCall, at: number): void => {
    const [pair, before] = [history.get(at), history.get(at - 1)];
    if (pair === before) return;
    const event = pair === null ? { type: 'Delete', kv: { key, mod_revision: String(at) } } : { type: 'Put', kv: pair };
    call.write({ header: header(), watch_id: '0', events: [event] as unknown as IWatchResponse['events'] });
  };
  const server = new grpc.Server();
  server.addService(etcdserverpb.KV.service, {
    range({ request }: { request: IRangeRequest }, done: Grpc.sendUnaryData<unknown>) {
      const pair = history.get(Number(request.revision) || revision) ?? null;
      const newEnough = Number(pair?.mod_revision) >= Number(request.min_mod_revision);
      const kvs = request.count_only || !newEnough ? [] : [pair];
      done(null, { header: header(), kvs, more: false, count: pair === null ? '0' : '1' });
    },
  });
  server.addService(etcdserverpb.Watch.service, {
    watch(call: WatchCall) {
      call.on('data', (request: IWatchRequest) => {
        if (!request.create_request) return;
        watches++;
        streams.add(call);
        call.write({ header: header(), watch_id: '0', created: true });
        for (let at = Number(request.create_request.start_revision); at <= revision; at++) tell(call, at);
      });
      call.on('cancelled', () => streams.delete(call));
      call.on('end', () => call.end());
    },
  });
  const port = await new Promise<number>((resolve, reject) => {
    const credentials = grpc.ServerCredentials.createInsecure();
    server.bindAsync(`${OWN_HOST}:0`, credentials, (error, bound) => (error ? reject(error) : resolve(bound)));
  });
  t.after(() => server.forceShutdown());
  return {
    endpoint: `${OWN_HOST}:${port}`,
    put(value, how) {
      revision++;
      const before = history.get(revision - 1)!;
      const pair = value === null ? null : { key, value: Buffer.from(value), mod_revision: String(revision) };
      history.set(revision, how === 'foreign' ? before : pair);
      if (how === 'told') for (const stream of streams) tell(stream, revision);
    },
    watches: () => watches,
  };
}

test('an etcd without progress requests is followed, and only a missed change begins the watch anew', async (t) => {
  const etcd = await startOldEtcd(t);
  const source = new EtcdV3Source(etcdSettings([etcd.endpoint]), { probeMs: 50, deadlineMs: 1_000 });
  t.after(() => source.stop());
  const sink = new SourceRecorder(source);
  source.start(sink);
  await sink.has('a', '1');
  await waitFor(() => etcd.watches() === 1, 'the watch');
  etcd.put('2', 'told');
  await sink.has('a', '2');

  etcd.put('x', 'foreign');
  const { confirmedAt } = source.status();
  await waitFor(() => source.status().confirmedAt > confirmedAt, 'a probe');
  assert.equal(etcd.watches(), 1);

  etcd.put('3', 'silent');
  await sink.has('a', '3');
  assert.equal(source.status().restarts, 1);
  await waitFor(() => etcd.watches() === 2, 'a new watch');

  // A deletion leaves no key that is newer.
  etcd.put(null, 'silent');
  await sink.has('a', undefined);
  assert.equal(source.status().restarts, 2);
  await waitFor(() => etcd.watches() === 3, 'a new watch');
});
